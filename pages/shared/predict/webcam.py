"""The Predict page's webcam: answers while one looks, and a picture kept to look at closely."""

from dataclasses import dataclass
from secrets import token_hex

from pages.shared import state
from pages.shared.camera import Hold, camera
from pages.shared.predict.single import try_pictures
from tl_core.runs import Run, compute_client
from tl_core.runs.results.answers import Answer


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture of the camera, as `try_pictures` takes files."""

    file_id: str
    name: str
    data: bytes

    def getvalue(self) -> bytes:
        return self.data


def classify_by_webcam(run: Run) -> bool:
    """Show what the model says of the camera's picture; True if one has been kept."""
    place = (str(state.current_workspace().root), run.project_id, run.id)

    def classify(picture: bytes) -> Answer:
        return compute_client.call("predict", *place, [("camera", picture)])[0]

    camera(
        key="predict-camera",
        hold=Hold(label="Keep this picture", take=_keep, most=1),
        classify=classify,
    )
    kept = state.widget_value("predict-kept")
    if kept:
        try_pictures(run, [kept])
    return kept is not None


def _keep(pictures: list[bytes]) -> str:
    name = f"webcam {token_hex(4)}.jpg"
    state.set_widget_value("predict-kept", Kept(file_id=token_hex(8), name=name, data=pictures[0]))
    return "The picture is below, with its answer."

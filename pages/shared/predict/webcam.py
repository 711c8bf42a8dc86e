"""The webcam to try a model: answers while one looks, and a picture kept to look at closely."""

from collections.abc import Callable
from secrets import token_hex

from pages.shared import state
from pages.shared.camera import Hold, camera
from pages.shared.class_colours import class_colours
from pages.shared.live.known import Live
from pages.shared.predict.single import Kept, try_live, try_pictures
from tl_core.runs import Run, compute_client
from tl_core.runs.results.answers import Answer


def classify_by_webcam(run: Run) -> bool:
    """Show what a run's model says of the camera's picture; True if one has been kept."""
    place = (str(state.current_workspace().root), run.project_id, run.id)
    return _classify("predict", place, lambda kept: try_pictures(run, [kept]), key="predict")


def classify_live_by_webcam(live: Live, *, key: str) -> None:
    """Show what the project's live model says of the camera's picture; `key` unique on a page."""
    _classify("live_predict", live.place, lambda kept: try_live(live, [kept]), key=key)


def _classify(
    function: str, place: tuple[str, ...], show: Callable[[Kept], None], *, key: str
) -> bool:
    def classify(picture: bytes) -> Answer:
        return compute_client.call(function, *place, [("camera", picture)])[0]

    def keep(pictures: list[bytes]) -> str:
        name = f"webcam {token_hex(4)}.jpg"
        picture = Kept(file_id=token_hex(8), name=name, data=pictures[0])
        state.set_widget_value(f"{key}-kept", picture)
        return "The picture is below, with its answer."

    camera(
        key=f"{key}-camera",
        hold=Hold(label="Keep this picture", take=keep, most=1),
        classify=classify,
        colours=class_colours(place[1]),
    )
    kept = state.widget_value(f"{key}-kept")
    if kept:
        show(kept)
    return kept is not None

"""Frames recorded by webcam into a class, while the live model says what it sees."""

from pages.shared import state
from pages.shared.camera import Hold, camera
from pages.shared.class_colours import class_colours
from pages.shared.elements import name_text
from pages.shared.images.changes import undo_button
from tl_core.errors import TLCoreError
from tl_core.images import Sources, add_recording, sources_of
from tl_core.runs import compute_client
from tl_core.runs.results.answers import Answer

ADVICE = {
    0: "Hold the button and move what the camera sees: other sides, distances and backgrounds. A "
    "click takes one picture.",
    1: "Make a second recording at another time, in another place or of another example. With one "
    "recording, nothing is left to measure the accuracy on; recordings that look alike count as "
    "one.",
    2: "The accuracy is measured on recordings that the model has not learned from.",
}


def recording_panel(project_id: str, class_name: str) -> None:
    """Draw the camera with its button, and how many recordings the class has."""
    key = f"record-{project_id}"
    sources = sources_of(state.current_workspace(), project_id, class_name)
    name_text(_counted(class_name, sources), note=_advice(sources), clip=False)
    camera(
        key=key,
        hold=Hold(
            label=f"Hold to record “{class_name}”",
            doing="Adding the pictures…",
            take=lambda frames: _take(project_id, class_name, frames),
        ),
        classify=lambda picture: _classify(project_id, picture),
        colours=class_colours(project_id),
        note="Frames of one recording look alike. They stay together as one group, so that no "
        "model is measured on frames like those that it learned from.",
    )
    if state.widget_value(f"{key}-received"):
        undo_button(
            project_id,
            key="undo-recording",
            done=lambda: state.set_widget_value(f"{key}-said", None),
        )


def _classify(project_id: str, picture: bytes) -> Answer:
    root = str(state.current_workspace().root)
    return compute_client.call("live_predict", root, project_id, [("camera", picture)])[0]


def _take(project_id: str, class_name: str, frames: list[bytes]) -> str:
    try:
        found = add_recording(state.current_workspace(), project_id, frames, class_name=class_name)
    except TLCoreError as error:
        return str(error)
    reasons = "".join(f" Not added: {reason}." for reason in {one.reason for one in found.skipped})
    if found.added == 1:
        return f"1 picture added to “{class_name}”.{reasons}"
    return f"{found.added} pictures added to “{class_name}” as one recording.{reasons}"


def _counted(class_name: str, sources: Sources) -> str:
    number = sources.recordings
    if not number:
        return f"No recording of “{class_name}” yet"
    text = f"{number} recording{'' if number == 1 else 's'} of “{class_name}”"
    return f"{text}, beside other pictures" if sources.others else text


def _advice(sources: Sources) -> str:
    return ADVICE[min(2, sources.recordings + sources.others) if sources.recordings else 0]

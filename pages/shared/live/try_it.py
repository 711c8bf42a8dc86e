"""Try the live model on new pictures: in a drawer on every page, or in a box on one."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.live.few_shot import few_shot_game
from pages.shared.live.known import Live
from pages.shared.live.words import missing_text
from pages.shared.predict.single import MOST, Kept, try_live
from pages.shared.predict.webcam import classify_live_by_webcam
from tl_core.images.samples import sample_of, unseen_file
from tl_core.workspace import Project

FILES, WEBCAM = "Pictures", "Webcam"
OPEN = "try-it-open"


def try_it_button(live: Live) -> None:
    """Draw the button that opens the drawer; it stays open until it is closed."""
    st.button(
        "Try it",
        key="try-it",
        icon=":material/photo_camera:",
        disabled=not live.ready,
        help="Show the model a new picture" if live.ready else "There is no model yet",
        on_click=state.set_widget_value,
        args=(OPEN, True),
    )


def drawer(live: Live) -> None:
    """Draw the drawer if it is open; a page can show one dialog at a time."""
    if state.widget_value(OPEN):
        _drawer(live)


@st.dialog(
    "Try the model",
    position="right",
    width="medium",
    on_dismiss=lambda: state.set_widget_value(OPEN, None),
)
def _drawer(live: Live) -> None:
    try_box(live, key="drawer")
    few_shot_game(live.project)


def try_box(live: Live, *, key: str) -> None:
    """Take pictures from files or the webcam and show what the model says of each.

    Args:
        live: The model.
        key: Unique on the page.
    """
    if not live.ready:
        note_text((live.state and missing_text(live.state)) or "There is no model yet.")
        return
    way = st.segmented_control(
        "Source of the pictures",
        [FILES, WEBCAM],
        default=FILES,
        key=f"{key}-way",
        required=True,
        label_visibility="collapsed",
    )
    if way == WEBCAM:
        classify_live_by_webcam(live, key=key)
        return
    files = st.file_uploader("New pictures", accept_multiple_files=True, key=f"{key}-files")
    files = [*files, *unseen_picture(live.project, key=key)]
    if len(files) > MOST:
        note_text(f"The first {MOST} of {len(files):,}. The Predict page classifies whole folders.")
    try_live(live, files[:MOST])


def unseen_picture(project: Project, *, key: str) -> list[Kept]:
    """Offer a new picture of the sample set that the project was made of, if it was."""
    sample = sample_of(project.name)
    if sample is None or unseen_file(sample.key, 0) is None:
        return []
    shown = f"{key}-unseen"
    number = int(state.widget_value(shown, 0))
    st.button(
        "Show it a new sample picture",
        key=f"{key}-next",
        icon=":material/casino:",
        on_click=state.set_widget_value,
        args=(shown, number + 1),
    )
    if not number:
        return []
    file = unseen_file(sample.key, number - 1)
    name = f"New sample picture: {file.class_name}"
    return [Kept(file_id=f"{key}-{sample.key}-{number}", name=name, data=bytes(file.read()))]

"""The pictures that the live model is least sure of, with its answer on each."""

import streamlit as st

from pages.shared import state
from pages.shared.class_colours import class_colours
from pages.shared.elements import note_text
from pages.shared.gallery import gallery
from pages.shared.images.order import LEAST_SURE
from pages.shared.images.tiles import picture_on_panel, picture_tile
from pages.shared.journey import IMAGES
from pages.shared.live.known import Live
from pages.shared.panel import open_panel, panel
from tl_core.images import get_images
from tl_core.workspace import Project

SHOWN = 18
PANEL = "least-sure"


def least_sure(project: Project, live: Live) -> None:
    """Draw a few of them, and the way to all pictures."""
    workspace = state.current_workspace()
    order = live.order(LEAST_SURE) if live.ready else None
    if order:
        first = order[:SHOWN]
        answers, shown = live.answers(first), get_images(workspace, project.id, first)
        colours = class_colours(project.id)
        note_text("On each picture: its label below, what the model says above.")
        gallery(
            [
                picture_tile(
                    project.id,
                    one,
                    answers.get(one.digest),
                    labelled=True,
                    said=True,
                    colours=colours,
                )
                for one in shown
            ],
            key="least-sure",
            on_open=lambda row: open_panel(PANEL, [str(one.id) for one in shown], row),
        )
        panel(PANEL, lambda row: picture_on_panel(project.id, live, row))
    else:
        note_text("They appear here as soon as there is a model.")
    st.page_link(
        IMAGES,
        label="All pictures: add, label, sort",
        icon=":material/photo_library:",
        query_params=state.address(),
    )

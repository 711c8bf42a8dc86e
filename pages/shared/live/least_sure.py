"""The pictures that the live model is least sure of, with its answer on each."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.gallery import gallery
from pages.shared.images.order import LEAST_SURE
from pages.shared.images.tiles import picture_tile
from pages.shared.journey import IMAGES
from pages.shared.live.known import Live
from tl_core.images import get_images
from tl_core.workspace import Project

SHOWN = 18


def least_sure(project: Project, live: Live) -> None:
    """Draw a few of them, and the way to all pictures."""
    workspace = state.current_workspace()
    order = live.order(LEAST_SURE) if live.ready else None
    if order:
        first = order[:SHOWN]
        answers = live.answers(first)
        note_text("On each picture: its label below, what the model says above.")
        gallery(
            [
                picture_tile(project.id, one, answers.get(one.digest), labelled=True, said=True)
                for one in get_images(workspace, project.id, first)
            ],
            key="least-sure",
        )
    else:
        note_text("They appear here as soon as there is a model.")
    st.page_link(
        IMAGES,
        label="All pictures: add, label, sort",
        icon=":material/photo_library:",
        query_params=state.address(),
    )

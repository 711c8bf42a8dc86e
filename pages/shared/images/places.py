"""Pictures of other places, where a model will be used: kept apart from the classes."""

from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.class_colours import class_colours
from pages.shared.elements import errors_shown, note_text
from pages.shared.gallery import PAGE_SIZE, gallery
from pages.shared.images.changes import act, class_actions
from pages.shared.images.tiles import picture_tile
from pages.shared.text import counted, plain
from tl_core.images import delete_place, list_images, list_places

SHOWS = "It shows {}"
NOTHING = "No picture of this place is left."


def show_places(project_id: str) -> None:
    """Draw a folded section per place; nothing without any."""
    for name, (total, labelled) in list_places(state.current_workspace(), project_id).items():
        known = f", {labelled:,} with a label" if labelled else ""
        with st.expander(
            plain(f"New place “{name}”: {counted(total, 'picture')}{known}"),
            key=f"place-{name}",
            icon=":material/move_location:",
            on_change="rerun",
        ) as part:
            if part.open:
                _place(project_id, name, total)


def _place(project_id: str, name: str, total: int) -> None:
    note_text(
        "No class learns from these pictures. Choose “Adapt to a new place” on Layers to fit a "
        "model to them. Labels are not needed; a few tell how accurate it is there."
    )
    workspace, page_key = state.current_workspace(), f"place-page-{name}"
    page = min(int(state.widget_value(page_key, 0)), (total - 1) // PAGE_SIZE)
    first, colours = page * PAGE_SIZE, class_colours(project_id)
    found = list_images(
        workspace, project_id, place=name, excluded=False, offset=first, limit=PAGE_SIZE
    )
    gallery(
        [
            picture_tile(project_id, one, None, labelled=True, said=False, colours=colours)
            for one in found
        ],
        key=f"place-pictures-{name}",
        actions=class_actions(project_id, SHOWS),
        first=first + 1,
        total=total,
        nothing=NOTHING,
        on_action=partial(act, project_id),
        on_page=lambda by: state.set_widget_value(page_key, max(0, page + by)),
    )
    with st.popover("Delete these pictures", icon=":material/delete:", type="tertiary"):
        st.write("They are removed from the project. This cannot be undone.")
        if st.button("Delete them permanently", key=f"place-delete-{name}"):
            with errors_shown():
                delete_place(workspace, project_id, name)
                st.rerun()

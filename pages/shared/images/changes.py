"""Changes of labels that a person makes beside the pictures, and taking the last one back."""

from collections.abc import Callable

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.images import assign_class, last_change, set_excluded, undo_last


def act(project_id: str, action: str, ids: list[str]) -> None:
    """Move pictures (row ids) into a class, by "class:" and its name, or "exclude" them, or not."""
    workspace = state.current_workspace()
    pictures = [int(entry) for entry in ids]
    try:
        if action.startswith("class:"):
            assign_class(workspace, project_id, pictures, action.removeprefix("class:"))
        else:
            set_excluded(workspace, project_id, pictures, action == "exclude")
    except TLCoreError as error:
        state.say_later(str(error))


def undo_button(
    project_id: str, *, key: str = "undo", done: Callable[[], None] | None = None
) -> None:
    """Offer to take back the last change of the project; `done` is called after it."""
    workspace = state.current_workspace()
    change = last_change(workspace, project_id)
    if change and st.button(
        f"Undo: {plain(change)}", key=key, icon=":material/undo:", type="tertiary"
    ):
        with errors_shown():
            undo_last(workspace, project_id)
            if done:
                done()
            st.rerun()

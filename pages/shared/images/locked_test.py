"""A locked test part: put aside once, untouched by every choice, counted when it is opened."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown, note_text
from pages.shared.glossary import term
from pages.shared.text import counted
from tl_core.images import (
    draw_locked_test,
    has_own_test,
    lock_own_test,
    locked_test_state,
    release_locked_test,
)

SHARE = 0.2


def locked_part(project_id: str) -> None:
    """Draw, folded, whether there is a locked part and how it is made or given back."""
    workspace = state.current_workspace()
    locked = locked_test_state(workspace, project_id)
    title = "Locked test set (optional)"
    if locked:
        said = {0: "never opened", 1: "opened once"}
        times = said.get(locked.opened, f"opened {locked.opened} times")
        title = f"Locked test set of {counted(locked.images, 'picture')}, {times}"
    with st.expander(title, key="part-locked", icon=":material/lock:"):
        note_text(term("locked test set"))
        if locked:
            with st.popover("Unlock these pictures", icon=":material/lock_open:"):
                st.write("They are used for training again and are no longer a test set.")
                st.button("Unlock them", key="lock-release", on_click=_release, args=[project_id])
            return
        with st.container(horizontal=True):
            st.button(
                f"Hold out a random {SHARE:.0%} as a locked test set".replace("%", " %"),
                key="lock-draw",
                icon=":material/lock:",
                on_click=_draw,
                args=[project_id],
            )
            if has_own_test(workspace, project_id):
                st.button(
                    "Lock my own test folder as the test set",
                    key="lock-own",
                    on_click=_own,
                    args=[project_id],
                )


def _draw(project_id: str) -> None:
    with errors_shown():
        draw_locked_test(state.current_workspace(), project_id, fraction=SHARE)


def _own(project_id: str) -> None:
    with errors_shown():
        lock_own_test(state.current_workspace(), project_id)


def _release(project_id: str) -> None:
    with errors_shown():
        release_locked_test(state.current_workspace(), project_id)

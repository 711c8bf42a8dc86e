"""Changes of labels that a person makes beside the pictures, and taking the last one back."""

from collections.abc import Callable

import streamlit as st

from pages.shared import state
from pages.shared.text import clipped, plain
from tl_core.errors import TLCoreError
from tl_core.images import (
    ImageRecord,
    assign_class,
    last_change,
    list_classes,
    set_excluded,
    undo_last,
)

FEW_CLASSES = 6  # drawn as buttons; more as a list


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


def mend_label(project_id: str, record: ImageRecord) -> None:
    """Let a picture's class be changed, the picture be left out, and the last change be undone."""
    names = [entry.name for entry in list_classes(state.current_workspace(), project_id)]
    key, ids = f"mend-{record.id}", [str(record.id)]
    if state.widget_value(key) != record.class_name:
        state.set_widget_value(key, record.class_name)

    def move() -> None:
        if wanted := state.widget_value(key):
            act(project_id, f"class:{wanted}", ids)

    if len(names) <= FEW_CLASSES:
        st.segmented_control("Label", names, format_func=clipped, key=key, on_change=move)
    else:
        st.selectbox("Label", names, index=None, key=key, on_change=move)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Include again" if record.excluded else "Exclude this picture",
            key=f"exclude-{record.id}",
            icon=":material/visibility:" if record.excluded else ":material/visibility_off:",
            on_click=act,
            args=(project_id, "include" if record.excluded else "exclude", ids),
        )
        undo_button(project_id, key="panel-undo")


def undo_button(
    project_id: str, *, key: str = "undo", done: Callable[[], None] | None = None
) -> None:
    """Offer to take back the last change of the project; `done` is called after it."""
    workspace = state.current_workspace()
    change = last_change(workspace, project_id)

    def undo() -> None:
        try:
            undo_last(workspace, project_id)
        except TLCoreError as error:
            state.say_later(str(error))
        if done:
            done()

    if change:
        label = f"Undo: {plain(change)}"
        st.button(label, key=key, icon=":material/undo:", type="tertiary", on_click=undo)

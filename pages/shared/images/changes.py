"""Changes of labels that a person makes beside the pictures, and taking the last one back."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import state
from pages.shared.gallery import Action
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
KEYS = 9  # classes with a number key
EXCLUDE = Action(id="exclude", label="Exclude", shortcut="x")
RESTORE = Action(id="restore", label="Restore", shortcut="r")


def class_actions(
    project_id: str,
    label: str = "To {}",
    *,
    buttons: int = KEYS,
    also: Sequence[Action] = (EXCLUDE,),
) -> list[Action]:
    """Offer every class of the project by number key or in the list, then other actions.

    Args:
        project_id: Whose classes, as they are now.
        label: What moving to a class is called; {} stands for its name.
        buttons: How many of them are drawn as buttons.
        also: What else is offered.
    """
    classes = list_classes(state.current_workspace(), project_id)
    moves = [
        Action(
            id=f"class:{entry.name}",
            label=label.format(entry.name),
            shortcut=str(number) if number <= KEYS else None,
            more=number > buttons,
        )
        for number, entry in enumerate(classes, start=1)
    ]
    return [*moves, *also]


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
    now = state.show_stored(key, record.class_name)

    def move() -> None:
        if wanted := state.widget_value(key):
            act(project_id, f"class:{wanted}", ids)

    if len(names) <= FEW_CLASSES:
        st.segmented_control(
            "Label", names, default=now, format_func=clipped, key=key, on_change=move
        )
    else:
        index = names.index(now) if now in names else None
        st.selectbox("Label", names, index=index, key=key, on_change=move)
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

"""In which order the pictures are shown: as added, or by what the live model says of them."""

import streamlit as st

from pages.shared import state
from pages.shared.live.known import Live
from tl_core.images import list_digests

ADDED = "added"
LEAST_SURE, DISAGREES = "least sure", "disagrees"  # as `live_order` knows them
LABELS = {
    ADDED: "As added",
    LEAST_SURE: "Least sure",
    DISAGREES: "Disagrees",
}
NOTE_TEXT = {
    LEAST_SURE: "A label teaches the model most where it is least sure.",
    DISAGREES: "The model, fitted without the picture, is surest of another class than the label. "
    "Often the label is wrong.",
}
NOTHING_TEXT = {
    ADDED: "No pictures here yet. Select some under “All pictures” and move them here.",
    LEAST_SURE: "The model has not answered for any picture here.",
    DISAGREES: "The model agrees with every label here.",
}


def ordered_by(live: Live) -> str:
    """Let a person choose the order, once there is a model."""
    if not live.ready:
        return ADDED
    measured = live.state.accuracy is not None
    chosen = st.segmented_control(
        "Order",
        [by for by in LABELS if measured or by != DISAGREES],
        format_func=LABELS.__getitem__,
        default=ADDED,
        key="images-order",
        required=True,
        on_change=lambda: state.set_widget_value("images-page", 0),
        label_visibility="collapsed",
    )
    return chosen


def in_order(project_id: str, live: Live, by: str, conditions: dict) -> list[str] | None:
    """Return the digests of the pictures that the filter shows; None in the order of adding.

    That is also the order while the model is being asked.
    """
    order = None if by == ADDED else live.order(by)
    if order is None:
        return None
    shown = set(list_digests(state.current_workspace(), project_id, **conditions))
    return [digest for digest in order if digest in shown]

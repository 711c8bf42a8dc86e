"""A change of place: new pictures that come from elsewhere than those the model learnt from."""

import streamlit as st

from tl_core.runs.results.live import PlaceChange


def elsewhere_warning(found: PlaceChange | None, subject: str) -> None:
    """Say so if pictures come from elsewhere, and what to do about it.

    Args:
        found: What was measured; None if it was not.
        subject: Which pictures, as a sentence begins: "These pictures".
    """
    if found is None or not found.elsewhere:
        return
    st.warning(
        f"{subject} come from elsewhere: they differ clearly from the pictures that the model "
        f"learned from (proxy A-distance {found.distance:.1f} of 2, on {found.n:,} pictures). The "
        "measured accuracy does not hold there. Label some of them, so that the model learns from "
        "them, too.",
        icon=":material/moving:",
    )

"""Two parts of the person's own pictures to compare: two cameras, two folders, two classes."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.layers.draft import draft
from pages.shared.transfer.comparison import Comparison, start_comparison
from tl_core.images import subset_facts
from tl_core.images.subsets import (
    LEAST_COMPARED,
    SubsetFacts,
    offered_subsets,
    parse_subset,
    parse_typed_subset,
)
from tl_core.runs.draft import chosen_backbone
from tl_core.workspace import Project

HELP = (
    "Or type part of the file names, such as cam1, or a pattern such as cam1_*_day*, where a "
    "star matches anything."
)


def choose_parts(project: Project, comparison: Comparison) -> None:
    """Draw two lists of parts and the button that has them compared."""
    pictures = subset_facts(state.current_workspace(), project.id, seed=draft(project).seed)
    counts = {str(part): count for part, count in offered_subsets(pictures)}
    with st.container(border=True, key="card-parts"):
        note_text(
            "Compare two subsets of your pictures, such as two cameras, places, folders or "
            "classes. If they differ clearly, train on pictures of both."
        )
        columns = st.columns(2)
        a = _part("First subset", "part-a", columns[0], counts)
        b = _part("Second subset", "part-b", columns[1], counts)
        few = [
            parse_subset(one).title
            for one in (a, b)
            if one and _count(one, pictures) < LEAST_COMPARED
        ]
        if few:
            note_text(
                f"{' and '.join(few)}: fewer than {LEAST_COMPARED} pictures, too few to compare."
            )
        st.button(
            "Compare these two",
            key="compare-parts",
            icon=":material/compare:",
            disabled=bool(few or not (a and b) or a == b or comparison.active),
            on_click=start_comparison,
            args=(project, chosen_backbone(project)),
            kwargs={"pairs": ((a, b),)},
        )


def _part(label: str, key: str, column: DeltaGenerator, counts: dict[str, int]) -> str | None:
    chosen = column.selectbox(
        label,
        list(counts),
        index=None,
        key=key,
        format_func=lambda text: _label(text, counts),
        placeholder="Choose, or type a pattern",
        accept_new_options=True,
        help=HELP,
    )
    return chosen if chosen in counts or not chosen else str(parse_typed_subset(chosen))


def _count(text: str, pictures: list[SubsetFacts]) -> int:
    part = parse_subset(text)
    return sum(part.holds(one) for one in pictures)


def _label(text: str, counts: dict[str, int]) -> str:
    return f"{parse_subset(text).title} ({counts[text]:,})" if text in counts else text

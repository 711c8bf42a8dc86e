"""Two parts of the person's own pictures to compare: two cameras, two folders, two classes."""

import streamlit as st

from pages.shared import state
from pages.shared.assessing import Comparison, start_comparison
from pages.shared.layout import note_text
from tl_core.datasets import part_facts
from tl_core.parts import offered_parts, part_of
from tl_core.workspace import Project

HELP = (
    "Or type a pattern of file names, such as cam1_*. The star stands for any letters and numbers."
)


def choose_parts(project: Project, comparison: Comparison) -> None:
    """Draw two lists of parts and the button that has them compared."""
    offered = offered_parts(part_facts(state.current_workspace(), project.id))
    counts = {str(part): count for part, count in offered}
    with st.container(border=True, key="card-parts"):
        note_text(
            "Compare any two parts of your pictures: those of two cameras or places, two folders, "
            "two classes. What is easily told apart may need pictures of both kinds to learn from."
        )
        columns = st.columns(2)
        chosen = []
        for column, label, key in zip(
            columns, ("One part", "The other part"), ("part-a", "part-b"), strict=True
        ):
            with column:
                chosen.append(
                    st.selectbox(
                        label,
                        list(counts),
                        index=None,
                        key=key,
                        format_func=lambda text: _label(text, counts),
                        placeholder="Choose, or type a pattern",
                        accept_new_options=True,
                        help=HELP,
                    )
                )
        a, b = chosen
        st.button(
            "Compare these two",
            key="compare-parts",
            icon=":material/compare:",
            disabled=not (a and b) or a == b or comparison.active is not None,
            on_click=start_comparison,
            args=(project, project.backbone),
            kwargs={"pairs": ((a, b),)},
        )


def _label(text: str, counts: dict[str, int]) -> str:
    many = f" ({counts[text]:,})" if text in counts else ""
    return f"{part_of(text).title}{many}"

"""Precision, recall and F1 of every class."""

import math
from html import escape

import streamlit as st

from pages.shared.text import percent
from tl_core.runs.results.report import Evaluation


def class_table(evaluation: Evaluation) -> None:
    """Draw the finding and a row per class, the hardest one first."""
    rows = sorted(evaluation.per_class, key=lambda entry: (_or(entry.recall, 2), entry.name))
    tested = [entry for entry in rows if entry.support]
    if tested:
        hardest = tested[0]
        found = round(hardest.recall * hardest.support)
        if found == hardest.support:
            finding = "Recall is 100 % for every class"
        else:
            finding = f"Lowest recall: “{hardest.name}”, {found} of {hardest.support}"
        sentence = f"{finding}. Macro F1: {_percent(evaluation.macro_f1)}."
        st.html(f'<div class="tl-name">{escape(sentence)}</div>')
    st.dataframe(
        [
            {
                "Class": entry.name,
                "Pictures": entry.support,
                "Recall": _percent(entry.recall),
                "Precision": _percent(entry.precision),
                "F1": _percent(entry.f1),
            }
            for entry in rows
        ],
        hide_index=True,
        key="class-table",
    )


def _or(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else percent(value)

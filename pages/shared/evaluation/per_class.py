"""Which classes are confused: the matrix to choose a cell from, and the metrics of every class."""

import math
from collections.abc import Callable
from functools import partial

import streamlit as st

from pages.shared import charts, state
from pages.shared.class_colours import shown_colours
from pages.shared.elements import data_table
from pages.shared.text import html_text, percent
from tl_core.runs.results.report import Evaluation

SMALL_MATRIX = 8  # classes; a larger matrix takes the page's full width


def choose_cell(
    evaluation: Evaluation, run_id: str, clicked: Callable[[tuple[int, int]], None]
) -> tuple[int, int]:
    """Draw the matrix and two lists that choose the same cell; return (true, predicted).

    `clicked` is told of a cell that was clicked in the matrix.
    """
    keys = (f"cell-true-{run_id}", f"cell-predicted-{run_id}")
    if state.widget_value(keys[0]) is None:
        for key, value in zip(keys, _worst_cell(evaluation), strict=True):
            state.set_widget_value(key, value)
    cell = (int(state.widget_value(keys[0])), int(state.widget_value(keys[1])))
    matrix_key = f"matrix-{run_id}-{cell[0]}-{cell[1]}"
    charts.show(
        charts.confusion(
            evaluation.class_names,
            evaluation.confusion,
            chosen=cell,
            colours=shown_colours(state.current_project().id, evaluation.class_names),
        ),
        key=matrix_key,
        on_select=partial(_clicked, matrix_key, keys, clicked),
    )
    classes = range(len(evaluation.class_names))
    for column, label, key in zip(
        st.columns(2), ("True class", "Predicted class"), keys, strict=True
    ):
        with column:
            names = evaluation.class_names
            chosen = int(state.widget_value(key))
            st.selectbox(label, classes, chosen, format_func=names.__getitem__, key=key)
    return cell


def _worst_cell(evaluation: Evaluation) -> tuple[int, int]:
    mistakes = evaluation.confusion.copy()
    mistakes[range(len(mistakes)), range(len(mistakes))] = 0
    row, column = divmod(int(mistakes.argmax()), len(mistakes))
    return row, column


def _clicked(
    matrix_key: str, keys: tuple[str, str], clicked: Callable[[tuple[int, int]], None]
) -> None:
    points = state.widget_value(matrix_key).selection.points
    if points:
        cell = true, predicted = tuple(map(int, points[0]["customdata"]))
        state.set_widget_value(keys[0], true)
        state.set_widget_value(keys[1], predicted)
        clicked(cell)


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
        st.html(f'<div class="tl-name">{html_text(sentence)}</div>')
    data_table(
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
        key="class-table",
    )


def _or(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else percent(value)

"""The confusion matrix to choose a cell from, by a click or, with the keyboard, in two lists."""

from functools import partial

import streamlit as st

from pages.shared import charts, state
from tl_core.runs.results.report import Evaluation

SMALL_MATRIX = 8  # classes; a larger matrix takes the page's full width


def choose_cell(evaluation: Evaluation, run_id: str) -> tuple[int, int]:
    """Draw the matrix and two lists that choose the same cell; return (true, predicted)."""
    keys = (f"cell-true-{run_id}", f"cell-predicted-{run_id}")
    if state.widget_value(keys[0]) is None:
        for key, value in zip(keys, _worst_cell(evaluation), strict=True):
            state.set_widget_value(key, value)
    cell = (int(state.widget_value(keys[0])), int(state.widget_value(keys[1])))
    matrix_key = f"matrix-{run_id}-{cell[0]}-{cell[1]}"
    charts.show(
        charts.confusion(evaluation.class_names, evaluation.confusion, chosen=cell),
        key=matrix_key,
        on_select=partial(_clicked, matrix_key, keys),
    )
    classes = range(len(evaluation.class_names))
    for column, label, key in zip(
        st.columns(2), ("True class", "Predicted class"), keys, strict=True
    ):
        with column:
            st.selectbox(label, classes, format_func=evaluation.class_names.__getitem__, key=key)
    return cell


def _worst_cell(evaluation: Evaluation) -> tuple[int, int]:
    mistakes = evaluation.confusion.copy()
    mistakes[range(len(mistakes)), range(len(mistakes))] = 0
    row, column = divmod(int(mistakes.argmax()), len(mistakes))
    return row, column


def _clicked(matrix_key: str, keys: tuple[str, str]) -> None:
    points = state.widget_value(matrix_key).selection.points
    if points:
        for key, value in zip(keys, points[0]["customdata"], strict=True):
            state.set_widget_value(key, int(value))

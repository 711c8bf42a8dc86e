"""What a model of several questions says of a picture: an answer to each."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.answers import show_answer
from pages.shared.elements import UNLIKE_TEXT, data_table, name_text
from pages.shared.text import percent, sureness
from tl_core.runs.results.answers import Prediction, QuestionAnswer

NAMED = 12  # labels
IN_FULL = 4  # questions with all their answers; more are rows of a table


def show_question_answers(project_id: str, found: Prediction, *, key: str) -> None:
    """Draw the answers: a table of the labels, the other questions one below the other."""
    if found.unlike:
        st.warning(UNLIKE_TEXT, icon=":material/error:")
    labels = [one for one in found.answers if one.head.threshold is not None]
    others = [one for one in found.answers if one.head.threshold is None]
    for one in others[:IN_FULL]:
        name_text(one.head.question)
        show_answer(project_id, one.head.class_names, one.probabilities)
    if rest := others[IN_FULL:]:
        data_table([_row(one) for one in rest], key=f"questions-{key}")
    if labels:
        there = [one.head.question for one in labels if one.index]
        more = f" and {len(there) - NAMED:,} more" if len(there) > NAMED else ""
        named = f"Labels: {', '.join(there[:NAMED])}{more}" if there else "No label"
        name_text(named, clip=False)
        data_table([_label(one) for one in _surest_first(labels)], key=f"labels-{key}")


def answer_columns(found: Prediction | None) -> dict[str, str]:
    """Return the cells of a table with one column for each question after the first."""
    return {one.head.question: one.answer for one in (found.answers[1:] if found else ())}


def _surest_first(labels: Sequence[QuestionAnswer]) -> list[QuestionAnswer]:
    return sorted(labels, key=lambda one: -one.probabilities[1] / max(one.head.threshold, 1e-9))


def _row(one: QuestionAnswer) -> dict[str, str]:
    return {
        "Question": one.head.question,
        "Answer": one.answer,
        "Probability": sureness(one.probability),
    }


def _label(one: QuestionAnswer) -> dict[str, str]:
    return {
        "Label": one.head.question,
        "There": one.answer,
        "Probability": sureness(one.probabilities[1]),
        "From": percent(one.head.threshold),
    }

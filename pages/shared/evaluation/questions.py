"""Several questions: how well each is answered, and which answers are confused."""

import math

import streamlit as st

from pages.shared import charts
from pages.shared.elements import data_table, note_text
from pages.shared.result_cards import result_cards
from pages.shared.results import pictures_text, result_text
from pages.shared.text import percent, plain
from tl_core.runs import Run
from tl_core.runs.results.questions import QuestionResult, QuestionsResult
from tl_core.runs.results.report import Report


def show_questions(run: Run, report: Report, found: QuestionsResult) -> None:
    """Draw a row per question, then the confusion matrix of the one that is chosen."""
    result_cards(report)
    for name, reason in found.unusable.items():
        st.warning(plain(f"“{name}” was left out. {reason}"), icon=":material/block:")
    st.header("Every question", anchor=False)
    labels = bool(found.labels)
    rows = [_row(one, labels=labels) for one in found.questions]
    data_table(rows, key=f"questions-{run.id}")
    measured = sorted({pictures_text(one.measured_on, one.folds) for one in found.questions})
    note_text(
        f"Measured on {', or on '.join(measured)}; only pictures with an answer count. "
        "“Always the same” is how often the most frequent answer is right.",
        *(
            [
                "A label is there from its threshold on: where [[F1]] is highest for pictures that "
                "its classifier did not learn from. No picture chose the threshold it is measured "
                "by."
            ]
            if labels
            else []
        ),
    )
    _matrix(run, found)
    with st.expander(
        "Does learning them together help or hurt?", key="part-together", icon=":material/join:"
    ):
        note_text(
            "Neither. All questions share the frozen [[backbone]], which no question changes, and "
            "each has a [[classifier]] of its own: every number above is the one that a separate "
            "model would have. Together they take one look at a picture instead of "
            f"{len(found.questions):,}."
        )


def _row(one: QuestionResult, *, labels: bool) -> dict[str, object]:
    _, same = one.most_frequent
    row = {
        "Question": one.name,
        "Right": result_text(one.correct, one.n, interval=one.interval),
        "Always the same": percent(same),
        "Answers": len(one.class_names),
    }
    if labels:
        known, precision = one.threshold is not None, one.average_precision
        row["Threshold"] = percent(one.threshold) if known else ""
        row["Average precision"] = f"{precision:.2f}" if precision is not None else ""
        row["Have it"] = int(one.confusion[1].sum()) if known else None
    return row


def _matrix(run: Run, found: QuestionsResult) -> None:
    st.header("Which answers are confused", anchor=False)
    by_name = {one.name: one for one in found.questions}
    worst = min(found.questions, key=lambda one: one.correct / one.n if one.n else math.inf)
    name = st.selectbox(
        "Question",
        list(by_name),
        index=list(by_name).index(worst.name),
        key=f"matrix-question-{run.id}",
    )
    one = by_name[name]
    charts.show(charts.confusion(one.class_names, one.confusion), key=f"matrix-{run.id}-{name}")

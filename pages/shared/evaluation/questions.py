"""Several questions: how well each is answered, which answers are confused, on which pictures."""

import math
from functools import partial

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import data_table, note_text
from pages.shared.gallery import Action, Tile, gallery
from pages.shared.images.changes import act, undo_button
from pages.shared.images.questions import answer_by_hand
from pages.shared.result_cards import result_cards
from pages.shared.results import pictures_text, result_text
from pages.shared.text import percent, plain, short_sureness
from tl_core.images import answers_of, get_images, thumbnail_path
from tl_core.runs import Run
from tl_core.runs.results.questions import CLASS_QUESTION, QuestionResult, QuestionsResult
from tl_core.runs.results.report import Report


def show_questions(run: Run, report: Report, found: QuestionsResult) -> None:
    """Draw a row per question, then what is confused in the one that is chosen, and where."""
    result_cards(report)
    for name, reason in found.unusable.items():
        st.warning(plain(f"“{name}” was left out. {reason}"), icon=":material/block:")
    st.header("Every question", anchor=False)
    labels = bool(found.labels)
    data_table([_row(one, labels=labels) for one in found.questions], key=f"questions-{run.id}")
    measured = sorted({pictures_text(one.measured_on, one.folds) for one in found.questions})
    note_text(f"Measured on {', or on '.join(measured)}.")
    one = _chosen(run, found)
    charts.show(charts.confusion(one.class_names, one.confusion), key=f"matrix-{run.id}-{one.name}")
    _mistakes(run, one)
    with st.expander(
        "Does learning them together help or hurt?", key="part-together", icon=":material/join:"
    ):
        note_text(
            "Neither. All questions share the frozen [[backbone]], which no question changes, and "
            "each has a [[classifier]] of its own: every number above is the one that a separate "
            "model would have. Together they take one look at a picture instead of "
            f"{len(found.questions):,}."
        )
    with st.expander("How is it measured?", key="part-measured", icon=":material/help:"):
        note_text(
            "Only pictures with an answer count; a locked test set takes no part. “Always the "
            "same” is how often the most frequent answer is right. A label is there from its "
            "threshold on, where [[F1]] is highest for pictures that its classifier did not learn "
            "from; no picture helped to choose the threshold that it is measured by."
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
        row["Have it"] = f"{one.confusion[1].sum():,}" if known else ""
    return row


def _chosen(run: Run, found: QuestionsResult) -> QuestionResult:
    """Let a question be chosen, at first the one with the fewest right answers."""
    st.header("Which answers are confused", anchor=False)
    by_name = {one.name: one for one in found.questions}
    worst = min(found.questions, key=lambda one: one.correct / one.n if one.n else math.inf)
    name = st.selectbox(
        "Question",
        list(by_name),
        index=list(by_name).index(worst.name),
        key=f"matrix-question-{run.id}",
    )
    return by_name[name]


def _mistakes(run: Run, one: QuestionResult) -> None:
    """Draw the surest mistakes, and let their answers be mended."""
    workspace, said = state.current_workspace(), {found.digest: found for found in one.mistakes}
    of_class = one.name == CLASS_QUESTION
    now = {} if of_class else answers_of(workspace, run.project_id).get(one.name, {})
    tiles = [
        Tile(
            id=str(record.id),
            thumbnail=thumbnail_path(workspace, run.project_id, record.digest),
            caption=record.name.rsplit("/", 1)[-1],
            title=record.name,
            mark=(record.class_name if of_class else now.get(record.digest)) or "?",
            says=(said[record.digest].said, short_sureness(said[record.digest].probability)),
        )
        for record in get_images(workspace, run.project_id, said)
    ]
    kind = "class" if of_class else "is"
    gallery(
        tiles,
        key=f"mistakes-{run.id}-{one.name}",
        actions=[
            Action(
                id=f"{kind}:{name}",
                label=f"It is {name}",
                shortcut=str(number) if number <= 9 else None,
                more=number > 9,
            )
            for number, name in enumerate(one.class_names, start=1)
        ],
        total=len(tiles),
        nothing="No mistakes among the tested pictures.",
        on_action=partial(act, run.project_id)
        if of_class
        else partial(answer_by_hand, run.project_id, one.name),
    )
    undo_button(run.project_id, key="undo-question")

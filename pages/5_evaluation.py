"""Step 5: how good the model is, where it errs, and what it looked at."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import name_text, note_text
from pages.shared.evaluation.adaptation import show_adaptation
from pages.shared.evaluation.anomalies import show_anomalies
from pages.shared.evaluation.calibration import show_sureness
from pages.shared.evaluation.cells import (
    PANEL,
    open_tested,
    picture_gallery,
    records_of,
    say_what_changed,
    tested_picture,
)
from pages.shared.evaluation.locked_test import show_locked_test
from pages.shared.evaluation.per_class import SMALL_MATRIX, choose_cell, class_table
from pages.shared.evaluation.questions import show_questions
from pages.shared.evaluation.since import show_since
from pages.shared.glossary import term
from pages.shared.images.changes import undo_button
from pages.shared.journey import EVALUATION, PREDICT, TRANSFER
from pages.shared.layout import enter, next_step, page_header
from pages.shared.panel import panel
from pages.shared.result_cards import result_cards
from pages.shared.run_choice import choose_result
from pages.shared.text import plain
from pages.shared.transfer.comparison import comparison_of
from tl_core.runs import compute_client
from tl_core.runs.results.adaptation import adaptation_result
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.questions import questions_result

MISTAKES = 24  # shown; more would be scrolled past

enter(EVALUATION)
project = state.current_project()
page_header(
    EVALUATION,
    "Evaluate the model",
    "Which pictures the model gets wrong. You can fix wrong labels here.",
)
run, report = choose_result(project)
if anomalies := anomaly_result(report):
    compute_client.warm()
    show_anomalies(project, run, report, anomalies)
    next_step(PREDICT, "Next: try it on new pictures")
    st.stop()
if several := questions_result(report):
    show_questions(run, report, several)
    next_step(PREDICT, "Next: try it on new pictures")
    st.stop()
evaluation = report.evaluation
records = records_of(project, evaluation)
compute_client.warm()
if overlap := report.findings.get("test_overlap"):
    st.warning(plain(overlap["message"]), icon=":material/content_copy:")
result_cards(report)
say_what_changed(evaluation, records)
show_since(run)
if adapted := adaptation_result(report):
    show_adaptation(project, run, adapted)

st.header("Confusion matrix", anchor=False, help=term("confusion matrix"))
beside = len(evaluation.class_names) <= SMALL_MATRIX
left, right = st.columns(2, gap="medium") if beside else (st.container(), st.container())
with left:
    cell = choose_cell(
        evaluation, run.id, lambda cell: open_tested(evaluation, evaluation.at(*cell), records)
    )
with right:
    inside = evaluation.at(*cell)
    true, predicted = (evaluation.class_names[i] for i in cell)
    name_text(
        f"{len(inside)} labelled “{true}”, predicted “{predicted}”",
        note="Choose a cell or a picture: it opens large, with what the model looked at, and can "
        "be relabelled.",
    )
    picture_gallery(
        project, evaluation, inside, records, key=f"cell-{run.id}-{cell[0]}-{cell[1]}",
        nothing="No pictures in this cell. Choose another one.",
    )  # fmt: skip
undo_button(project.id)

st.header("Most confident mistakes", anchor=False)
note_text(
    "The model is confident and disagrees with the label. Look closely: often the label is "
    "wrong, or the picture is ambiguous."
)
mistakes = evaluation.most_confident_mistakes(MISTAKES)
picture_gallery(
    project, evaluation, mistakes, records, key=f"mistakes-{run.id}",
    nothing="No mistakes among the tested pictures.",
)  # fmt: skip

with st.expander("Precision and recall of each class", key="part-classes", icon=":material/table:"):
    note_text("[[Precision]], [[recall]] and [[F1]] of each class; last, the [[macro F1]].")
    class_table(evaluation)
with st.expander(
    "For the curious: can its probabilities be believed?",
    key="part-sureness",
    icon=":material/speed:",
):
    comparison = comparison_of(project)
    show_sureness(comparison.found, outdated=comparison.outdated)
show_locked_test(run)
panel(PANEL, lambda digest: tested_picture(run, evaluation, digest))
next_step(TRANSFER, "Next: did the pretrained model help?")

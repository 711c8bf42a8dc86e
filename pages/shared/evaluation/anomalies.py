"""A model of normal pictures: false alarms, and the most unusual pictures with their heat maps."""

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_so_far, ask, wait_for_all
from pages.shared.elements import card, name_text, note_text
from pages.shared.evaluation.cells import PANEL, picture_gallery, records_of, tested_picture
from pages.shared.images.changes import undo_button
from pages.shared.panel import panel, show_reduced
from pages.shared.result_cards import result_cards
from tl_core.images import image_path
from tl_core.runs import Run
from tl_core.runs.results.anomaly import AnomalyResult, oddest_first
from tl_core.runs.results.report import Report
from tl_core.workspace import Project

WITH_HEAT = 6
LISTED = 48
HEAT_TEXT = "Warm areas are unlike all normal pictures; the dark border is cropped off"


def show_anomalies(project: Project, run: Run, report: Report, found: AnomalyResult) -> None:
    """Draw how often the model errs, then the pictures, the most unusual first."""
    evaluation, records = report.evaluation, records_of(project, report.evaluation)
    result_cards(report)
    st.header("Most unusual pictures", anchor=False)
    note_text(
        f"A score above {found.threshold:.1f} is anomalous; normal pictures score about 0. "
        f"{HEAT_TEXT}. If a normal picture shows a defect, relabel it and train again.",
        *report.notes,
    )
    order = [i for i in oddest_first(evaluation).tolist() if evaluation.digests[i] in records]
    root, heats = str(state.current_workspace().root), []
    with st.grid(min_column_width=280, gap="small"):
        for index in order[:WITH_HEAT]:
            record = records[evaluation.digests[index]]
            heats.append(ask("explain", root, project.id, run.id, record.digest, 1))
            with card(f"odd-{index}"):
                score = found.score(evaluation.probabilities[index])
                name_text(record.name, note=_said(evaluation.labels[index], score, found))
                pictures = st.columns(2)
                with pictures[0]:
                    show_reduced(image_path(state.current_workspace(), project.id, record))
                if (tinted := answer_so_far(heats[-1])) is not None:
                    pictures[1].image(tinted, width="stretch")
    wait_for_all(heats, key="heat", doing="Computing the heat maps")
    with st.expander(
        f"The {min(LISTED, len(order))} most unusual pictures, to relabel", key="part-unusual"
    ):
        picture_gallery(
            project, evaluation, order[:LISTED], records, key=f"odd-{run.id}",
            nothing="The tested pictures are no longer in this project.",
        )  # fmt: skip
        undo_button(project.id)
    panel(PANEL, lambda digest: tested_picture(run, evaluation, digest))


def _said(label: int, score: float, found: AnomalyResult) -> str:
    kinds = ("normal", "false alarm") if label == 0 else ("missed", "found")
    return f"{score_text(score)} · {kinds[score > found.threshold]}"


def score_text(score: float) -> str:
    """Return a score as people write numbers."""
    return f"score {score:.1f}".replace("-", "−")

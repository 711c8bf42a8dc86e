"""Pictures of an evaluation: in galleries, and one by one on the panel, mended on the spot."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.shared import state
from pages.shared.answers import show_answer
from pages.shared.class_colours import class_colours
from pages.shared.compute import ask
from pages.shared.gallery import Tile, gallery
from pages.shared.images.changes import EXCLUDE, RESTORE, act, class_actions, mend_label
from pages.shared.journey import TRAINING
from pages.shared.layers.draft import draft
from pages.shared.panel import PanelPicture, close_panel, open_panel
from pages.shared.run_control import start_training
from pages.shared.text import short_sureness, sureness
from tl_core.images import (
    ImageRecord,
    get_images,
    image_path,
    thumbnail_path,
)
from tl_core.runs import Run
from tl_core.runs.results.report import Evaluation
from tl_core.workspace import Project

PAGE = 48
PANEL = "tested"
BUTTONS = 4  # classes; more are in a list


def records_of(project: Project, evaluation: Evaluation) -> dict[str, ImageRecord]:
    """Return the pictures of an evaluation that are still there, by digest, as they are now."""
    found = get_images(state.current_workspace(), project.id, list(evaluation.digests))
    return {record.digest: record for record in found}


def changed_since(evaluation: Evaluation, records: dict[str, ImageRecord]) -> int:
    """Return how many tested pictures now have another class, are excluded or gone."""
    return sum(
        (record := records.get(digest)) is None
        or record.excluded
        or record.class_name != evaluation.class_names[label]
        for digest, label in zip(evaluation.digests, evaluation.labels, strict=True)
    )


def say_what_changed(evaluation: Evaluation, records: dict[str, ImageRecord]) -> None:
    """Say that the numbers are those of labels that have been changed since, if so."""
    project = state.current_project()
    if changed := changed_since(evaluation, records):
        verb = "was" if changed == 1 else "were"
        st.info(
            f"{changed} of the tested pictures {verb} relabelled, excluded or deleted since this "
            "run. The numbers here use the old labels; train again to update them.",
            icon=":material/edit:",
        )
        train_again(project, key="train-again")


def train_again(project: Project, *, key: str) -> None:
    """Offer to train with the labels as they are now, and lead to where it can be watched."""
    if st.button("Train again", key=key, icon=":material/play_arrow:"):
        start_training(project, draft(project))
        close_panel()
        state.go(TRAINING)


def tested_picture(run: Run, evaluation: Evaluation, digest: str) -> PanelPicture | None:
    """Return what the panel shows of a tested picture; None if it is gone."""
    workspace, project = state.current_workspace(), state.current_project()
    records = records_of(project, evaluation)
    record, index = records.get(digest), evaluation.digests.index(digest)
    if record is None:
        return None
    true = evaluation.class_names[evaluation.labels[index]]

    def mend() -> None:
        mend_label(project.id, record)
        if changed_since(evaluation, records):
            train_again(project, key="panel-train")

    return PanelPicture(
        name=record.name,
        picture=image_path(workspace, project.id, record),
        said=(f"Labelled “{true}” when this run was tested, and not learned from.",),
        answer=lambda: show_answer(
            project.id, evaluation.class_names, evaluation.probabilities[index]
        ),
        class_names=evaluation.class_names,
        explain_first=int(evaluation.predicted[index]),
        heat=lambda wanted: ask("explain", str(workspace.root), project.id, run.id, digest, wanted),
        mend=mend,
    )


def picture_gallery(
    project: Project,
    evaluation: Evaluation,
    indices: Sequence[int] | np.ndarray,
    records: dict[str, ImageRecord],
    *,
    key: str,
    nothing: str,
) -> None:
    """Show these pictures of the evaluation with what the model said, to look at and to mend.

    Args:
        project: Whose pictures they are.
        evaluation: Where the indices point.
        indices: Pictures in the order to show them.
        records: From `records_of`.
        key: Unique on the page.
        nothing: What to say when there are none.
    """
    page_key = f"{key}-first"
    first = int(state.widget_value(page_key, 0))
    first = first if first < len(indices) else 0
    colours = class_colours(project.id, evaluation.class_names)
    tiles = [
        tile
        for index in indices[first : first + PAGE]
        if (tile := _tile(project, evaluation, int(index), records, colours)) is not None
    ]

    def turn(step: int) -> None:
        state.set_widget_value(page_key, max(0, first + step * PAGE))

    gallery(
        tiles,
        key=key,
        actions=class_actions(
            project.id, "Relabel as “{}”", buttons=BUTTONS, also=(EXCLUDE, RESTORE)
        ),
        first=first + 1,
        total=len(indices),
        nothing=nothing,
        on_action=lambda action, ids: act(project.id, action, ids),
        on_page=turn,
        on_open=lambda row: open_tested(evaluation, indices, records, row=int(row)),
    )


def open_tested(
    evaluation: Evaluation,
    indices: Sequence[int] | np.ndarray,
    records: dict[str, ImageRecord],
    *,
    row: int | None = None,
) -> None:
    """Open the panel on these tested pictures, at the record with the id `row` or the first."""
    there = [records[digest] for i in indices if (digest := evaluation.digests[i]) in records]
    chosen = next((one.digest for one in there if row in (None, one.id)), None)
    if chosen:
        open_panel(PANEL, [one.digest for one in there], chosen)


def _tile(
    project: Project,
    evaluation: Evaluation,
    index: int,
    records: dict[str, ImageRecord],
    colours: dict[str, str],
) -> Tile | None:
    record = records.get(evaluation.digests[index])
    if record is None:
        return None
    true = evaluation.class_names[evaluation.labels[index]]
    predicted = int(evaluation.predicted[index])
    name, sure = (
        evaluation.class_names[predicted],
        float(evaluation.probabilities[index, predicted]),
    )
    moved = record.class_name != true
    now = f"now “{record.class_name}”" if record.class_name else "now without a class"
    return Tile(
        id=str(record.id),
        thumbnail=thumbnail_path(state.current_workspace(), project.id, record.digest),
        caption=f"labelled {true}",
        title=f"{record.name}: labelled “{true}”, predicted {name} ({sureness(sure)})",
        says=(name, short_sureness(sure)),
        says_colour=colours[name],
        mark="excluded" if record.excluded else (now if moved else None),
        muted=record.excluded or moved,
    )

"""Where the model looked: a picture with the areas that spoke for an answer tinted."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import streamlit as st

from pages.shared import charts, state
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import note_text
from tl_core.errors import TLCoreError
from tl_core.images import ImageRecord, image_path, read_picture
from tl_core.runs import Run
from tl_core.runs.results.report import Evaluation

SHOWN = 480  # pixels, the shorter side of the picture beside the tinted one
TINTED_TEXT = "Warm areas contribute most to this class; the dark border is cropped off"
OFFERED = 300  # pictures in the list to choose from


def where_it_looked(
    run: Run, evaluation: Evaluation, order: np.ndarray, records: dict[str, ImageRecord]
) -> None:
    """Let a tested picture be chosen and show what spoke for an answer.

    Args:
        run: Whose model is asked.
        evaluation: Its tested pictures.
        order: Their indices as they are offered, the most interesting first.
        records: The pictures as they are now, by digest.
    """
    there = [int(i) for i in order if evaluation.digests[i] in records][:OFFERED]
    if not there:
        note_text("The tested pictures are no longer in this project.")
        return
    left, right = st.columns(2)
    with left:
        index = st.selectbox(
            "Picture", there, format_func=lambda i: _title(evaluation, records, i), key="look-at"
        )
    with right:
        wanted = st.selectbox(
            "Class to explain",
            range(len(evaluation.class_names)),
            index=int(evaluation.predicted[index]),
            format_func=lambda k: evaluation.class_names[k],
            key=f"look-for-{index}",
        )
    record = records[evaluation.digests[index]]
    root = str(state.current_workspace().root)
    asked = ask("explain", root, run.project_id, run.id, record.digest, wanted)
    pictures = st.columns(3)
    with pictures[0]:
        _original(run, record)
    with pictures[1]:
        tinted = answer_or_wait(asked, key="explain", doing="Computing Grad-CAM")
        if tinted:
            st.image(tinted, caption=TINTED_TEXT, width="stretch")
    with pictures[2]:
        chart = charts.probabilities(evaluation.class_names, evaluation.probabilities[index])
        charts.show(chart, key=f"probabilities-{index}")


def _title(evaluation: Evaluation, records: dict[str, ImageRecord], index: int) -> str:
    true = evaluation.class_names[evaluation.labels[index]]
    predicted = evaluation.class_names[evaluation.predicted[index]]
    verdict = f"“{true}”, correct" if true == predicted else f"“{true}”, predicted “{predicted}”"
    return f"{records[evaluation.digests[index]].name}: {verdict}"


def _original(run: Run, record: ImageRecord) -> None:
    path = image_path(state.current_workspace(), run.project_id, record)
    try:
        st.image(_small_picture(str(path)), caption="Your picture", width="stretch")
    except (TLCoreError, OSError):
        note_text("This picture's file can no longer be read.")


@st.cache_data(max_entries=64, show_spinner=False)
def _small_picture(path: str) -> bytes:
    """Return the picture upright and small, WebP; decoding it anew at every click would be slow."""
    image = read_picture(Path(path), shortest=SHOWN)
    image.thumbnail((3 * SHOWN, 2 * SHOWN))
    content = BytesIO()
    image.save(content, "WEBP", quality=85)
    return content.getvalue()


def interesting_first(evaluation: Evaluation, cell: Sequence[int]) -> np.ndarray:
    """Return all indices: the chosen cell's, then the surest mistakes, then the rest."""
    mistakes = evaluation.most_confident_mistakes(OFFERED)
    order = [*cell, *mistakes.tolist(), *range(evaluation.n)]
    return np.array(list(dict.fromkeys(int(i) for i in order)), dtype=int)

"""Many pictures, classified in the background: progress, a table, a CSV file.

A thread of the server hands the files to the compute process in small batches; pages look at
how far it is. A click elsewhere interrupts nothing; the newest batch of a run is kept.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import streamlit as st

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.text import duration, plain
from tl_core.errors import ImageFileError, TLCoreError
from tl_core.images import Skipped, SourceFile
from tl_core.runs import Run, compute_client
from tl_core.runs.results.answers import Answer, answers_csv

AT_ONCE = 8  # files per question, so that others get their answers in between
_LOG = logging.getLogger(__name__)


@dataclass
class Batch:
    """One upload on its way through the model; written by its thread, except `stop`."""

    total: int
    started: float
    answers: list[Answer] = field(default_factory=list)
    error: str | None = None
    finished: bool = False
    stop: bool = False

    @property
    def seconds_left(self) -> float | None:
        done = len(self.answers)
        spent = time.monotonic() - self.started
        return spent / done * (self.total - done) if done else None


@st.cache_resource
def _batches() -> dict[str, Batch]:
    return {}


def start_batch(run: Run, files: Sequence[SourceFile | Skipped]) -> None:
    """Begin to classify; an earlier batch of this run is ended."""
    batches = _batches()
    if run.id in batches:
        batches[run.id].stop = True
    batch = batches[run.id] = Batch(total=len(files), started=time.monotonic())
    place = (str(state.current_workspace().root), run.project_id, run.id)
    arguments = (batch, place, iter(files))
    threading.Thread(target=_work, args=arguments, name="classify", daemon=True).start()


def _work(batch: Batch, place: tuple[str, str, str], files: Iterator[SourceFile | Skipped]) -> None:
    try:
        while not batch.stop and (chunk := list(islice(files, AT_ONCE))):
            batch.answers += _answers(place, chunk)
    except TLCoreError as error:
        batch.error = str(error)
    except Exception:
        _LOG.exception("classifying failed")
        batch.error = "Classifying stopped because of a mistake in this program; see its log."
    finally:
        batch.finished = True


def _answers(place: tuple[str, str, str], chunk: list[SourceFile | Skipped]) -> list[Answer]:
    """Return one answer per file, in order."""
    pictures, refused = [], {}
    for position, file in enumerate(chunk):
        try:
            if isinstance(file, Skipped):
                refused[position] = file.reason
            else:
                pictures.append((file.name, bytes(file.read())))
        except (ImageFileError, OSError) as error:
            refused[position] = str(error)
    found = iter(compute_client.call("predict", *place, pictures) if pictures else [])
    return [
        Answer(file.name, None, refused[position]) if position in refused else next(found)
        for position, file in enumerate(chunk)
    ]


def show_batch(run: Run) -> None:
    """Show how far the newest batch is, then its table."""
    batch = _batches().get(run.id)
    if batch is None:
        return
    if batch.finished:
        _table(run, batch)
    else:
        st.fragment(_progress, run_every=0.5)(batch)


def _progress(batch: Batch) -> None:
    if batch.finished:
        st.rerun()
    done, left = len(batch.answers), batch.seconds_left
    more = f", about {duration(left)} left" if left is not None else ""
    st.progress(
        min(1.0, done / max(1, batch.total)), text=f"{done:,} of {batch.total:,} pictures{more}"
    )
    if st.button("Stop", key="stop-batch", icon=":material/stop:"):
        batch.stop = True


def _table(run: Run, batch: Batch) -> None:
    if batch.error:
        st.error(plain(batch.error), icon=":material/error:")
    answers = batch.answers
    if len(answers) < batch.total:
        st.info(f"Stopped after {len(answers):,} of {batch.total:,} files.")
    if not answers:
        return
    found = [entry.prediction for entry in answers if entry.prediction]
    counts = Counter(prediction.class_name for prediction in found)
    lines = [f"{name}: {count:,}" for name, count in counts.most_common()]
    refused = len(answers) - len(found)
    if refused:
        lines.append(f"left out: {refused:,}; the last column says why")
    st.subheader(f"{len(found):,} pictures classified", anchor=False)
    note_text(*lines)
    st.dataframe(
        {
            "File": [entry.name for entry in answers],
            "Answer": [e.prediction.class_name if e.prediction else "" for e in answers],
            "Probability": [e.prediction.probability if e.prediction else None for e in answers],
            "Left out because": [entry.reason or "" for entry in answers],
        },
        column_config={
            "Probability": st.column_config.ProgressColumn(
                format="percent", min_value=0, max_value=1
            )
        },
        hide_index=True,
        key=f"answers-{run.id}",
    )
    class_names = found[0].class_names if found else ()
    st.download_button(
        "Download the table (CSV)",
        data=lambda: answers_csv(answers, class_names),
        file_name="predictions.csv",
        mime="text/csv",
        key="download-csv",
        icon=":material/download:",
        on_click="ignore",
    )

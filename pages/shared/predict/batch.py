"""Many pictures, classified in the background: progress, a table, a CSV file.

The files go to the compute process in small batches; the newest upload of a run is kept.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import streamlit as st

from pages.shared import background, state
from pages.shared.background import Job
from pages.shared.elements import data_table, note_text
from pages.shared.live.elsewhere import elsewhere_warning
from pages.shared.results import report_of
from pages.shared.text import duration, plain
from tl_core.errors import ImageFileError, TLCoreError
from tl_core.images import Skipped, SourceFile
from tl_core.runs import Run, compute_client
from tl_core.runs.results.anomaly import AnomalyResult, anomaly_result
from tl_core.runs.results.answers import Answer, answers_csv
from tl_core.runs.results.live import PlaceChange

COMPARED = 40  # files, at most, that are compared with the project's pictures
AT_ONCE = 8  # files per question, so that others get their answers in between


@dataclass
class Batch:
    """One upload on its way through the model; `answers` grows, `place` comes last."""

    total: int
    started: float = field(default_factory=time.monotonic)
    answers: list[Answer] = field(default_factory=list)
    place: PlaceChange | None = None

    @property
    def seconds_left(self) -> float | None:
        done = len(self.answers)
        spent = time.monotonic() - self.started
        return spent / done * (self.total - done) if done else None


def start_batch(run: Run, files: Sequence[SourceFile | Skipped]) -> None:
    """Begin to classify; an earlier batch of this run is ended."""
    background.forget(batch_key(run))
    place = (str(state.current_workspace().root), run.project_id, run.id)
    batch = Batch(total=len(files))
    work = _classify(batch, place, files)
    background.start(batch_key(run), work, doing="Classifying", said=batch)


def batch_key(run: Run) -> str:
    return f"classify-{run.id}"


def _classify(
    batch: Batch, place: tuple[str, str, str], files: Sequence[SourceFile | Skipped]
) -> Iterator[Batch]:
    some = [file for file in files if isinstance(file, SourceFile)]
    some = some[:: max(1, -(-len(some) // COMPARED))]
    rest = iter(files)
    while chunk := list(islice(rest, AT_ONCE)):
        batch.answers += _answers(place, chunk)
        yield batch
    batch.place = _place_of(place[:2], some)
    yield batch


def _place_of(place: tuple[str, str], files: Sequence[SourceFile]) -> PlaceChange | None:
    """Return how far these files are from the project's pictures; None if it cannot be told."""
    pictures = []
    for file in files:
        with suppress(ImageFileError, OSError):
            pictures.append((file.name, bytes(file.read())))
    with suppress(TLCoreError):  # such as a project whose model is not there
        return compute_client.call("live_place", *place, pictures)
    return None


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
    job = background.job_of(batch_key(run))
    if job is not None:
        _table(run, job) if job.finished else background.show(job, _progress)


def _progress(job: Job) -> None:
    batch: Batch = job.said
    done, left = len(batch.answers), batch.seconds_left
    more = f", about {duration(left)} left" if left is not None else ""
    st.progress(
        min(1.0, done / max(1, batch.total)), text=f"{done:,} of {batch.total:,} pictures{more}"
    )
    if st.button("Stop", key="stop-batch", icon=":material/stop:"):
        job.stop = True


def _table(run: Run, job: Job) -> None:
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    batch: Batch = job.said
    answers = batch.answers
    if len(answers) < batch.total:
        st.info(f"Stopped after {len(answers):,} of {batch.total:,} files.")
    if not answers:
        return
    found = [entry.prediction for entry in answers if entry.prediction]
    counts = Counter(prediction.class_name for prediction in found)
    lines = [f"{name}: {count:,}" for name, count in counts.most_common()]
    if unlike := sum(prediction.unlike for prediction in found):
        lines.append(f"unlike the training pictures: {unlike:,}; do not rely on these answers")
    refused = len(answers) - len(found)
    if refused:
        lines.append(f"skipped: {refused:,}; the last column gives the reasons")
    st.subheader(f"{len(found):,} pictures classified", anchor=False)
    note_text(*lines)
    elsewhere_warning(batch.place, "These pictures")
    alarms = anomaly_result(report_of(run))
    data_table(
        [_row(entry, alarms, unlike=bool(unlike), refused=bool(refused)) for entry in answers],
        key=f"answers-{run.id}",
        column_config={
            "Probability": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0, max_value=100
            )
        },
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


def _row(
    entry: Answer, alarms: AnomalyResult | None, *, unlike: bool, refused: bool
) -> dict[str, object]:
    """Return an answer's cells; `unlike` and `refused` say whether there are these columns."""
    found = entry.prediction
    row = {
        "File": entry.name,
        "Predicted class": found.class_name if found else "",
        "Probability": _shown(found.probability) if found else None,
    }
    if alarms:
        del row["Probability"]
        above = f"Score (above {alarms.threshold:.1f}: anomalous)"
        row[above] = round(alarms.score(found.probabilities), 2) if found else None
    if unlike:
        row["Unlike the training pictures"] = "unlike" if found and found.unlike else ""
    if refused:
        row["Reason if skipped"] = entry.reason or ""
    return row


def _shown(probability: float) -> float:
    """Return a probability in percent that never claims certainty."""
    return min(100 * probability, 99.0)

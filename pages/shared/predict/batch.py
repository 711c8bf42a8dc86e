"""Many pictures, classified in the background.

The files go to the compute process in small batches; the newest upload of a run is kept with it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import streamlit as st

from pages.shared import background, state
from pages.shared.background import Job
from pages.shared.predict.folder import run_dir_of, show_classified
from pages.shared.text import duration, plain
from tl_core.errors import ImageFileError, TLCoreError
from tl_core.images import Skipped, SourceFile, read_untrusted, thumbnail_bytes
from tl_core.runs import Run, compute_client
from tl_core.runs.results.answers import Answer
from tl_core.runs.results.classified import begin, keep, keep_place, read_classified
from tl_core.runs.results.live import PlaceChange

SMALL = 160  # pixels of a thumbnail
COMPARED = 40  # files, at most, that are compared with the project's pictures
AT_ONCE = 8  # files per question, so that others get their answers in between


@dataclass
class Batch:
    """One upload on its way through the model."""

    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        spent = time.monotonic() - self.started
        return spent / self.done * (self.total - self.done) if self.done else None


def start_batch(run: Run, files: Sequence[SourceFile | Skipped]) -> None:
    """Begin to classify; an earlier batch of this run is ended."""
    background.forget(batch_key(run))
    place = (str(state.current_workspace().root), run.project_id, run.id)
    batch = Batch(total=len(files))
    work = _classify(batch, run_dir_of(run), place, files)
    background.start(batch_key(run), work, doing="Classifying", said=batch)


def batch_key(run: Run) -> str:
    return f"classify-{run.id}"


def _classify(
    batch: Batch, run_dir: Path, place: tuple[str, str, str], files: Sequence[SourceFile | Skipped]
) -> Iterator[Batch]:
    begin(run_dir, batch.total)
    some = [file for file in files if isinstance(file, SourceFile)]
    some = some[:: max(1, -(-len(some) // COMPARED))]
    rest = iter(files)
    while chunk := list(islice(rest, AT_ONCE)):
        for answer, content in _answers(place, chunk):
            thumbnail = _thumbnail(content) if answer.prediction else b""
            keep(run_dir, batch.done, answer, content, thumbnail)
            batch.done += 1
        yield batch
    keep_place(run_dir, _place_of(place[:2], some))


def _thumbnail(content: bytes) -> bytes:
    return thumbnail_bytes(read_untrusted(content, shortest=SMALL), side=SMALL)


def _place_of(place: tuple[str, str], files: Sequence[SourceFile]) -> PlaceChange | None:
    """Return how far these files are from the project's pictures; None if it cannot be told."""
    pictures = []
    for file in files:
        with suppress(ImageFileError, OSError):
            pictures.append((file.name, bytes(file.read())))
    with suppress(TLCoreError):  # such as a project whose model is not there
        return compute_client.call("live_place", *place, pictures)
    return None


def _answers(
    place: tuple[str, str, str], chunk: list[SourceFile | Skipped]
) -> list[tuple[Answer, bytes]]:
    """Return an answer and the content of each file, in order."""
    contents: list[bytes] = []
    refused = {}
    for position, file in enumerate(chunk):
        contents.append(b"")
        try:
            if isinstance(file, Skipped):
                refused[position] = file.reason
            else:
                contents[position] = bytes(file.read())
        except (ImageFileError, OSError) as error:
            refused[position] = str(error)
    pictures = [
        (file.name, contents[position])
        for position, file in enumerate(chunk)
        if position not in refused
    ]
    found = iter(compute_client.call("predict", *place, pictures) if pictures else [])
    return [
        (Answer(file.name, None, refused[i]) if i in refused else next(found), contents[i])
        for i, file in enumerate(chunk)
    ]


def show_batch(run: Run) -> None:
    """Show how far the newest batch is, then what came of it; it outlives the server."""
    job = background.job_of(batch_key(run))
    if job is not None and not job.finished:
        background.show(job, _progress)
        return
    if job is not None and job.error:
        st.error(plain(job.error), icon=":material/error:")
    found = read_classified(run_dir_of(run))
    if found is not None and found.pictures:
        if len(found.pictures) < found.total:
            st.info(f"Stopped after {len(found.pictures):,} of {found.total:,} files.")
        show_classified(run, found)


def _progress(job: Job) -> None:
    batch: Batch = job.said
    left = batch.seconds_left
    more = f", about {duration(left)} left" if left is not None else ""
    st.progress(
        min(1.0, batch.done / max(1, batch.total)),
        text=f"{batch.done:,} of {batch.total:,} pictures{more}",
    )
    if st.button("Stop", key="stop-batch", icon=":material/stop:"):
        job.stop = True

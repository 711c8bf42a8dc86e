"""A few new pictures, each with the model's answer, and the way back into the project."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import (
    card,
    errors_shown,
    name_text,
    note_text,
    show_error,
    unlike_warning,
)
from pages.shared.live.known import Live
from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.images import add_images, list_classes, read_untrusted, thumbnail_bytes, uploaded_files
from tl_core.runs import Run, compute_client
from tl_core.runs.results.answers import Answer, Prediction
from tl_core.runs.results.onnx_check import WEIGHTS

MOST = 12  # pictures shown one by one; more become a table
PREVIEW = 480  # pixels, the longer side

Asked = Callable[[BinaryIO], tuple[Answer, bytes | None]]  # an answer and a small picture


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture that is no upload, for `try_pictures`; `file_id` is its own."""

    file_id: str
    name: str
    data: bytes

    def getvalue(self) -> bytes:
        return self.data


def try_pictures(run: Run, files: Sequence[BinaryIO]) -> None:
    """Show every picture with what a run's model says of it."""
    show_answers(run.project_id, files, lambda file: _answer(run, file), key=run.id)


def try_live(live: Live, files: Sequence[BinaryIO]) -> None:
    """Show every picture with what the project's live model says of it."""
    version = live.state.version if live.state else ""

    def asked(file: BinaryIO) -> tuple[Answer, bytes | None]:
        return _asked("live_predict", live.place, version, file.file_id, file.name, file.getvalue())

    show_answers(live.place[1], files, asked, key="live")


def show_answers(project_id: str, files: Sequence[BinaryIO], asked: Asked, *, key: str) -> None:
    """Show every picture with the probabilities of its classes.

    Args:
        project_id: Where a picture may be added with its right class.
        files: The pictures, as uploaded.
        asked: Answers for one of them.
        key: Unique on the page.
    """
    try:
        with st.spinner("Classifying…", show_time=True):
            answers = [asked(file) for file in files]
    except TLCoreError as error:
        show_error(error)
        return
    for entry, _ in answers:
        if entry.prediction is None:
            st.warning(plain(f"“{entry.name}” was skipped: {entry.reason}"))
    shown = [
        (file, entry, preview)
        for file, (entry, preview) in zip(files, answers, strict=True)
        if entry.prediction is not None
    ]
    with st.grid(min_column_width=300, gap="small"):
        for file, entry, preview in shown:
            with card(f"answer-{file.file_id}"):
                _show(project_id, file, entry.prediction, preview, key=key)


def _answer(run: Run, file: BinaryIO) -> tuple[Answer, bytes | None]:
    workspace = state.current_workspace()
    changed = (workspace.run_dir(run.project_id, run.id) / WEIGHTS).stat().st_mtime_ns
    place = (str(workspace.root), run.project_id, run.id)
    return _asked("predict", place, str(changed), file.file_id, file.name, file.getvalue())


@st.cache_data(max_entries=128, ttl=3600, show_spinner=False)
def _asked(
    function: str, place: tuple[str, ...], version: str, file_id: str, name: str, _data: bytes
) -> tuple[Answer, bytes | None]:
    """Return the answer and a small picture; an upload is asked about once per model."""
    entry: Answer = compute_client.call(function, *place, [(name, _data)])[0]
    if entry.prediction is None:
        return entry, None
    return entry, thumbnail_bytes(read_untrusted(_data, shortest=PREVIEW), side=PREVIEW)


def _show(
    project_id: str, file: BinaryIO, found: Prediction, preview: bytes | None, *, key: str
) -> None:
    name_text(file.name)
    if preview:
        st.image(preview)
    unlike_warning(found)
    charts.show(
        charts.probabilities(found.class_names, found.probabilities),
        key=f"bars-{key}-{file.file_id}",
    )
    with st.popover("Wrong, or worth adding?", type="tertiary", icon=":material/add:"):
        _add_back(project_id, file, found)


def _add_back(project_id: str, file: BinaryIO, found: Prediction) -> None:
    """Offer to put the picture with its right label among the project's pictures."""
    workspace = state.current_workspace()
    names = [entry.name for entry in list_classes(workspace, project_id)]
    note_text("Add the picture with its correct class; the next training learns from it.")
    with st.form(f"add-{file.file_id}", border=False):
        class_name = st.selectbox(
            "Correct class",
            names,
            index=names.index(found.class_name) if found.class_name in names else None,
            accept_new_options=True,
            key=f"right-class-{file.file_id}",
        )
        given = st.form_submit_button("Add to my pictures")
    if given and class_name:
        with errors_shown():
            offered = uploaded_files([(file.name, file.getvalue())], class_name=class_name)
            *_, last = add_images(workspace, project_id, offered, total=1)
            if last.added:
                st.success(plain(f"Added to “{class_name}”."))
            for skipped in last.skipped:
                st.info(plain(f"Not added: {skipped.reason}"))

"""A few new pictures, each with the model's answer, and the way back into the project."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import streamlit as st

from pages.shared import state
from pages.shared.answers import show_answer
from pages.shared.compute import ask
from pages.shared.elements import card, name_text, note_text, show_error
from pages.shared.images.changes import undo_button
from pages.shared.live.known import Live
from pages.shared.panel import PanelPicture, open_panel, panel
from pages.shared.predict.anomaly import show_anomaly
from pages.shared.predict.questions import show_question_answers
from pages.shared.results import report_of
from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.images import (
    add_picture,
    last_change,
    list_classes,
    read_untrusted,
    thumbnail_bytes,
)
from tl_core.runs import Run, compute_client
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.answers import Answer, Prediction, sure_from
from tl_core.runs.results.onnx_check import WEIGHTS

MOST = 12  # pictures shown one by one; more become a table
PREVIEW = 480  # pixels, the longer side

PANEL = "answers"

Heat = Callable[[BinaryIO, int], Future]
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
    """Show every picture with what a run's model says of it; one at a time can be enlarged."""
    root = str(state.current_workspace().root)
    if found := anomaly_result(report_of(run)):
        said = partial(show_anomaly, run, found)
        show_answers(run.project_id, files, lambda file: _answer(run, file), said=said)
        return

    def heat(file: BinaryIO, wanted: int) -> Future:
        return ask("explain", root, run.project_id, run.id, bytes(file.getvalue()), wanted)

    show_answers(run.project_id, files, lambda file: _answer(run, file), heat=heat)


def try_live(live: Live, files: Sequence[BinaryIO]) -> None:
    """Show every picture with what the project's live model says of it."""
    version = live.state.version if live.state else ""

    def asked(file: BinaryIO) -> tuple[Answer, bytes | None]:
        return _asked("live_predict", live.place, version, file.file_id, file.name, file.getvalue())

    show_answers(live.place[1], files, asked)


def show_answers(
    project_id: str,
    files: Sequence[BinaryIO],
    asked: Asked,
    *,
    heat: Heat | None = None,
    said: Callable[[BinaryIO, Prediction], None] | None = None,
) -> None:
    """Show every picture with the probabilities of its classes.

    Args:
        project_id: Where a picture may be added with its right class.
        files: The pictures, as uploaded.
        asked: Answers for one of them.
        heat: Returns where the model looked in one of them, for a class index; lets them be
            enlarged. None inside a dialog.
        said: Draws an answer in another way.
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
    alone = len(shown) == 1 and heat is not None
    with st.grid(min_column_width=520 if alone else 300, gap="small"):
        for file, entry, preview in shown:
            with card(f"answer-{file.file_id}"):
                name_text(file.name)
                pictured, answered = st.columns(2) if alone else (st.container(), st.container())
                with pictured:
                    if preview:
                        st.image(preview)
                with answered:
                    if said:
                        said(file, entry.prediction)
                    else:
                        _show_prediction(project_id, entry.prediction, key=file.file_id)
                    if heat:
                        _enlarge_button([one.file_id for one, _, _ in shown], file.file_id)
                    _add_back(project_id, file)
    if heat:
        by_id = {file.file_id: (file, entry.prediction) for file, entry, _ in shown}
        panel(PANEL, lambda file_id: _on_panel(project_id, *by_id[file_id], heat))


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


def _show_prediction(project_id: str, found: Prediction, *, key: str) -> None:
    if found.answers:
        show_question_answers(project_id, found, key=key)
        return
    threshold = sure_from(state.current_workspace().project_dir(project_id))
    show_answer(
        project_id,
        found.class_names,
        found.probabilities,
        sure_from=threshold,
        unlike=found.unlike,
    )


def _enlarge_button(file_ids: list[str], file_id: str) -> None:
    st.button(
        "Enlarge: what it looked at",
        key=f"enlarge-{file_id}",
        icon=":material/visibility:",
        type="tertiary",
        on_click=open_panel,
        args=(PANEL, file_ids, file_id),
    )


def _on_panel(project_id: str, file: BinaryIO, found: Prediction, heat: Heat) -> PanelPicture:
    return PanelPicture(
        name=file.name,
        picture=bytes(file.getvalue()),
        class_names=found.class_names,
        explain_first=found.class_names.index(found.class_name),
        answer=partial(_show_prediction, project_id, found, key=f"panel-{file.file_id}"),
        heat=partial(heat, file),
        mend=partial(_add_back, project_id, file, where="panel-"),
    )


def _add_back(project_id: str, file: BinaryIO, *, where: str = "") -> None:
    """Ask for the picture's right label, which is often not the answer, and keep it with that.

    `where` is different for each place on the page where this is drawn.
    """
    told, change = f"added-{file.file_id}", state.widget_value(f"change-{file.file_id}")
    if said := state.widget_value(told):
        (st.success if change else st.info)(plain(str(said)))
    if change:
        if change == last_change(state.current_workspace(), project_id):
            forget = partial(_forget, file.file_id)
            undo_button(project_id, key=f"undo-{where}{file.file_id}", done=forget)
        return
    right = f"right-class-{where}{file.file_id}"
    with st.popover("Wrong, or worth adding?", type="tertiary", icon=":material/add:"):
        note_text("Add the picture with its correct class, so that the model learns from it.")
        names = [entry.name for entry in list_classes(state.current_workspace(), project_id)]
        with st.form(f"add-{where}{file.file_id}", border=False):
            st.selectbox(
                "Correct class",
                names,
                index=None,
                placeholder="Choose what it shows, or type a new class",
                accept_new_options=True,
                key=right,
            )
            st.form_submit_button(
                "Add to my pictures", on_click=_keep, args=(project_id, file, right)
            )


def _keep(project_id: str, file: BinaryIO, right: str) -> None:
    """Add the picture to the class that the widget `right` names; remember what to say of it."""
    class_name, told = state.widget_value(right), f"added-{file.file_id}"
    if not class_name:
        state.set_widget_value(told, "Not added: choose its correct class first.")
        return
    workspace = state.current_workspace()
    try:
        last = add_picture(workspace, project_id, file.name, file.getvalue(), str(class_name))
    except TLCoreError as error:
        state.set_widget_value(told, str(error))
        return
    if last.added:
        state.set_widget_value(told, f"Added to “{class_name}”.")
        state.set_widget_value(f"change-{file.file_id}", last_change(workspace, project_id))
    else:
        reasons = "; ".join(skipped.reason for skipped in last.skipped)
        state.set_widget_value(told, f"Not added: {reasons}.")


def _forget(file_id: str) -> None:
    """Forget that a picture was added: it was taken back."""
    for name in ("added", "change"):
        state.set_widget_value(f"{name}-{file_id}", None)

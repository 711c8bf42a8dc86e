"""Labels from a file of another program, and into one."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.elements import data_table, errors_shown, note_text
from pages.shared.text import counted, megabytes, plain
from tl_core.images import give_answers
from tl_core.images.label_files.matching import LabelPlan, give_labels, plan_labels
from tl_core.images.label_files.reading import EXTENSIONS, read_labels
from tl_core.images.label_files.writing import labels_file, size_of_pictures, write_class_folders

FORMAT_TEXT = {  # what is written: how it is called, and the file's name
    "table": ("Table (CSV: file, label, answers)", "labels.csv"),
    "metadata": ("Hugging Face imagefolder (metadata.csv)", "metadata.csv"),
    "coco": ("COCO (JSON)", "_annotations.coco.json"),
    "label_studio": ("Label Studio (JSON)", "label-studio.json"),
    "folders": ("Pictures in class folders (ZIP)", "pictures.zip"),
}
MOST_ZIP_BYTES = 2**30
MOST_ANSWERS = 50  # different ones; a column with more is hardly a question
ONE, SEVERAL = "They are one class", "They are different classes"


def show_label_files(project_id: str) -> None:
    """Draw, folded, how labels come from a file and how they are taken along."""
    key = state.fresh_key("label-file")
    given = state.widget_value(key) is not None
    with st.expander(
        "Labels from a file, or into one",
        key="part-label-files",
        expanded=given,
        icon=":material/label:",
    ):
        _reading(project_id, key)
        _writing(project_id)


def _reading(project_id: str, key: str) -> None:
    file = st.file_uploader(
        "Label file",
        type=list(EXTENSIONS),
        key=key,
        help="A table with the columns file and label, COCO's JSON, Label Studio's JSON, or "
        "metadata.csv of Hugging Face. Pictures are found by their names. Further columns of a "
        "table can answer further questions about the pictures.",
    )
    if file is None:
        return
    with errors_shown():
        found = read_labels(file.name, file.getvalue())
        plan = plan_labels(state.current_workspace(), project_id, found)
        _show(plan)
        becomes = _alike(plan)
        changes = plan.changes(becomes)
        if not changes and plan.labels:
            note_text("No picture changes its class by this file.")
        elif not changes:
            note_text("No column of this file is called label, so no picture changes its class.")
        elif st.button(
            f"Use these labels ({counted(len(changes), 'picture changes', 'pictures change')})",
            type="primary",
            disabled=becomes is None,
            help="Say first which spellings are one class." if becomes is None else None,
            key="use-labels",
        ):
            workspace, named = state.current_workspace(), file.name[:80]
            changed = give_labels(workspace, project_id, changes, named=named)
            state.say_later(
                f"{counted(changed, 'picture has', 'pictures have')} another class now. Undo takes "
                "it back."
            )
            if not plan.answers:
                state.renew("label-file")
            st.rerun()
        if plan.answers:
            _further(project_id, plan, file.name[:80])


def _further(project_id: str, plan: LabelPlan, named: str) -> None:
    """Offer to keep what further columns say as answers to further questions."""
    chosen = st.multiselect(
        "Columns that are further questions about the pictures",
        list(plan.answers),
        default=[name for name in plan.answers if _is_question(plan, name)],
        help="Blanks are no answers. Columns of 0 and 1 say whether a picture has a label.",
        key=f"questions-of-{named}",
    )
    new = {question: plan.new_answers(question) for question in chosen}
    count = sum(map(len, new.values()))
    if not chosen:
        return
    if not count:
        note_text("All answers of these columns are in the project.")
    elif st.button(
        f"Use these answers ({count:,} to {counted(len(chosen), 'question')})",
        type="primary",
        key="use-answers",
    ):
        workspace, doing = state.current_workspace(), f"take {count:,} answers of {named}"
        changed = give_answers(workspace, project_id, new, doing=doing)
        state.say_later(
            f"{changed:,} answers are new. Classes stay as they were. Undo takes it back."
        )
        st.rerun()


def _is_question(plan: LabelPlan, name: str) -> bool:
    """Whether a column has answers that come again, unlike a number or a note."""
    given = plan.answers[name].values()
    return len(set(given)) <= min(MOST_ANSWERS, len(given) // 2)


def _show(plan: LabelPlan) -> None:
    missing = f"; {counted(plan.missing, 'is', 'are')} not in it" if plan.missing else ""
    known = len(set(plan.labels).union(*plan.answers.values()))
    found = counted(known, "picture has", "pictures have")
    note_text(f"{found} a label in the file{missing}.")
    if plan.new_classes:
        named = ", ".join(f"“{name}”" for name in plan.new_classes[:10])
        more = len(plan.new_classes) - 10
        note_text(f"New classes: {named}{f' and {more:,} more' if more > 0 else ''}.")
    reasons = {
        "no picture of this name here": plan.unknown,
        "several pictures have this name": plan.several,
        "more than one label": plan.doubled,
        "its label cannot name a class": plan.unusable,
    }
    rows = [{"File": name, "Not used": why} for why, names in reasons.items() for name in names]
    if rows:
        st.warning(f"{counted(len(rows), 'line')} of the file could not be used.")
        data_table(rows, key="label-lines")


def _alike(plan: LabelPlan) -> dict[str, str] | None:
    """Ask about spellings; return what each name becomes, None while an answer is missing."""
    becomes: dict[str, str] = {}
    for number, names in enumerate(plan.alike):
        listed = ", ".join(f"“{name}”" for name in names)
        said = st.radio(
            plain(f"{listed}: these names differ only by case or spaces."),
            [ONE, SEVERAL],
            index=None,
            horizontal=True,
            key=f"alike-{number}-{'|'.join(names)}",
        )
        if said is None:
            return None
        if said == ONE:
            becomes |= dict.fromkeys(names, names[0])
    return becomes


def _writing(project_id: str) -> None:
    workspace = state.current_workspace()
    wanted = st.selectbox(
        "Take the labels along as",
        list(FORMAT_TEXT),
        format_func=lambda name: FORMAT_TEXT[name][0],
        key="label-format",
    )
    _, file_name = FORMAT_TEXT[wanted]
    if wanted != "folders":
        _download(file_name, lambda: labels_file(workspace, project_id, wanted))
        return
    size = size_of_pictures(workspace, project_id)
    if size > MOST_ZIP_BYTES:
        note_text(
            f"The pictures are {megabytes(size)} together, too much for one download. They lie "
            f"in {workspace.images_dir(project_id)}; take the labels as a table."
        )
        return

    def zipped() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / file_name
            write_class_folders(workspace, project_id, path)
            return path.read_bytes()

    _download(file_name, zipped, note=f" ({megabytes(size)})")


def _download(file_name: str, data: Callable[[], bytes], *, note: str = "") -> None:
    st.download_button(
        f"Download {file_name}{note}",
        data=data,
        file_name=file_name,
        mime="application/octet-stream",
        key="download-labels",
        icon=":material/download:",
        on_click="ignore",
    )

"""Step 7: try the model on new pictures, one by one or a whole folder."""

import streamlit as st

from pages.shared import state
from pages.shared.compute import ask
from pages.shared.elements import errors_shown
from pages.shared.journey import EXPORT, PREDICT
from pages.shared.layout import enter, next_step, page_header
from pages.shared.live.try_it import unseen_picture
from pages.shared.predict.batch import show_batch, start_batch
from pages.shared.predict.single import MOST, try_pictures
from pages.shared.predict.webcam import classify_by_webcam
from pages.shared.run_choice import choose_model
from tl_core.images import Skipped, SourceFile, uploaded_files, zip_files
from tl_core.runs import Run

PICTURES, WEBCAM, FOLDER, ZIP = ("Pictures", "Webcam", "Folder", "ZIP file")

enter(PREDICT)
project = state.current_project()
page_header(
    PREDICT,
    "Try it on new pictures",
    "Classify pictures that the model has never seen.",
)
run = choose_model(project)
ask("predict", str(state.current_workspace().root), project.id, run.id, ())  # load it by now


def ask_for_pictures(run: Run) -> bool:
    """Take pictures in the way that the person chooses; True if their answers are shown."""
    way = st.segmented_control(
        "Source of the pictures",
        [PICTURES, WEBCAM, FOLDER, ZIP],
        default=PICTURES,
        key="predict-way",
        required=True,
    )
    if way == WEBCAM:
        return classify_by_webcam(run)
    if way == PICTURES:
        key = state.fresh_key("predict-pictures")
        files = st.file_uploader("New pictures", accept_multiple_files=True, key=key)
        if len(files) > MOST:
            offered = uploaded_files((file.name, file.getbuffer()) for file in files)
            begin(run, "predict-pictures", list(offered))
        files = files or unseen_picture(project, key="predict")
        if files:
            try_pictures(run, files)
        return bool(files)
    if way == FOLDER:
        key = state.fresh_key("predict-folder")
        files = st.file_uploader("Folder of pictures", accept_multiple_files="directory", key=key)
        if files:
            offered = uploaded_files((file.name, file.getbuffer()) for file in files)
            begin(run, "predict-folder", list(offered))
    else:
        file = st.file_uploader("ZIP file", type=["zip"], key=state.fresh_key("predict-zip"))
        if file:
            with errors_shown():
                begin(run, "predict-zip", list(zip_files(file)))
    return False


def begin(run: Run, uploader: str, files: list[SourceFile | Skipped]) -> None:
    start_batch(run, sorted(files, key=lambda file: file.name))
    state.renew(uploader)
    st.rerun()


if not ask_for_pictures(run):
    show_batch(run)
next_step(EXPORT, "Next: export")

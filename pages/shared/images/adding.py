"""Ways to bring pictures into a project: folder, ZIP, files, webcam, a folder on the server.

Whatever arrives is handed to a background import at once and the uploader is emptied, because
Streamlit forgets uploads when the person leaves the page.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.images.arrivals import start_adding
from pages.shared.images.recording import recording_panel
from pages.shared.text import plain
from tl_core.errors import DatasetError
from tl_core.images import Skipped, SourceFile, folder_files, uploaded_files, zip_files
from tl_core.images.label_files.arriving import with_labels
from tl_core.workspace.names import printable

FOLDER, FILES, WEBCAM, SERVER = (
    "Folder or ZIP",
    "Single files",
    "Webcam",
    "Folder by path",
)
WITHOUT_CLASSES = "adding-without-classes"
OF_A_PLACE, PLACE, NEW_PLACE = "adding-of-a-place", "adding-place", "New place"


def wants_more() -> bool:
    """Whether the person records pictures, so that the panel has to stay open."""
    return state.widget_value("adding-way") == WEBCAM


def adding_panel(project_id: str, class_names: Sequence[str]) -> None:
    """Ask how the pictures come, and take them."""
    ways = [FOLDER, FILES, WEBCAM] + ([SERVER] if server_folder() else [])
    way = st.segmented_control(
        "Add pictures from", ways, default=FOLDER, key="adding-way", required=True
    )
    if way != WEBCAM:
        st.checkbox(
            "Add them without classes",
            key=WITHOUT_CLASSES,
            help="Folders are then no classes. Pictures without a class can be grouped by how "
            "they look, below, and each group named.",
        )
        st.checkbox(
            "They show a new place, where the model will be used",
            key=OF_A_PLACE,
            help="Such as another camera or laboratory. They are kept apart from your classes, and "
            "need no labels: a model can be adapted to them, on the Layers page.",
        )
        if state.widget_value(OF_A_PLACE):
            st.text_input("Name of the place", NEW_PLACE, max_chars=60, key=PLACE)
    if way == FOLDER:
        _folder_or_zip(project_id)
    elif way == SERVER:
        _server_folder(project_id)
    elif way == FILES and (state.widget_value(WITHOUT_CLASSES) or state.widget_value(OF_A_PLACE)):
        _files(project_id, None)
    else:
        class_name = _class_field(class_names)
        if class_name and way == FILES:
            _files(project_id, class_name)
        elif class_name:
            recording_panel(project_id, class_name)


def _folder_or_zip(project_id: str) -> None:
    st.caption(
        "One folder per class, named after the class. Folders named train, val or test above them "
        "are kept as the split. With more than a thousand pictures use a ZIP file: browsers "
        "transfer single files slowly."
    )
    left, right = st.columns(2)
    with left:
        key = state.fresh_key("upload-folder")
        files = st.file_uploader("Folder of pictures", accept_multiple_files="directory", key=key)
    with right:
        packed = st.file_uploader("ZIP file", type=["zip"], key=state.fresh_key("upload-zip"))
    if files:
        offered = uploaded_files((file.name, file.getbuffer()) for file in files)
        _begin(project_id, "upload-folder", list(offered))
    if packed:
        with errors_shown():
            _begin(project_id, "upload-zip", list(zip_files(packed)))


def _files(project_id: str, class_name: str | None) -> None:
    key = state.fresh_key("upload-files")
    files = st.file_uploader("Pictures", accept_multiple_files=True, key=key)
    if files:
        offered = ((file.name, file.getbuffer()) for file in files)
        _begin(project_id, "upload-files", list(uploaded_files(offered, class_name=class_name)))


def _server_folder(project_id: str) -> None:
    root = server_folder()
    st.caption(f"A folder below {plain(str(root))} on the server; the pictures are copied.")
    with st.form("server-folder", border=False):
        path = st.text_input("Path of the folder", placeholder="leaves")
        given = st.form_submit_button("Add this folder")
    if given and path.strip():
        with errors_shown():
            folder = (root / path.strip()).resolve()
            if not folder.is_relative_to(root):
                raise DatasetError(f"'{path}' is not below '{root}'. Choose a folder there.")
            with st.spinner("Reading the folder…"):
                files = list(folder_files(folder))
            _begin(project_id, None, files)


def _class_field(class_names: Sequence[str]) -> str | None:
    return st.selectbox(
        "Class of these pictures",
        list(class_names),
        index=None,
        accept_new_options=True,
        placeholder="Choose a class, or type the name of a new one",
        key="adding-class",
    )


def _begin(project_id: str, uploader: str | None, files: list[SourceFile | Skipped]) -> None:
    if not files:
        st.warning(plain("The folder is empty. Choose a folder that contains pictures."))
        return
    files = with_labels(files)
    of_a_place = state.widget_value(OF_A_PLACE)
    if of_a_place or state.widget_value(WITHOUT_CLASSES):
        given = printable(str(state.widget_value(PLACE, ""))) or NEW_PLACE
        place = given if of_a_place else None
        files = [
            replace(file, class_name=None, split=None if place else file.split, place=place)
            if isinstance(file, SourceFile)
            else file
            for file in files
        ]
    start_adding(state.current_workspace(), project_id, files)
    if uploader:
        state.renew(uploader)
    st.rerun()


def server_folder() -> Path | None:
    """Return the folder of this computer whose subfolders people may add by path, if any.

    Only TL_SERVER_FOLDER names one: what a browser says of itself is no proof of where it is.
    """
    named = os.environ.get("TL_SERVER_FOLDER")
    return Path(named).expanduser().resolve() if named else None

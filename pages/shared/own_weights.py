"""A weights file of the person's own, for an architecture that they name."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.shared import state
from pages.shared.layout import errors_shown, explain
from tl_core.catalogue import Backbone
from tl_core.engines import call
from tl_core.errors import BackboneError
from tl_core.storage import storage_errors, write_atomic
from tl_core.workspace import Project

FORMATS = ["safetensors", "pt", "pth", "bin"]
CHECK_SECONDS = 180.0


def own_weights_form(project: Project, on_choose: Callable[[Backbone], None]) -> None:
    """Ask for the file and its architecture, check that they fit, hand over the backbone."""
    st.write(
        "A file of weights that you or somebody else trained, for an architecture of the timm "
        "library. Files that contain program code are refused."
    )
    explain("weights", "safetensors")
    file = st.file_uploader("Weights file", type=FORMATS, key=state.fresh_key("own-weights"))
    architecture = st.text_input(
        "Architecture",
        key="own-architecture",
        placeholder="resnet18",
        help="The name that the timm library gives to this kind of network.",
    ).strip()
    if st.button("Check and use", key="own-check", disabled=file is None or not architecture):
        backbone = None
        with errors_shown(), st.spinner("Checking that the file fits the architecture…"):
            backbone = _check(project, file, architecture)
        if backbone is not None:
            state.renew("own-weights")
            on_choose(backbone)


def _check(project: Project, file: UploadedFile, architecture: str) -> Backbone:
    workspace = state.current_workspace()
    content = file.getbuffer()
    suffix = PurePosixPath(file.name).suffix.lower()
    name = f"{hashlib.sha256(content).hexdigest()}{suffix}"
    folder = workspace.project_dir(project.id)
    path = workspace.weights_dir(project.id) / name
    known = path.exists()
    with storage_errors("saving the weights file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    try:
        found = call("check_weights_file", str(path), architecture, timeout=CHECK_SECONDS)
        return replace(found, weights_file=path.relative_to(folder).as_posix())
    except BackboneError:
        if not known:
            path.unlink(missing_ok=True)
        raise

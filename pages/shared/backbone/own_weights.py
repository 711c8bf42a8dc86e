"""A weights file of the person's own, for an architecture that they name."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.shared import state
from pages.shared.elements import errors_shown, note_text
from tl_core.errors import BackboneError
from tl_core.runs import compute_client
from tl_core.runs.catalogue import Backbone
from tl_core.workspace import Project
from tl_core.workspace.storage import storage_errors

FORMATS = ["safetensors", "pt", "pth", "bin"]
CHECK_SECONDS = 180.0
MAX_NAME = 80  # characters of the file's name that become part of the title


def own_weights_form(project: Project, on_choose: Callable[[Backbone], None]) -> None:
    """Ask for the file and its architecture, check that they fit, hand over the backbone."""
    note_text(
        "[[Weights]] that you or somebody else trained, for an [[architecture]] of the [[timm]] "
        "library. Files that contain program code are refused."
    )
    file = st.file_uploader("Weights file", type=FORMATS, key=state.fresh_key("own-weights"))
    architecture = st.text_input(
        "Architecture",
        key="own-architecture",
        placeholder="resnet18",
        help="The architecture's name in the timm library.",
    ).strip()
    if st.button("Check and use", key="own-check", disabled=file is None or not architecture):
        backbone = None
        with errors_shown(), st.spinner("Checking whether the weights fit the architecture…"):
            backbone = _check(project, file, architecture)
        if backbone is not None:
            state.renew("own-weights")
            on_choose(backbone)


def _check(project: Project, file: UploadedFile, architecture: str) -> Backbone:
    """Let the engine read the upload and store what fits; the upload itself is not kept."""
    name = PurePosixPath(file.name).name[-MAX_NAME:]
    suffix = PurePosixPath(name).suffix.lower()
    folder = state.current_workspace().weights_dir(project.id)
    upload = folder / f"upload-{secrets.token_hex(8)}{suffix}"
    try:
        with storage_errors("saving the weights file"):
            folder.mkdir(parents=True, exist_ok=True)
            upload.write_bytes(file.getbuffer())
        found = compute_client.call(
            "check_weights_file", str(upload), architecture, timeout=CHECK_SECONDS
        )
    except BackboneError as error:  # it names the file as it was written here
        raise BackboneError(str(error).replace(upload.name, name)) from error
    finally:
        upload.unlink(missing_ok=True)
    return replace(found, title=f"{name} ({architecture})")

"""Step 8: take the model away as files, with proof that they answer as the app does."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import card, note_text
from pages.shared.export.onnx_check import exporting, show_parity, start_export
from pages.shared.glossary import explain
from pages.shared.journey import EXPORT
from pages.shared.layout import enter, page_header
from pages.shared.results import report_of
from pages.shared.run_choice import choose_model
from pages.shared.text import megabytes
from tl_core.images import get_images
from tl_core.runs import Run, compute_client
from tl_core.runs.results.onnx_check import ONNX, SCRIPT, WEIGHTS, read_parity

enter(EXPORT)
project = state.current_project()
workspace = state.current_workspace()
page_header(
    EXPORT,
    "Take the model with you",
    "Here you download the model as files that work in other programs and on other computers, "
    "without this app.",
)
run = choose_model(project)
folder = workspace.run_dir(project.id, run.id)


def download(name: str, *, primary: bool = False) -> None:
    """Offer a file of the run's folder; it is read when the button is pressed."""
    path = folder / name
    size = "" if name == SCRIPT else f" ({megabytes(path.stat().st_size)})"
    st.download_button(
        f"Download {name}{size}",
        data=path.read_bytes,
        file_name=name,
        mime="text/x-python" if name == SCRIPT else "application/octet-stream",
        key=f"download-{name}",
        type="primary" if primary else "secondary",
        icon=":material/download:",
        on_click="ignore",
    )


def compared_pictures(run: Run) -> list[str]:
    """Return the digests of the tested pictures that are still in the project."""
    report = report_of(run)
    tested = list(report.evaluation.digests) if report else []
    return [record.digest for record in get_images(workspace, project.id, tested)]


def onnx_card() -> None:
    st.subheader("For other programs and devices", anchor=False)
    note_text(
        "An ONNX file: the whole model in one file that Python, C#, Java, JavaScript, phones and "
        "cameras can run. Give it a picture of any size; it scales the picture itself, exactly "
        "as the app does, and returns the probability of each class.",
    )
    busy = exporting(run)
    parity = read_parity(folder)
    if parity and parity.complete:
        show_parity(parity)
        with st.container(horizontal=True):
            download(ONNX, primary=True)
            download(SCRIPT)
    elif not busy:
        st.button(
            "Make the ONNX file" if parity is None else "Go on comparing it with the app",
            key="make-onnx",
            type="primary",
            icon=":material/deployed_code:",
            on_click=lambda: start_export(run, compared_pictures(run)),
        )


compute_client.warm()
with card("onnx"):
    onnx_card()
with card("weights"):
    st.subheader("For Python programmers", anchor=False)
    note_text(
        "The weights as a safetensors file, with class names and preprocessing inside. It opens "
        "with PyTorch and timm, and this app's own command line predicts with it.",
    )
    download(WEIGHTS)
explain("ONNX", "parity", "safetensors", "weights")
with st.expander("How do I use the ONNX file elsewhere?", icon=":material/help:"):
    st.markdown(
        "1. Put `model.onnx` and `predict.py` into one folder on any computer with Python.\n"
        "2. Install what it needs, once: `pip install onnxruntime pillow numpy`\n"
        "3. Ask it: `python predict.py picture.jpg`\n\n"
        "A programmer needs to know: the input `image` is the picture's upright 8-bit RGB pixels, "
        "shape (height, width, 3), of any size, neither scaled nor normalised; the output "
        "`probabilities` has one number per class. The class names, in that order, stand in the "
        "file's metadata under `class_names`."
    )
with st.expander("Which licence applies?", icon=":material/gavel:"):
    backbone = run.config["backbone"]
    note_text(
        f"The backbone {backbone['title']} comes under this licence: {backbone['licence']}. What "
        "the model learned from your pictures is yours."
    )

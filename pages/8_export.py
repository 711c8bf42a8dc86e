"""Step 8: take the model away as files, with proof that they answer as the app does."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import card, note_text
from pages.shared.export.onnx_check import download_button, onnx_card
from pages.shared.journey import EXPORT
from pages.shared.layout import enter, page_header
from pages.shared.results import report_of
from pages.shared.run_choice import choose_model
from pages.shared.text import licence_text
from tl_core.runs import compute_client
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.onnx_check import WEIGHTS
from tl_core.runs.results.questions import questions_result

enter(EXPORT)
project = state.current_project()
page_header(
    EXPORT,
    "Export the model",
    "Download the model as files that work in other programs and on other computers, without "
    "this app.",
)
run = choose_model(project)
compute_client.warm()
with card("onnx"):
    onnx_card(run)
    if anomaly_result(report_of(run)):
        note_text("The second probability is that of an anomaly; above 0.5 it is one.")
    if several := questions_result(report_of(run)):
        note_text(
            f"One file answers all {len(several.questions):,} questions. Its probabilities stand "
            "side by side; “heads” in its metadata names question, answers and threshold of each, "
            "in this order. The script predict.py prints an answer to each."
        )
with card("weights"):
    st.subheader("Weights for PyTorch", anchor=False)
    note_text(
        "The [[weights]] as a [[safetensors]] file, with class names and preprocessing settings: "
        "for PyTorch and timm, and for this app's command line.",
    )
    download_button(run, WEIGHTS)
with st.expander("How do I use the ONNX file elsewhere?", key="part-onnx", icon=":material/help:"):
    st.markdown(
        "1. Put `model.onnx` and `predict.py` into one folder on any computer with Python.\n2. "
        "Install what it needs, once: `pip install onnxruntime pillow numpy`\n3. Run it: `python "
        "predict.py picture.jpg`\n\nFor programmers: the input `image` holds the 8-bit RGB "
        "pixels of the upright picture, shape (height, width, 3), any size, neither resized nor "
        "normalised. The output `probabilities` has one number per class. The class names, in "
        "the same order, are in the file's metadata under `class_names`. The output "
        "`unlike_score` is above 1 for pictures unlike those that the model was trained on."
    )
with st.expander("Which licence applies?", key="part-licence", icon=":material/gavel:"):
    backbone = run.config["backbone"]
    licence = licence_text(backbone["licence"])
    note_text(
        f"The backbone {backbone['title']} has this licence: {licence}. What the "
        "model learned from your pictures is yours."
    )

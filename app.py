"""The table of pages; nothing else."""

from pathlib import Path

import streamlit as st

from pages.shared import garbage, layout, state

HERE = Path(__file__).parent
PAGES = {  # file under pages/: (title, address)
    "home.py": ("Home", ""),
    "1_backbone.py": ("Backbone", "backbone"),
    "2_images.py": ("Images", "images"),
    "3_layers.py": ("Layers", "layers"),
    "4_training.py": ("Training", "training"),
    "5_evaluation.py": ("Evaluation", "evaluation"),
    "6_transfer.py": ("Transfer", "transfer"),
    "7_predict.py": ("Predict", "predict"),
    "8_export.py": ("Export", "export"),
}

layout.page_frame(HERE / "assets")
state.mark_started()
page = st.navigation(
    [
        st.Page(f"pages/{name}", title=title, url_path=path or None, default=not path)
        for name, (title, path) in PAGES.items()
        if (HERE / "pages" / name).exists()
    ],
    position="hidden",
)
if wanted := state.wanted_page():
    st.switch_page(wanted[0], query_params=wanted[1])
page.run()
garbage.spare_modules()  # after the page stands there

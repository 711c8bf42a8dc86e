"""Which finished model a page works with."""

import streamlit as st

from pages.shared import state
from pages.shared.journey import TRAINING
from pages.shared.layout import require
from pages.shared.run_list import run_names
from tl_core.runs import Run, list_runs
from tl_core.runs.results.onnx_check import WEIGHTS
from tl_core.workspace import Project


def choose_model(project: Project, *, key: str) -> Run:
    """Return the run of the address, else the newest with a model; stop when there is none."""
    workspace = state.current_workspace()
    runs = list_runs(workspace, project.id)
    finished = {
        run.id: run
        for run in runs
        if not run.active and (workspace.run_dir(project.id, run.id) / WEIGHTS).is_file()
    }
    require(finished, "There is no trained model yet.", TRAINING, "Train one")
    wanted = state.current_run_id()
    run = finished.get(wanted) or next(iter(finished.values()))
    if len(finished) > 1:
        names = run_names(runs)
        state.set_widget_value(key, run.id)
        st.selectbox(
            "Model",
            list(finished),
            format_func=names.__getitem__,
            key=key,
            on_change=lambda: state.show_run(str(state.widget_value(key))),
        )
    if wanted != run.id:
        state.show_run(run.id)
    return run

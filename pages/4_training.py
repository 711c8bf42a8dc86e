"""Step 4: start a training, watch it, stop it, compare it with earlier ones."""

import streamlit as st

from pages.shared import state
from pages.shared.draft import draft
from pages.shared.guards import enter, require
from pages.shared.layout import explain, next_step, page_header
from pages.shared.runlist import compare, run_config, run_names
from pages.shared.runpanel import next_training, show_run
from tl_core.datasets import list_classes
from tl_core.runs import Run, list_runs

enter("pages/4_training.py")
project = state.current_project()
workspace = state.current_workspace()
page_header(
    "pages/4_training.py",
    "Train the model",
    "Here the model learns your classes; you can watch, stop whenever it is good enough, and "
    "compare several attempts.",
)
require(project.backbone, "Pick a backbone first.", "pages/1_backbone.py", "Choose a backbone")
classes = [c for c in list_classes(workspace, project.id) if c.images - c.excluded >= 2]
require(
    len(classes) >= 2,
    "A model tells classes apart: it needs two classes or more, each with at least two pictures.",
    "pages/2_images.py",
    "Add pictures",
)
config = draft(project)
runs = list_runs(workspace, project.id)
names = run_names(runs)
has_result = any(run.accuracy is not None for run in runs)
tried = any(run_config(run) == config for run in runs)
active = next((run for run in runs if run.active), None)


def choose_run() -> Run:
    """Return the run to look at: the one in the address, else the active or the newest one."""
    by_id = {run.id: run for run in runs}
    wanted = state.current_run_id()
    chosen = by_id.get(wanted) or active or runs[0]
    if len(runs) > 1:
        state.set_widget_value("run-shown", chosen.id)
        st.selectbox(
            "Look at",
            list(by_id),
            format_func=names.__getitem__,
            key="run-shown",
            on_change=lambda: state.show_run(str(state.widget_value("run-shown"))),
        )
    if wanted != chosen.id:
        state.show_run(chosen.id)
    return chosen


if active is None:
    next_training(
        project, config, classes, first=not runs, again=tried, primary=not (has_result and tried)
    )
if runs:
    show_run(choose_run(), runs, names)
    explain("epoch", "loss", "accuracy", "training pictures", "validation pictures", "overfitting")
if len(runs) > 1:
    st.header("Compare the runs", anchor=False)
    compare(runs, names)
    explain("interval", "run")
if has_result and (tried or active):
    next_step("pages/5_evaluation.py", "Next: see where it errs", disabled=active is not None)

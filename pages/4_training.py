"""Step 4: start a training, watch it, stop it, compare it with earlier ones."""

from contextlib import suppress

import streamlit as st

from pages.shared import state
from pages.shared.journey import EVALUATION, TRAINING
from pages.shared.layers.approach_choice import require_needs
from pages.shared.layers.draft import draft
from pages.shared.layout import enter, next_step, page_header, require_backbone
from pages.shared.run_choice import pick_run, run_config, run_names
from pages.shared.training.run_panel import next_training, show_run
from pages.shared.training.runs_table import compare_runs
from pages.shared.training.second_step import first_step_of, second_step
from tl_core.errors import TLCoreError
from tl_core.runs import list_runs, workers

enter(TRAINING)
project = state.current_project()
workspace = state.current_workspace()
page_header(
    TRAINING,
    "Train the model",
    None,
)
require_backbone(project)
config = draft(project)
classes = require_needs(project, config)
runs = list_runs(workspace, project.id)
names = run_names(runs)
has_result = any(run.accuracy is not None for run in runs)
tried = any(run_config(run) == config for run in runs)
active = next((run for run in runs if run.active), None)


def offer() -> None:
    """Offer the next training, unless one is under way."""
    if active is None:
        with suppress(TLCoreError):  # said when a training is started
            workers.start_ahead(workspace)
        primary = not (has_result and tried)
        next_training(project, config, classes, first=not runs, again=tried, primary=primary)


if not runs:
    offer()
if runs:
    wanted = next((run for run in runs if run.id == state.current_run_id()), None)
    shown = wanted or first_step_of(active, runs) or active or runs[0]
    pick_run(runs, shown, names, label="Look at")
    show_run(shown, runs, names, below=lambda: second_step(project, shown, runs, names, classes))
    offer()
if len(runs) > 1:
    st.header("Compare runs", anchor=False)
    compare_runs(runs, names)
if has_result and (tried or active):
    next_step(EVALUATION, "Next: evaluation", disabled=shown.active)

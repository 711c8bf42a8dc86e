"""Step 4: start a training, watch it, stop it, compare it with earlier ones."""

import streamlit as st

from pages.shared import state
from pages.shared.draft import draft
from pages.shared.guards import enter, require
from pages.shared.layout import (
    duration,
    errors_shown,
    explain,
    next_step,
    note_text,
    page_header,
    plain,
)
from pages.shared.live import STATE_TEXT, follow
from pages.shared.result import report_of, result_cards
from pages.shared.runlist import compare, run_config, run_names
from pages.shared.strategies import strategy_text
from pages.shared.waiting import ask, wait_for_all
from tl_core import engines
from tl_core.config import config_to_json
from tl_core.datasets import list_classes
from tl_core.runs import Run, delete_run, list_runs, resume_run, start_run

OVERLAID = 3  # earlier runs behind the curves; more would be a tangle

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


def start() -> None:
    with errors_shown():
        run = start_run(workspace, project.id, config=config_to_json(config))
        engines.ensure_workers(workspace)
        state.show_run(run.id)


def resume(run: Run) -> None:
    with errors_shown():
        resume_run(workspace, run.id)
        engines.ensure_workers(workspace)
        state.show_run(run.id)


def next_training() -> None:
    """Say what the next training will be and offer to start it."""
    estimate = ask("estimate_seconds", str(workspace.root), project.id, config)
    seconds = estimate.result() if estimate.done() and not estimate.exception() else None
    pictures = sum(c.images - c.excluded for c in classes)
    with st.container(border=True, key="card-next"):
        st.subheader("Next training" if runs else "Ready to train", anchor=False)
        parts = [
            strategy_text(config),
            config.backbone.title,
            f"{pictures:,} pictures in {len(classes)} classes",
        ]
        if seconds:
            parts.append(f"about {duration(seconds['total'])} on {seconds['device']}")
        note_text(" · ".join(parts))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Train again" if tried else "Start training",
                key="start",
                type="secondary" if has_result and tried else "primary",
                icon=":material/play_arrow:",
                on_click=start,
            )
            st.page_link(
                "pages/3_layers.py",
                label="Change the settings",
                icon=":material/tune:",
                query_params=state.address(),
            )
    wait_for_all([estimate], key="estimate", doing="Working out the time")


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


def show_run(run: Run) -> None:
    st.subheader(names[run.id], anchor=False)
    report = None if run.active else report_of(run)
    if run.message:
        kind = st.error if run.state == "failed" else st.info
        kind(plain(run.message))
    elif run.state in ("stopped", "lost", "failed"):
        st.info(f"This run was {STATE_TEXT[run.state]}.")
    if report:
        result_cards(report)
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        if report:
            st.page_link(
                "pages/7_predict.py",
                label="Try the model now",
                icon=":material/photo_camera:",
                query_params=state.address(run=run.id),
            )
            st.page_link(
                "pages/5_evaluation.py",
                label="See where it errs",
                icon=":material/troubleshoot:",
                query_params=state.address(run=run.id),
            )
        if run.state in ("stopped", "failed", "lost"):
            label = "Resume from where it was"
            st.button(label, key="resume", icon=":material/resume:", on_click=resume, args=(run,))
        if not run.active:
            with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
                st.write("Its model, curves and result are removed. This cannot be undone.")
                if st.button("Delete for good", key="delete-run"):
                    delete_run(workspace, run.id)
                    state.show_run(None)
                    st.rerun()
    earlier = [(names[old.id].split(" · ")[0], old) for old in runs if old.created < run.created]
    follow(run, earlier=earlier[:OVERLAID], notes=report.notes if report else ())


if active is None:
    next_training()
if runs:
    show_run(choose_run())
    explain("epoch", "loss", "accuracy", "training pictures", "validation pictures", "overfitting")
if len(runs) > 1:
    st.header("Compare the runs", anchor=False)
    compare(runs, names)
    explain("interval", "run")
if has_result and (tried or active):
    next_step("pages/5_evaluation.py", "Next: see where it errs", disabled=active is not None)

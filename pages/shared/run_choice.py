"""Which run a page shows: the runs' names, and the list to choose from."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state
from pages.shared.elements import note_text
from pages.shared.journey import TRAINING
from pages.shared.layers.strategies import strategy_text
from pages.shared.layout import require
from pages.shared.results import report_of
from tl_core.runs import Run, best_run, list_runs
from tl_core.runs.configuration import TrainingConfig, config_from_json
from tl_core.runs.results.adaptation import adaptation_result
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.onnx_check import WEIGHTS
from tl_core.runs.results.questions import questions_result
from tl_core.runs.results.report import Report
from tl_core.workspace import Project

MISSING_RESULT = (
    "The result of this run cannot be read: its files report.json and predictions.npz are damaged "
    "or gone. Train again for a new one; other runs are not affected."
)


def run_config(run: Run) -> TrainingConfig:
    return config_from_json(run.config)


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """Return a short name per run id; runs are counted from the oldest, `runs` newest first."""
    return {
        run.id: f"Run {len(runs) - i} · {strategy_text(run_config(run))}"
        for i, run in enumerate(runs)
    }


def pick_run(runs: Sequence[Run], shown: Run, names: dict[str, str], *, label: str) -> None:
    """Let a person choose another of `runs` than the one that is shown; the address follows.

    What nobody has chosen stays out of the address: every page then shows what suits it best.
    """
    if len(runs) > 1:
        state.set_widget_value("run-shown", shown.id)
        st.selectbox(
            label,
            [run.id for run in runs],
            format_func=names.__getitem__,
            key="run-shown",
            on_change=lambda: state.show_run(str(state.widget_value("run-shown"))),
        )
    if shown.active and state.current_run_id() != shown.id:
        state.show_run(shown.id)


def _question(report: Report | None) -> tuple[object, ...]:
    """Return what a run's number is about: anomalies; questions; another place, if known there."""
    adapted, several = adaptation_result(report), questions_result(report)
    return (
        anomaly_result(report) is not None,
        several is not None,
        adapted and adapted.measured_there,
    )


def _picked(finished: Sequence[Run], runs: Sequence[Run], *, label: str) -> Run:
    """Return the run of the address, else the best one, and say which that would be."""
    asked = {run.id: _question(report_of(run)) for run in finished}
    same = [run for run in finished if asked[run.id] == asked[finished[0].id]]
    best, names = best_run(same), run_names(runs)  # other questions are not compared
    wanted = next((run for run in finished if run.id == state.current_run_id()), None)
    shown = wanted or best or finished[0]
    pick_run(finished, shown, names, label=label)
    if best and shown.id != best.id:
        note_text(f"The best so far is {names[best.id]}.")
    return shown


def choose_model(project: Project) -> Run:
    """Return the run of the address, else the best with a model; stop when there is none."""
    workspace = state.current_workspace()
    runs = list_runs(workspace, project.id)
    finished = [
        run
        for run in runs
        if not run.active and (workspace.run_dir(project.id, run.id) / WEIGHTS).is_file()
    ]
    require(finished, "There is no trained model yet.", TRAINING, "Train one")
    return _picked(finished, runs, label="Model")


def choose_result(project: Project) -> tuple[Run, Report]:
    """Return the run of the address, else the best with a result, and that; or stop."""
    runs = list_runs(state.current_workspace(), project.id)
    finished = [run for run in runs if not run.active and run.accuracy is not None]
    require(finished, "There is no trained model yet.", TRAINING, "Train one")
    shown = _picked(finished, runs, label="Run")
    report = report_of(shown)
    require(report, MISSING_RESULT, TRAINING, "Train again")
    return shown, report

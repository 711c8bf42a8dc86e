"""The runs of a project in words: number, strategy, result, and a table to compare them."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import charts, state
from pages.shared.accuracy import result_text
from pages.shared.layers.strategies import strategy_text
from pages.shared.run_control import STATE_TEXT
from pages.shared.run_result import report_of
from pages.shared.text import duration
from tl_core.runs import Run
from tl_core.runs.configuration import TrainingConfig, config_from_json
from tl_core.runs.results.intervals import wilson_interval


def run_config(run: Run) -> TrainingConfig:
    return config_from_json(run.config)


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """Return a short name per run id; runs are counted from the oldest, `runs` newest first."""
    return {
        run.id: f"Run {len(runs) - i} · {strategy_text(run_config(run))}"
        for i, run in enumerate(runs)
    }


def correct_of(run: Run) -> int:
    """Return how many test pictures the run got right; it has a result."""
    return round(run.accuracy * run.n_test)


def seconds_spent(run: Run) -> float | None:
    """Return the seconds from start to end; None without one of them."""
    if run.started is None or run.finished is None:
        return None
    return (run.finished - run.started).total_seconds()


def pick_run(runs: Sequence[Run], shown: Run, names: dict[str, str], *, label: str) -> None:
    """Let a person choose another of `runs` than the one that is shown; the address follows."""
    if len(runs) > 1:
        state.set_widget_value("run-shown", shown.id)
        st.selectbox(
            label,
            [run.id for run in runs],
            format_func=names.__getitem__,
            key="run-shown",
            on_change=lambda: state.show_run(str(state.widget_value("run-shown"))),
        )
    if state.current_run_id() != shown.id:
        state.show_run(shown.id)


def compare(runs: Sequence[Run], names: dict[str, str]) -> None:
    """Draw all runs as a table and, with two results or more, as dots with intervals."""
    finished = [run for run in runs if run.accuracy is not None and run.n_test]
    if len(finished) > 1:
        charts.show(charts.compare_runs([_score(run, names) for run in finished]), key="compare")
    st.dataframe(
        [_row(run, names) for run in runs],
        hide_index=True,
        key="runs-table",
        column_config={"Result": st.column_config.TextColumn("Right answers", width="medium")},
    )


def _score(run: Run, names: dict[str, str]) -> charts.RunScore:
    report = report_of(run)
    found = report.evaluation.interval if report else None
    low, high = found or wilson_interval(correct_of(run), run.n_test)
    return charts.RunScore(names[run.id], run.accuracy, low, high, run.n_test)


def _row(run: Run, names: dict[str, str]) -> dict[str, object]:
    spent = seconds_spent(run)
    has_result = run.accuracy is not None and run.n_test
    return {
        "Run": names[run.id],
        "Result": result_text(correct_of(run), run.n_test) if has_result else "–",
        "Time": "–" if spent is None else duration(spent),
        "State": STATE_TEXT[run.state],
        "Backbone": run_config(run).backbone.title,
    }

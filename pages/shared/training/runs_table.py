"""All runs of a project side by side: a table, and their results as dots with intervals."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import charts
from pages.shared.results import report_of, result_text
from pages.shared.run_choice import run_config
from pages.shared.run_control import STATE_TEXT
from pages.shared.text import duration
from tl_core.runs import Run
from tl_core.runs.results.intervals import wilson_interval


def compare_runs(runs: Sequence[Run], names: dict[str, str]) -> None:
    """Draw all runs as a table and, with two results or more, as dots with intervals."""
    finished = [run for run in runs if run.accuracy is not None and run.n_test]
    if len(finished) > 1:
        charts.show(charts.compare_runs([_score(run, names) for run in finished]), key="compare")
    st.dataframe(
        [_row(run, names) for run in runs],
        hide_index=True,
        key="runs-table",
        column_config={"Result": st.column_config.TextColumn("Accuracy", width="medium")},
    )


def _score(run: Run, names: dict[str, str]) -> charts.RunScore:
    return charts.RunScore(names[run.id], run.accuracy, *_interval(run), run.n_test)


def _interval(run: Run) -> tuple[float, float]:
    """Return the 95 % interval of a run that has a result."""
    report = report_of(run)
    found = report.evaluation.interval if report else None
    return found or wilson_interval(_correct(run), run.n_test)


def _row(run: Run, names: dict[str, str]) -> dict[str, object]:
    spent = _seconds_spent(run)
    result = "–"
    if run.accuracy is not None and run.n_test:
        result = result_text(_correct(run), run.n_test, interval=_interval(run))
    return {
        "Run": names[run.id],
        "Result": result,
        "Time": "–" if spent is None else duration(spent),
        "State": STATE_TEXT[run.state],
        "Backbone": run_config(run).backbone.title,
    }


def _correct(run: Run) -> int:
    """Return how many test pictures the run got right; it has a result."""
    return round(run.accuracy * run.n_test)


def _seconds_spent(run: Run) -> float | None:
    """Return the seconds from start to end; None without one of them."""
    if run.started is None or run.finished is None:
        return None
    return (run.finished - run.started).total_seconds()

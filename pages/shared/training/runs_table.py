"""All runs of a project side by side: a table, and their results as dots with intervals."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.shared import charts
from pages.shared.charts.bars import SEPARATOR
from pages.shared.elements import data_table
from pages.shared.results import report_of, result_text
from pages.shared.run_choice import run_config
from pages.shared.run_control import STATE_TEXT
from pages.shared.text import counted, duration, percent
from tl_core.runs import Run, best_run
from tl_core.runs.results.adaptation import adaptation_result
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.comparison import run_difference
from tl_core.runs.results.questions import questions_result
from tl_core.runs.results.report import Evaluation, Report


def compare_runs(runs: Sequence[Run], names: dict[str, str]) -> None:
    """Draw all runs as a table and, with two results or more, as dots with intervals."""
    reports = {run.id: report_of(run) for run in runs if run.accuracy is not None and run.n_test}
    finished = [run for run in runs if reports.get(run.id)]
    finished = [run for run in finished if _tells_classes(reports[run.id])]
    leader = best_run(finished)
    if len(finished) > 1 and leader:
        evaluations = {run.id: reports[run.id].evaluation for run in finished}
        chart = charts.compare_runs(
            [_score(names[run.id], evaluations[run.id]) for run in finished],
            best=finished.index(leader),
            title=ahead_text(leader, finished, evaluations, names),
        )
        charts.show(chart, key="compare")
    data_table(
        [_row(run, reports.get(run.id), names) for run in runs],
        key="runs-table",
        column_config={"Result": st.column_config.TextColumn("Accuracy", width="medium")},
    )


def _tells_classes(report: Report) -> bool:
    """Whether a result is an accuracy where the model is to be used."""
    adapted = adaptation_result(report)
    if anomaly_result(report) or questions_result(report):
        return False
    return adapted is None or adapted.measured_there


def ahead_text(
    leader: Run,
    finished: Sequence[Run],
    evaluations: Mapping[str, Evaluation],
    names: Mapping[str, str],
) -> str:
    """Return whether a run is better than the others beyond chance, on the same pictures.

    Args:
        leader: The one whose accuracy is at least the highest.
        finished: All runs with a result.
        evaluations: Their results by id.
        names: Their short names by id.
    """
    short = {run.id: names[run.id].split(SEPARATOR)[0] for run in finished}
    found = {
        run.id: run_difference(evaluations[leader.id], evaluations[run.id])
        for run in finished
        if run is not leader
    }
    level = [short[run_id] for run_id, one in found.items() if one and not one.clear]
    apart = [short[run_id] for run_id, one in found.items() if one is None]
    same = min((one.n for one in found.values() if one), default=0)
    other = f"; {_listed(apart)} {_be(apart)} measured on other pictures" if apart else ""
    if level:
        pair = _listed([short[leader.id], *level])
        return f"No clear difference between {pair}, on the same {same:,} pictures{other}"
    if same:
        return f"{short[leader.id]} is clearly ahead on the same {same:,} pictures{other}"
    return f"{_listed(list(short.values()))} were measured on different pictures: do not compare"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _be(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _score(name: str, found: Evaluation) -> charts.RunScore:
    return charts.RunScore(name, found.accuracy, *found.interval, found.n)


def _row(run: Run, report: Report | None, names: dict[str, str]) -> dict[str, object]:
    result, spent = "–", _seconds_spent(run)
    if report:
        found, spent = report.evaluation, report.seconds.get("total", spent)
        result = result_text(found.correct, found.n, interval=found.interval)
        if alarms := anomaly_result(report):
            share = percent(alarms.false_alarms / alarms.normal) if alarms.normal else "?"
            result = f"{share} false alarms"
            result += "" if alarms.auroc is None else f", AUROC {alarms.auroc:.2f}"
        elif several := questions_result(report):
            count = counted(len(several.questions), "question")
            result = f"{count}, {percent(several.mean_accuracy)} right on average"
        elif not _tells_classes(report):
            result = "not known at the new place"
    return {
        "Run": names[run.id],
        "Result": result,
        "Time": "–" if spent is None else duration(spent),
        "State": STATE_TEXT[run.state],
        "Backbone": run_config(run).backbone.title,
    }


def _seconds_spent(run: Run) -> float | None:
    """Return the seconds from start to end; None without one of them."""
    if run.started is None or run.finished is None:
        return None
    return (run.finished - run.started).total_seconds()

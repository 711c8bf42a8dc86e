"""The honest number of a finished run, said the same way wherever it is shown."""

import streamlit as st

from pages.shared import state
from pages.shared.charts import percent
from pages.shared.layout import number_card
from pages.shared.strategies import STRATEGY_NAMES
from tl_core.reports import Evaluation, Report, read_report
from tl_core.runs import Run

FEATURES_TEXT = {"last": "last layer", "all": "all stages"}


def report_of(run: Run) -> Report | None:
    """Return the run's result, or None while there is none."""
    return read_report(state.current_workspace().run_dir(run.project_id, run.id))


def interval_text(evaluation: Evaluation) -> str:
    """Return what the number of pictures allows to say about the true accuracy."""
    low, high = evaluation.interval
    if evaluation.correct == evaluation.n:
        return f"at least {percent(low)}, with 95 % confidence"
    return f"95 % interval {100 * low:.0f} to {percent(high)}"


def headline(evaluation: Evaluation) -> str:
    """Return the result in one line; every answer right is no proof of 100 %."""
    if evaluation.correct == evaluation.n:
        return f"{evaluation.n} of {evaluation.n}: at least {percent(evaluation.interval[0])}"
    return f"{evaluation.correct} of {evaluation.n}: {percent(evaluation.accuracy)}"


def result_cards(report: Report) -> None:
    """Draw the number with its interval and pictures, the time, and what was used."""
    evaluation = report.evaluation
    with st.grid(min_column_width=260, gap="small"):
        number_card(
            "Right answers",
            headline(evaluation),
            f"{interval_text(evaluation)}; measured on {evaluation.n:,} {evaluation.measured_on}",
        )
        total = report.seconds.get("total", 0.0)
        looking = report.seconds.get("features", 0.0)
        note = f"of that {looking:.1f} s looking at pictures" if looking else None
        number_card("Time", f"{total:.0f} s" if total >= 10 else f"{total:.1f} s", note)
        used = STRATEGY_NAMES.get(report.strategy_used, report.strategy_used)
        seen = FEATURES_TEXT.get(report.features, report.features)
        number_card("Method used", used, f"reads the backbone's {seen}")

"""The result of a finished run: its honest number, its time, how it was trained."""

import streamlit as st

from pages.shared import state
from pages.shared.honest import honest_number, number_of
from pages.shared.layout import number_card
from pages.shared.strategies import STRATEGY_NAMES
from tl_core.reports import Report, read_report
from tl_core.runs import Run

FEATURES_TEXT = {"last": "the last layer", "all": "all stages"}


def report_of(run: Run) -> Report | None:
    """Return the run's result, or None while there is none."""
    return read_report(state.current_workspace().run_dir(run.project_id, run.id))


def result_cards(report: Report) -> None:
    """Draw the number with its interval and pictures, the time, and what was used."""
    right, other = st.columns([3, 2], gap="small")
    with right:
        honest_number("Right answers", number_of(report.evaluation))
    with other:
        total = report.seconds.get("total", 0.0)
        looking = report.seconds.get("features", 0.0)
        note = f"of that {looking:.1f} s looking at pictures" if looking else None
        number_card("Time", f"{total:.0f} s" if total >= 10 else f"{total:.1f} s", note)
        used = STRATEGY_NAMES.get(report.strategy_used, report.strategy_used)
        seen = FEATURES_TEXT.get(report.features, report.features)
        number_card("Method used", used, f"reads {seen} of the backbone")

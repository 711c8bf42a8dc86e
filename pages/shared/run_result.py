"""The result of a finished run: its honest number, its time, how it was trained."""

from pages.shared import state
from pages.shared.accuracy import honest_number, number_of
from pages.shared.elements import number_cards
from pages.shared.layers.strategies import STRATEGY_NAMES
from tl_core.runs import Run
from tl_core.runs.results.report import Report, read_report

FEATURES_TEXT = {"last": "the last layer", "all": "all stages"}


def report_of(run: Run) -> Report | None:
    """Return the run's result, or None while there is none."""
    return read_report(state.current_workspace().run_dir(run.project_id, run.id))


def result_cards(report: Report) -> None:
    """Draw the number with its interval and pictures, the time, and what was used."""
    honest_number("Right answers", number_of(report.evaluation))
    total, looking = report.seconds.get("total", 0.0), report.seconds.get("features", 0.0)
    time = f"{total:.0f} s" if total >= 10 else f"{total:.1f} s"
    used = STRATEGY_NAMES.get(report.strategy_used, report.strategy_used)
    seen = FEATURES_TEXT.get(report.features, report.features)
    number_cards(
        ("Time", time, f"of that {looking:.1f} s looking at pictures" if looking else ""),
        ("Method used", used, f"reads {seen} of the backbone{_trial_text(report)}"),
        wide=True,
    )


def _trial_text(report: Report) -> str:
    if report.trial_gain is None:
        return ""
    points = f"{100 * report.trial_gain:+.1f}".replace("-", "−")
    if report.strategy_used == "fine-tune":
        return f"; fine-tuning gained {points.lstrip('+')} points over linear probing"
    return f"; fine-tuning was tried and did not pay ({points} points)"

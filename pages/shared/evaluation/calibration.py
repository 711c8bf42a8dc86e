"""Whether the model's probabilities can be believed, and what answering only when sure costs."""

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import note_text, number_cards
from pages.shared.glossary import term
from pages.shared.journey import TRANSFER
from pages.shared.text import percent
from pages.shared.transfer.words import division_text
from tl_core.runs.results.assessment import Assessment, Calibration, Conformal

FIRST_THRESHOLD = 0.8
BOLD, MODEST = 0.9, 1.1  # temperatures between them change next to nothing


def show_sureness(found: Assessment | None, *, outdated: str | None) -> None:
    """Draw the reliability picture, the threshold with its trade-off, and sets of classes."""
    calibration = found.calibration if found else None
    if calibration is None or not calibration.reliability:
        note_text("This is measured together with the comparison on the page Transfer.")
        st.page_link(
            TRANSFER,
            label="Go there",
            icon=":material/compare_arrows:",
            query_params=state.address(),
        )
        return
    note_text(
        "Measured for the pretrained network with a classifier on top, on all your pictures, each "
        f"answered by a model that had not learned from it: {division_text(found.folds)}."
    )
    if outdated:
        note_text(outdated)
    left, right = st.columns(2, gap="medium")
    with left:
        chart = charts.reliability(calibration.reliability, title=_title(calibration))
        charts.show(chart, key="reliability")
        note_text(
            "Dots above the dashed line: it is more often right than it says. Below: it is too "
            "sure of itself."
        )
    with right:
        _threshold(calibration)
    if calibration.conformal:
        st.subheader("Several answers, where one would be a guess", anchor=False)
        number_cards(*(_set_card(sets) for sets in calibration.conformal), wide=True)


def _title(found: Calibration) -> str:
    text = (
        f"On average the model says {percent(found.confidence)} and is right "
        f"{percent(found.accuracy)} of the time; typically the two differ by "
        f"{100 * found.error:.0f} points"
    )
    if found.temperature > MODEST:
        return (
            f"{text}, after its answers were made less sure (temperature {found.temperature:.2f})"
        )
    if found.temperature < BOLD:
        return f"{text}, after its answers were made surer (temperature {found.temperature:.2f})"
    return f"{text}. Its probabilities can be read nearly as they are"


def _threshold(calibration: Calibration) -> None:
    """Draw the trade-off, and below it the slider that chooses how sure is sure enough."""
    points = sorted(calibration.coverage)
    if not points:
        return
    steps = [point[0] for point in points]
    key = "not-sure"
    if state.widget_value(key) not in steps:
        first = min(steps, key=lambda step: abs(step - FIRST_THRESHOLD))
        state.set_widget_value(key, first)
    chosen = next(point for point in points if point[0] == state.widget_value(key))
    total = sum(n for _, _, n in calibration.reliability)
    drawn = [(at, float("nan") if right is None else right, share) for at, right, share in points]
    title = _trade(chosen, total)
    charts.show(charts.coverage(drawn, threshold=chosen[0], title=title), key="coverage")
    st.select_slider(
        "Say “not sure” below",
        steps,
        format_func=percent,
        key=key,
        help=f"Try it here; it changes no result. {term('coverage')}",
    )


def _trade(point: tuple[float, float | None, float], total: int) -> str:
    at, right, share = point
    answered = round(share * total)
    if not answered or right is None:
        return f"Below {percent(at)} “not sure”: then no picture gets an answer"
    correct = round(right * answered)
    return (
        f"Below {percent(at)} “not sure”: {answered:,} of {total:,} pictures get an answer, "
        f"{correct:,} of them ({percent(right)}) the right one"
    )


def _set_card(sets: Conformal) -> tuple[str, str, str]:
    low, high = sets.expected
    none = " Where none reaches that, it says “not sure”." if sets.mean_size < 1 else ""
    return (
        f"To have the right class among the answers {percent(sets.target)} of the time",
        f"{sets.mean_size:.1f} classes on average",
        f"The model names every class that it gives at least {percent(sets.threshold)}.{none} On "
        f"pictures that this was not fitted on, the right one was named for "
        f"{percent(sets.achieved)}; with so many pictures as yours expect {100 * low:.0f} to "
        f"{percent(high)}.",
    )

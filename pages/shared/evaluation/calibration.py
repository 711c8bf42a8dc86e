"""Whether the model's probabilities can be believed, and what answering only when sure costs."""

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import errors_shown, note_text, number_cards
from pages.shared.glossary import term
from pages.shared.journey import TRANSFER
from pages.shared.text import percent
from tl_core.runs.results.answers import save_sure_from, sure_from
from tl_core.runs.results.assessment import Assessment, Calibration, Conformal

BOLD, MODEST = 0.9, 1.1  # temperatures between them change next to nothing


def show_sureness(found: Assessment | None, *, outdated: str | None) -> None:
    """Draw the reliability picture, the threshold with its trade-off, and sets of classes."""
    calibration = found.calibration if found else None
    if calibration is None or not calibration.reliability:
        note_text("Calibration is measured with the comparison on the Transfer page.")
        st.page_link(
            TRANSFER,
            label="Go to Transfer",
            icon=":material/compare_arrows:",
            query_params=state.address(),
        )
        return
    note_text(
        "Measured for a linear probe on the pretrained network, on all your pictures, each "
        "predicted by a model fitted without it."
    )
    if outdated:
        note_text(outdated)
    left, right = st.columns(2, gap="medium")
    with left:
        chart = charts.reliability(calibration.reliability, title=_title(calibration))
        charts.show(chart, key="reliability")
        note_text(
            "Dots above the dashed line: the model is underconfident. Below: it is overconfident."
        )
    with right:
        _threshold(calibration)
    if calibration.conformal:
        st.subheader("Conformal sets: several classes instead of a guess", anchor=False)
        number_cards(*(_set_card(sets) for sets in calibration.conformal), wide=True)


def _title(found: Calibration) -> str:
    text = (
        f"Mean confidence {percent(found.confidence)}, accuracy {percent(found.accuracy)}; "
        f"expected calibration error {100 * found.error:.0f} points"
    )
    if found.temperature > MODEST:
        return (
            f"{text}, after temperature scaling that lowered the confidence (temperature "
            f"{found.temperature:.2f})"
        )
    if found.temperature < BOLD:
        return (
            f"{text}, after temperature scaling that raised the confidence (temperature "
            f"{found.temperature:.2f})"
        )
    return f"{text}. Hardly any temperature scaling was needed"


def _threshold(calibration: Calibration) -> None:
    """Draw the trade-off, and below it the slider that chooses how sure is sure enough."""
    points = sorted(calibration.coverage)
    if not points:
        return
    steps = [point[0] for point in points]
    key = "not-sure"
    project_dir = state.current_workspace().project_dir(state.current_project().id)
    if state.widget_value(key) not in steps:
        stored = sure_from(project_dir)
        state.set_widget_value(key, min(steps, key=lambda step: abs(step - stored)))

    def save() -> None:
        with errors_shown():
            save_sure_from(project_dir, float(state.widget_value(key)))

    chosen = next(point for point in points if point[0] == state.widget_value(key))
    total = sum(n for _, _, n in calibration.reliability)
    drawn = [(at, float("nan") if right is None else right, share) for at, right, share in points]
    title = _trade(chosen, total)
    charts.show(charts.coverage(drawn, threshold=chosen[0], title=title), key="coverage")
    st.select_slider(
        "Say “not sure” below",
        steps,
        chosen[0],
        format_func=percent,
        key=key,
        help=f"Predict says “not sure” below this. {term('coverage')}",
        on_change=save,
    )


def _trade(point: tuple[float, float | None, float], total: int) -> str:
    at, right, share = point
    answered = round(share * total)
    if not answered or right is None:
        return f"“Not sure” below {percent(at)}: no picture gets an answer"
    correct = round(right * answered)
    return (
        f"“Not sure” below {percent(at)}: {answered:,} of {total:,} pictures get an answer, "
        f"{correct:,} of them ({percent(right)}) correctly"
    )


def _set_card(sets: Conformal) -> tuple[str, str, str]:
    low, high = sets.expected
    none = " If none reaches that, the answer is “not sure”." if sets.mean_size < 1 else ""
    return (
        f"To contain the correct class {percent(sets.target)} of the time",
        f"{sets.mean_size:.1f} classes on average",
        f"A set holds every class with a probability of at least {percent(sets.threshold)}.{none} "
        f"On held-out pictures, {percent(sets.achieved)} of the sets contained the correct class; "
        f"with this many pictures, expect {100 * low:.0f} to {percent(high)}.",
    )

"""The cards of a finished training: accuracy, or what else its approach is judged by."""

import streamlit as st

from pages.shared.elements import note_text, number_cards
from pages.shared.layers.strategies import STRATEGY_NAMES
from pages.shared.results import HonestNumber, honest_card, honest_number, number_of, result_text
from pages.shared.text import counted, percent
from tl_core.runs.results.adaptation import (
    AdaptationResult,
    RetrainingResult,
    adaptation_result,
    retraining_result,
)
from tl_core.runs.results.anomaly import AnomalyResult, anomaly_result
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.questions import QuestionsResult, questions_result
from tl_core.runs.results.report import Report

FEATURES_TEXT = {
    "last": "the last layer",
    "all": "all stages",
    "rich": "all stages",
    "anomaly": "all stages and parts of pictures",
}
METHOD_TEXT = {
    "unadapted": "leave it as it is",
    "standardised": "standardise each place",
    "groups": "gather around each class",
}
VERDICT_TEXT = {
    "helped": "Adapting helped",
    "hurt": "Adapting hurt: do not use this model there",
    "no clear difference": "No clear difference",
}


def alarm_cards(found: AnomalyResult) -> None:
    """Draw how often normal pictures raise a false alarm, and how much of the rest is found."""
    cards = []
    if found.normal:
        below = f"of normal pictures that it did not learn from; {percent(found.promised)} allowed."
        cards.append(
            _share("[[False alarms|false alarm]]", found.false_alarms, found.normal, below)
        )
    if found.anomalous:
        below = "of pictures of other classes, which it did not learn from."
        cards.append(_share("Anomalies found", found.found, found.anomalous, below))
    if found.auroc is not None:
        cards.append(
            ("[[AUROC]]", f"{found.auroc:.3f}", "1 ranks every anomaly first, 0.5 is chance")
        )
    number_cards(*cards)
    if not found.anomalous:
        note_text(
            "No anomalous picture is known, so how many the model finds is unknown. Add some as a "
            "class of their own to measure it; they are not learned from."
        )


def place_cards(found: AdaptationResult, report: Report) -> None:
    """Draw what is known of the accuracy at the new place, and what adapting does there."""
    label, value, below = honest_card("Accuracy at the new place", number_of(report.evaluation))
    chosen = "\nThese labels also chose the method." if found.chosen_by_labels else ""
    where = label, value, f"{below}{chosen}"
    if not found.measured_there:
        first = result_text(report.evaluation.correct, report.evaluation.n)
        where = (
            "Accuracy at the new place",
            "not known",
            f"No picture there has a label. At the first place the unadapted model has {first}.",
        )
    number_cards(
        where,
        (
            "Answers that adapting changes",
            f"{found.moved} of {found.pictures}",
            f"Method: {METHOD_TEXT.get(found.chosen, found.chosen)}.",
        ),
        (
            "Distance of the two places",
            f"{found.distance:.2f} of 2",
            "[[Proxy A-distance]]: below 1 there is little to adapt to.",
        ),
        wide=True,
    )
    if found.measured_there and found.adapted:
        low, high = found.gain_interval
        text = (
            f"{VERDICT_TEXT[found.verdict]}: {_points(found.gain)} points against leaving it as it "
            f"is (95 % interval {_points(low)} to {_points(high)}, on the same pictures)."
        )
        kind = {"helped": st.success, "hurt": st.error}.get(found.verdict, st.info)
        kind(text)


def question_cards(found: QuestionsResult) -> None:
    """Draw how often the questions are answered right, and how well the labels are found."""
    cards = [
        (
            "Right on average" if len(found.questions) > 1 else "Right",
            percent(found.mean_accuracy),
            f"of {counted(len(found.questions), 'question')}; each counts the same",
        )
    ]
    if found.mean_precision is not None:
        below = f"of {counted(len(found.labels), 'label')}; 1 is perfect"
        cards.append(("[[mAP]]", f"{found.mean_precision:.2f}", below))
    if found.exact_match is not None and len(found.labels) > 1:
        n = found.exact_match_pictures
        where = "pictures, right where every label is"
        number = HonestNumber(correct=round(found.exact_match * n), n=n, measured_on=where)
        cards.append(honest_card("[[Exact match|exact match]]", number))
    number_cards(*cards)


def _retraining(found: RetrainingResult) -> None:
    """Say whether pictures without labels helped, on the same pictures."""
    what = f"Learning from {found.pictures:,} pictures without labels"
    if found.after is None:
        st.info(f"{what} was not possible; the notes say why. The model is the plain probe.")
        return
    low, high = found.gain_interval
    points = (
        f"{_points(found.after - found.before)} points against the plain probe (95 % interval "
        f"{_points(low)} to {_points(high)}, on the same pictures)"
    )
    if not found.used:
        st.info(
            f"{what} did not help on your labelled pictures, so the model is the plain probe. It "
            f"would make {points}."
        )
    elif found.after > found.before:
        st.success(f"{what} helped: {points}.")
    else:
        st.error(f"{what} did not help here: {points}. Use another training's model.")


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}".replace("-", "−")


def _share(label: str, part: int, whole: int, below: str) -> tuple[str, str, str]:
    low, high = wilson_interval(part, whole)
    interval = f"95 % [[confidence interval]] {100 * low:.0f} to {percent(high)}"
    return label, f"{part} of {whole}: {percent(part / whole)}", f"{below} {interval}"


def result_cards(report: Report) -> None:
    """Draw the number with its interval and pictures; below it what was used, and the time."""
    if found := anomaly_result(report):
        alarm_cards(found)
    elif adapted := adaptation_result(report):
        place_cards(adapted, report)
    elif several := questions_result(report):
        question_cards(several)
    else:
        honest_number("Accuracy", number_of(report.evaluation))
        if retrained := retraining_result(report):
            _retraining(retrained)
    total, looking = report.seconds.get("total", 0.0), report.seconds.get("features", 0.0)
    time = f"{total:.0f} s" if total >= 10 else f"{total:.1f} s"
    used = STRATEGY_NAMES.get(report.strategy_used, report.strategy_used)
    seen = FEATURES_TEXT.get(report.features, report.features)
    spent = f", of which {looking:.1f} s computing features" if looking > 0.05 else ""
    note_text(f"{used} on features from {seen}{_trial_text(report)} · {time}{spent}")


def _trial_text(report: Report) -> str:
    if report.trial_gain is None:
        return ""
    points = f"{100 * report.trial_gain:+.1f}".replace("-", "−")
    if report.trial_kept:
        return f"; fine-tuning gained {points.lstrip('+')} points over linear probing"
    return f"; fine-tuning was tried and not kept ({points} points)"

"""What a comparison has found, part by part: the answer, bars, layers, distances, amounts."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import charts
from pages.shared.elements import note_text, number_cards
from pages.shared.results import HonestNumber, honest_card, result_text
from pages.shared.text import duration, percent
from tl_core.runs.results.assessment import (
    MEASURED,
    Assessment,
    Home,
    LayerCurve,
    LayerPoint,
    LearningCurve,
    LearningPoint,
    Measured,
    Similarity,
)

CLASSES_SHOWN = 6  # of what the backbone sees


def answer(found: Assessment | None, *, measuring: bool) -> str:
    """Return the page's first sentence: the answer as far as there is one."""
    if found and found.verdict:
        verdict = found.verdict
        low, high = (f"{value:+.0f}" for value in verdict.interval_points)
        sentence = verdict.sentence.rstrip()
        if "point" in sentence:
            return sentence
        return (
            f"{sentence.rstrip('.')} ({verdict.points:+.0f} points, 95 % interval {low} to {high})."
        )
    if measuring:
        return "This is being measured on your own pictures; the parts appear as they are ready."
    return (
        "Here your pictures answer that: the pretrained network against simpler ways to tell them "
        "apart, all measured alike."
    )


def the_answer(found: Assessment) -> None:
    """Draw the verdict and the transferred model's honest number as two cards."""
    cards = []
    if verdict := found.verdict:
        low, high = verdict.interval_points
        against = found.of(verdict.against)
        rival = f"“{against.title}”" if against else verdict.against
        said = {"helped": "It helped", "hurt": "It hurt"}.get(verdict.answer)
        note = (
            f"{verdict.points:+.1f} points against {rival}, the best network without "
            f"pretraining (95 % interval {low:+.1f} to {high:+.1f}), over the same "
            f"{verdict.n:,} pictures and the same folds."
        )
        cards.append(("Did it help?", said or "No clear difference", note))
    if model := found.of("transferred"):
        cards.append(honest_card("With the pretrained model", _honest(model, found)))
    if cards:
        number_cards(*cards, wide=True)


def _honest(model: Measured, found: Assessment) -> HonestNumber:
    simplest = found.of("majority")
    baseline = ""
    if simplest:
        says = result_text(simplest.correct, simplest.n, interval=simplest.interval)
        baseline = f"For comparison, “{simplest.title}”: {says}."
    return HonestNumber(
        correct=model.correct,
        n=model.n,
        measured_on=model.measured_on,
        baseline=baseline,
        interval=model.interval,
    )


def bars(found: Assessment) -> None:
    """Draw one bar per way to classify, and folded below it the exact numbers."""
    order = {name: place for place, name in enumerate(MEASURED)}
    measured = sorted(found.measured, key=lambda one: order.get(one.name, -1))
    shown = [
        charts.Bar(
            one.title, share(one), *one.interval, one.budget, strong=one.name == "transferred"
        )
        for one in measured
    ]
    charts.show(charts.baselines(shown, title=_bars_title(found)), key="baselines")
    with st.expander("The exact numbers"):
        st.dataframe([_row(one) for one in measured], hide_index=True, key="bars-table")
        note_text(f"How the pictures were divided: {found.how}.")


def _bars_title(found: Assessment) -> str:
    model = found.of("transferred")
    others = [one for one in found.measured if one.name != "transferred"]
    if not model or not others:
        return "The other ways follow as they are ready"
    best = max(others, key=share)
    return (
        f"With the pretrained model {percent(share(model))} are right, with the best other way "
        f"{percent(share(best))}"
    )


def share(one: Measured) -> float:
    """Return the share of right answers as "k of n" has it, so that a page never shows two."""
    return one.correct / one.n if one.n else one.accuracy


def _row(one: Measured) -> dict[str, str]:
    return {
        "Way": one.title,
        "Right answers": result_text(one.correct, one.n, interval=one.interval),
        "Budget": one.budget,
        "Time": duration(one.seconds),
        "Measured on": one.measured_on,
    }


def depth_of(point: LayerPoint | LearningPoint, name: str = "") -> charts.Depth:
    return charts.Depth(name, point.accuracy, *point.interval)


def layer_by_layer(curve: LayerCurve, *, frozen: int | None = None, key: str = "layers") -> None:
    """Draw the accuracy on each layer group's features; `frozen` is marked where it is given."""
    points = [depth_of(point, point.group_name) for point in curve.points]
    charts.show(charts.layer_curve(points, title=curve.sentence, frozen=frozen), key=key)


def home_text(home: Home) -> None:
    """Draw how far the pictures are from what the backbone saw, and what it sees in them."""
    value = "not known" if home.distance is None else f"{home.distance:.1f}"
    seen = home.seen_classes[:CLASSES_SHOWN]
    told = ", ".join(f"{name} ({percent(share)})" for name, share in seen)
    taken_for = (seen[0][0], f"{told}.\n{home.seen_note}") if seen else ("–", home.seen_note)
    number_cards(
        ("Distance from what the backbone saw", value, home.reading),
        ("What it takes them for, most often", *taken_for),
        wide=True,
    )


def similarities(pairs: Sequence[Similarity]) -> None:
    """Draw how far parts of the pictures are from each other, each with its reading."""
    cards = [
        (
            f"{pair.a} ({pair.n_a:,}) and {pair.b} ({pair.n_b:,})",
            f"{pair.proxy_a_distance:.1f} of 2",
            _reading(pair),
        )
        for pair in pairs
    ]
    number_cards(*cards, wide=True)


def _reading(pair: Similarity) -> str:
    parts = [pair.reading]
    if pair.frechet is not None:
        chance = ""
        if pair.frechet_chance is not None:
            chance = f"; dealt out at random it would be {pair.frechet_chance:.1f}"
        parts.append(f"Fréchet distance {pair.frechet:.1f}{chance}.")
    return "\n".join(part for part in (*parts, pair.confidence) if part)


def more_pictures(curve: LearningCurve) -> None:
    """Draw the learning curve and how far it may go on."""
    points = [(point.per_class, depth_of(point)) for point in curve.points]
    chart = charts.learning_curve(points, curve.extrapolated, title=curve.sentence)
    charts.show(chart, key="learning")

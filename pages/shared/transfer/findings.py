"""What a comparison has found, part by part: the answer, bars, layers, distances, amounts."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import data_table, note_text, number_cards
from pages.shared.gallery import data_uri
from pages.shared.results import result_text
from pages.shared.text import duration, html_text, percent
from pages.shared.transfer import words
from tl_core.images import thumbnail_path
from tl_core.runs.results.assessment import (
    MEASURED,
    Assessment,
    LayerCurve,
    LayerPoint,
    LearningCurve,
    LearningPoint,
    Measured,
    PretrainingDistance,
    Similarity,
)
from tl_core.workspace import Project

CLASSES_SHOWN = 6  # of what the backbone sees


def answer(found: Assessment | None, *, measuring: bool) -> str:
    """Return the page's first sentence: the answer as far as there is one."""
    if found and found.verdict:
        return words.verdict_text(found.verdict)
    if measuring:
        return "Being measured on your pictures; results appear as they are ready."
    return "The pretrained network against baselines, measured on the same pictures."


def the_answer(found: Assessment) -> None:
    """Draw one bar with the pretrained model and one without it, and what they are about."""
    model = found.of("transferred")
    rival = found.of(found.verdict.against) if found.verdict else None
    bars = (("With the pretrained model", model), ("Without it", rival))
    if any(one for _label, one in bars):
        st.html("".join(_wide_bar(label, one) for label, one in bars if one))
    if rival:
        note_text(
            f"Without: “{words.title_of(rival)}”, the best network without pretraining here. "
            f"{words.division_text(found.folds)} Your model itself learns from all pictures; its "
            "accuracy is at the top of the page."
        )


def _wide_bar(label: str, one: Measured) -> str:
    said = result_text(one.correct, one.n, interval=one.interval)
    shape = "tl-bar tl-strong" if one.name == "transferred" else "tl-bar"
    return (
        f'<div class="{shape}"><div class="tl-label">{html_text(label)}</div><div class="tl-track">'
        f'<div style="width: {100 * share(one):.1f}%"></div></div>'
        f'<div class="tl-note">{html_text(said)}</div></div>'
    )


def bars(found: Assessment) -> None:
    """Draw one bar per way to classify, and folded below it the exact numbers."""
    order = {name: place for place, name in enumerate(MEASURED)}
    measured = sorted(found.measured, key=lambda one: order.get(one.name, -1))
    shown = [
        charts.Bar(
            words.title_of(one),
            share(one),
            *one.interval,
            words.budget_of(one),
            strong=one.name == "transferred",
        )
        for one in measured
    ]
    charts.show(charts.baselines(shown, title=_bars_title(found)), key="baselines")
    with st.expander("The exact numbers", key="part-exact"):
        data_table([_row(one, found) for one in measured], key="bars-table")
        note_text(words.division_text(found.folds))


def _bars_title(found: Assessment) -> str:
    model = found.of("transferred")
    others = [one for one in found.measured if one.name != "transferred"]
    if not model or not others:
        return "The other methods follow as they are ready"
    best = max(others, key=share)
    return (
        f"Accuracy {percent(share(model))} with the pretrained model, {percent(share(best))} with "
        "the best baseline"
    )


def share(one: Measured) -> float:
    """Return the share of right answers as "k of n" has it, so that a page never shows two."""
    return one.correct / one.n if one.n else one.accuracy


def _row(one: Measured, found: Assessment) -> dict[str, str]:
    return {
        "Method": words.title_of(one),
        "Accuracy": result_text(one.correct, one.n, interval=one.interval),
        "Budget": words.budget_of(one),
        "Time": duration(one.seconds),
        "Measured on": words.measured_on(one, found),
    }


def depth_of(point: LayerPoint | LearningPoint, name: str = "") -> charts.Depth:
    return charts.Depth(name, point.accuracy, *point.interval)


def layer_by_layer(curve: LayerCurve, *, frozen: int | None = None, key: str = "layers") -> None:
    """Draw the accuracy on each layer group's features; `frozen` is marked where it is given."""
    points = [depth_of(point, point.group_name) for point in curve.points]
    charts.show(charts.layer_curve(points, title=words.layers_text(curve), frozen=frozen), key=key)


def distance_cards(project: Project, found: PretrainingDistance) -> None:
    """Draw how far the pictures are from what the backbone saw, and what it sees in them."""
    value = "unknown" if found.distance is None else f"{found.distance:.1f}"
    seen = found.seen_classes[:CLASSES_SHOWN]
    number_cards(
        ("Distance from the pretraining data", value, words.distance_text(found)),
        (
            "Most frequent pretraining class predicted",
            seen[0][0] if seen else "–",
            words.seen_text(found),
        ),
        wide=True,
    )
    if found.seen_pictures:
        workspace = state.current_workspace()
        shown = "".join(
            f'<figure><img src="{data_uri(thumbnail_path(workspace, project.id, digest))}" alt="">'
            f"<figcaption>{html_text(name)}, {html_text(percent(share))}</figcaption></figure>"
            for (name, share), digest in zip(seen, found.seen_pictures, strict=False)
        )
        st.html(f'<div class="tl-strip">{shown}</div>')
        note_text("Each class with its share of your pictures, and the picture most like it.")


def similarities(pairs: Sequence[Similarity]) -> None:
    """Draw how far parts of the pictures are from each other, each with what that means."""
    cards = []
    for pair in pairs:
        a, b = words.part_names(pair)
        label = f"{a} ({pair.n_a:,}) and {b} ({pair.n_b:,})"
        cards.append((label, f"{pair.proxy_a_distance:.1f} of 2", words.similarity_text(pair)))
    number_cards(*cards, wide=True)


def more_pictures(curve: LearningCurve) -> None:
    """Draw the learning curve and how far it may go on."""
    points = [(point.per_class, depth_of(point)) for point in curve.points]
    chart = charts.learning_curve(points, curve.extrapolated, title=words.learning_text(curve))
    charts.show(chart, key="learning")

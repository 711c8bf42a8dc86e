"""What a training finds while it learns: scores of candidates, then loss and accuracy."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages.shared.charts.drawing import NEUTRAL, TRAIN, VALIDATION, Chart, blank_figure, short
from pages.shared.text import percent
from tl_core.runs.events import CandidateScore, EpochResult

MAX_POINTS = 400  # per line; more cannot be seen and costs time on every update


FEATURES_TEXT = {
    "last": "last layer",
    "stages": "all stages",
    "large last": "last layer, larger picture",
    "large stages": "all stages, larger picture",
}


def candidates(scores: Sequence[CandidateScore]) -> Chart:
    """Return the cross-validated accuracy of each candidate for the linear probe so far."""
    figure = blank_figure(90 + 24 * len(scores))
    names = [_candidate_name(score) for score in scores]
    values = [100 * score.accuracy for score in scores]
    best = max(values)
    figure.add_trace(
        go.Scatter(
            x=values,
            y=names,
            mode="markers",
            marker={
                "size": 11,
                "color": [VALIDATION if value == best else NEUTRAL for value in values],
                "symbol": ["circle" if value == best else "circle-open" for value in values],
            },
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="accuracy (%)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(showlegend=False)
    first = names[values.index(best)]
    title = f"Best candidate: {first}, {percent(best / 100)} in cross-validation"
    return Chart(title, figure)


def _candidate_name(score: CandidateScore) -> str:
    features = FEATURES_TEXT.get(score.features, score.features)
    return f"{features}, regularisation {score.amount:g}"


def _thin(count: int) -> np.ndarray:
    """Return at most `MAX_POINTS` indices of `count` points, first and last among them."""
    if count <= MAX_POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, MAX_POINTS).round().astype(int))


def _curve(
    epochs: Sequence[EpochResult], measure: str, *, name: str, colour: str, dash: str
) -> go.Scatter:
    """Return a line over the epochs; `measure` is a field of theirs, None where not measured."""
    kept = _thin(len(epochs))
    values = np.array([getattr(epoch, measure) for epoch in epochs], dtype=float)  # None: nan
    return go.Scatter(
        x=np.array([epoch.epoch for epoch in epochs])[kept],
        y=values[kept] * (100 if measure.endswith("accuracy") else 1),
        name=name,
        connectgaps=True,
        mode="lines+markers" if len(epochs) < 30 else "lines",
        line={"color": colour, "dash": dash, "width": 2.5},
        marker={"size": 5, "symbol": "circle" if dash == "solid" else "square"},
    )


def curves(
    epochs: Sequence[EpochResult],
    *,
    measure: str,
    earlier: Sequence[tuple[str, Sequence[EpochResult]]] = (),
    trial: bool = False,
) -> Chart:
    """Return the live curves of one run over those of earlier ones.

    Args:
        epochs: The run's epochs so far, in order.
        measure: "accuracy" (shown in percent) or "loss" (nats).
        earlier: Name and epochs of runs to draw thinly behind, validation only.
        trial: Whether the epochs are of one network of a trial, which is not the model.
    """
    unit = "accuracy (%)" if measure == "accuracy" else "loss (lower is better)"
    unlabelled = any(epoch.train_loss is not None for epoch in epochs)
    unlabelled &= all(epoch.train_accuracy is None for epoch in epochs)
    figure = blank_figure(300, hovermode="x unified")
    for name, past in earlier:
        line = _curve(
            past, f"validation_{measure}", name=short(name, 24), colour=NEUTRAL, dash="dot"
        )
        figure.add_trace(line.update(line_width=1.2, marker_size=3))
    for part, colour, dash in (("train", TRAIN, "dash"), ("validation", VALIDATION, "solid")):
        if unlabelled and (part == "train") == (measure == "accuracy"):
            continue  # without labels no accuracy is known, and the losses are of two kinds
        name = "training set" if part == "train" else "validation set"
        name = ("pictures without labels" if part == "train" else "probe") if unlabelled else name
        line = _curve(epochs, f"{part}_{measure}", name=name, colour=colour, dash=dash)
        figure.add_trace(line)
    figure.update_xaxes(title_text="epoch", rangemode="nonnegative", tickformat="d")
    if len(epochs) < 10:
        figure.update_xaxes(dtick=1)
    figure.update_yaxes(title_text=unit)
    if measure == "accuracy":
        floor = _floor(figure)
        ticks = list(range(0, 101, 20 if floor < 40 else 10 if floor < 75 else 5))
        figure.update_yaxes(range=[floor, 100], tickvals=ticks)
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.05, "x": 0}
    figure.update_layout(showlegend=True, legend=legend)
    title = (_unlabelled_title if unlabelled else _curve_title)(epochs, measure)
    if trial:
        title = f"First fold of the fine-tuning trial: {title[0].lower()}{title[1:]}"
    return Chart(title, figure)


def _floor(figure: go.Figure) -> float:
    values = [value for trace in figure.data for value in trace.y if np.isfinite(value)]
    return max(0.0, 10 * (min(values, default=0) // 10) - 5)


def _curve_title(epochs: Sequence[EpochResult], measure: str) -> str:
    if not np.isfinite([getattr(e, f"validation_{measure}") for e in epochs]).any():
        return f"The {measure} curve starts with the first epoch"
    values = [getattr(e, f"validation_{measure}") for e in epochs]
    kept = _kept(epochs)
    if measure == "accuracy":
        return f"Validation accuracy: best {percent(values[kept])}, {_when(epochs[kept])}"
    best = int(np.nanargmin(values))
    if best < len(values) - 3 and values[-1] > 1.1 * values[best]:
        since = f"epoch {epochs[best].epoch}" if epochs[best].epoch else "the start"
        return f"Validation loss has risen since {since}: overfitting"
    title = f"Validation loss: lowest {values[best]:.2f}, {_when(epochs[best])}"
    if best == kept:
        return title
    return f"{title}; {values[kept]:.2f} {_when(epochs[kept])}, whose accuracy is the best"


def _unlabelled_title(epochs: Sequence[EpochResult], measure: str) -> str:
    """Return what the curve of a re-training without labels shows."""
    if measure == "loss":
        last = next(one.train_loss for one in reversed(epochs) if one.train_loss is not None)
        return f"Disagreement of two views of a picture: {last:.2f} now"
    first, last = (percent(epochs[i].validation_accuracy) for i in (0, -1))
    return f"Accuracy of the probe on the labelled pictures: {first} before, {last} now"


def _kept(epochs: Sequence[EpochResult]) -> int:
    """Return the epoch whose weights a training keeps: most accurate, then of the least loss."""
    measured = [i for i, e in enumerate(epochs) if np.isfinite(e.validation_accuracy)]
    return max(measured, key=lambda i: (epochs[i].validation_accuracy, -epochs[i].validation_loss))


def _when(result: EpochResult) -> str:
    return f"in epoch {result.epoch}" if result.epoch else "before the first epoch"

"""Loss and accuracy while a run learns, over those of earlier runs."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages.shared.charts.drawing import NEUTRAL, TRAIN, VALIDATION, Chart, blank_figure, short
from pages.shared.text import percent
from tl_core.runs.events import EpochResult

MAX_POINTS = 400  # per line; more cannot be seen and costs time on every update


def _thin(count: int) -> np.ndarray:
    """Return at most `MAX_POINTS` indices of `count` points, first and last among them."""
    if count <= MAX_POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, MAX_POINTS).round().astype(int))


def _curve(values: Sequence[float], *, name: str, colour: str, dash: str, width: float = 2.5):
    kept = _thin(len(values))
    return go.Scatter(
        x=kept + 1,
        y=np.asarray(values, dtype=float)[kept],
        name=name,
        connectgaps=True,
        mode="lines+markers" if len(values) < 30 else "lines",
        line={"color": colour, "dash": dash, "width": width},
        marker={"size": 5 if width > 2 else 3, "symbol": "circle" if dash == "solid" else "square"},
    )


def curves(
    epochs: Sequence[EpochResult],
    *,
    measure: str,
    earlier: Sequence[tuple[str, Sequence[EpochResult]]] = (),
) -> Chart:
    """Return the live curves of one run over those of earlier ones.

    Args:
        epochs: The run's epochs so far, in order.
        measure: "accuracy" (shown in percent) or "loss" (nats).
        earlier: Name and epochs of runs to draw thinly behind, validation only.
    """
    factor = 100 if measure == "accuracy" else 1
    unit = "accuracy (%)" if measure == "accuracy" else "loss (nats)"
    figure = blank_figure(300, hovermode="x unified")
    for name, past in earlier:
        values = [getattr(e, f"validation_{measure}") * factor for e in past]
        line = _curve(values, name=short(name, 24), colour=NEUTRAL, dash="dot")
        figure.add_trace(line.update(line_width=1.2, marker_size=3))
    for part, colour, dash in (("train", TRAIN, "dash"), ("validation", VALIDATION, "solid")):
        values = [getattr(e, f"{part}_{measure}") * factor for e in epochs]
        name = "training pictures" if part == "train" else "validation pictures"
        figure.add_trace(_curve(values, name=name, colour=colour, dash=dash))
    _mark_phase_change(figure, epochs, high=measure == "loss")  # where the curves are not
    rounds = all(e.phase == "probe" for e in epochs)
    title = "round of the solver" if rounds else "epoch"
    if not rounds and epochs[0].phase == "probe":
        title = "rounds of the solver, then epochs"
    figure.update_xaxes(title_text=title, rangemode="nonnegative", tickformat="d")
    figure.update_yaxes(title_text=unit)
    if measure == "accuracy":
        floor = _floor(figure)
        ticks = list(range(0, 101, 20 if floor < 40 else 10 if floor < 75 else 5))
        figure.update_yaxes(range=[floor, 102], tickvals=ticks)
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0}
    figure.update_layout(showlegend=True, legend=legend)
    return Chart(_curve_title(epochs, measure), figure)


def _floor(figure: go.Figure) -> float:
    values = [value for trace in figure.data for value in trace.y if np.isfinite(value)]
    return max(0.0, 10 * (min(values, default=0) // 10) - 5)


def _mark_phase_change(figure: go.Figure, epochs: Sequence[EpochResult], *, high: bool) -> None:
    change = next(
        (i for i in range(1, len(epochs)) if epochs[i].phase != epochs[i - 1].phase), None
    )
    if change is not None:
        figure.add_vline(x=change + 0.5, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=change + 0.5, y=int(high), yref="paper", xanchor="left",
            yanchor="top" if high else "bottom",
            text="fine-tuning starts", showarrow=False,
        )  # fmt: skip


def _curve_title(epochs: Sequence[EpochResult], measure: str) -> str:
    if not np.isfinite([getattr(e, f"validation_{measure}") for e in epochs]).any():
        return f"The {measure} curve starts with the first epoch"
    values = [getattr(e, f"validation_{measure}") for e in epochs]
    if all(e.phase == "probe" for e in epochs):  # its last round counts, whatever came before
        after = f"after {len(epochs)} round{'s' * (len(epochs) > 1)}"
        value = percent(values[-1]) if measure == "accuracy" else f"{values[-1]:.2f}"
        return f"Validation {measure}: {value} {after}"
    best = int(np.nanargmax(values) if measure == "accuracy" else np.nanargmin(values))
    word = "round" if epochs[best].phase == "probe" else "epoch"
    if measure == "accuracy":
        return f"Validation accuracy: best {percent(values[best])}, in {word} {best + 1}"
    if best < len(values) - 3 and values[-1] > 1.1 * values[best]:
        return f"Validation loss has risen since {word} {best + 1}: it starts to learn by heart"
    return f"Validation loss: lowest {values[best]:.2f}, in {word} {best + 1}"

"""The results of several runs."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from pages.shared.charts.drawing import NEUTRAL, TRAIN, VALIDATION, Chart, blank_figure, short
from pages.shared.text import percent

SHAPES = ("circle", "square", "triangle-up", "cross", "star")
COLOURS = (VALIDATION, TRAIN, "#1F9E78", "#B8658F", "#8C7A00", NEUTRAL)
SEPARATOR = " · "  # what stands before it in a run's name is short enough for an axis


class RunScore(NamedTuple):
    """A finished run's result: fractions in [0, 1], `low` and `high` its 95 % interval."""

    label: str
    accuracy: float
    low: float
    high: float
    n: int


def compare_runs(scores: Sequence[RunScore], *, best: int, title: str) -> Chart:
    """Return a dot with its 95 % interval per finished run, number `best` as a diamond."""
    percents = [100 * score.accuracy for score in scores]
    figure = blank_figure(80 + 46 * len(scores))
    figure.add_trace(
        go.Scatter(
            x=percents,
            y=list(range(len(scores))),
            mode="markers",
            marker={
                "size": [17 if i == best else 13 for i in range(len(scores))],
                "color": [COLOURS[i % len(COLOURS)] for i in range(len(scores))],
                "symbol": ["diamond" if i == best else SHAPES[i % 5] for i in range(len(scores))],
            },
            error_x={
                "type": "data",
                "array": [100 * (score.high - score.accuracy) for score in scores],
                "arrayminus": [100 * (score.accuracy - score.low) for score in scores],
                "color": NEUTRAL,
                "thickness": 2,
                "width": 6,
            },
            text=[f"{percent(s.low)} to {percent(s.high)} (n = {s.n})" for s in scores],
            hovertemplate="%{x:.1f} %, 95 % confidence interval %{text}<extra></extra>",
        )
    )
    floor = 10 * (min(100 * score.low for score in scores) // 10)
    figure.update_xaxes(title_text="accuracy (%)")
    figure.update_xaxes(range=[max(0, floor - 2), 100])
    figure.update_yaxes(
        tickvals=list(range(len(scores))),
        ticktext=[
            f"{short(score.label.split(SEPARATOR)[0])}<br>{score.n:,} pictures" for score in scores
        ],
        range=[len(scores) - 0.5, -0.5],
        showgrid=False,
    )
    return Chart(title, figure)

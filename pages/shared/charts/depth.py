"""How good a classifier gets on the features of each layer group, as one curve."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from pages.shared.charts.drawing import (
    ACCENT,
    NEUTRAL,
    TRAIN,
    Chart,
    blank_figure,
    short,
    text_colour,
)
from pages.shared.text import percent


class Depth(NamedTuple):
    """One layer group: fractions in [0, 1], `low` and `high` the 95 % interval."""

    name: str
    accuracy: float
    low: float
    high: float


def layer_curve(points: Sequence[Depth], *, title: str, frozen: int | None = None) -> Chart:
    """Return the accuracy that the features of each layer group allow, in forward order.

    Args:
        points: The backbone's layer groups, without the classifier.
        title: The finding.
        frozen: Where the first n groups are frozen, a line says so.
    """
    figure = blank_figure(320)
    best = max(range(len(points)), key=lambda i: points[i].accuracy)
    figure.add_trace(
        go.Scatter(
            x=list(range(len(points))),
            y=[100 * point.accuracy for point in points],
            mode="lines+markers",
            line={"color": ACCENT, "width": 2.5},
            marker={
                "size": [14 if i == best else 9 for i in range(len(points))],
                "symbol": ["diamond" if i == best else "circle" for i in range(len(points))],
                "opacity": 1,
            },
            error_y={
                "type": "data",
                "array": [100 * (point.high - point.accuracy) for point in points],
                "arrayminus": [100 * (point.accuracy - point.low) for point in points],
                "color": NEUTRAL,
                "thickness": 1.5,
                "width": 5,
            },
            text=[f"{percent(point.low)} to {percent(point.high)}" for point in points],
            hovertemplate="%{y:.1f} %, 95 % confidence interval %{text}<extra></extra>",
        )
    )
    if frozen is not None:
        _mark_frozen(figure, frozen, len(points))
    crowded = len(points) > 8
    names = [short(point.name, 14) for point in points]
    shown = [name if not crowded or i % 2 == 0 else "" for i, name in enumerate(names)]
    figure.update_xaxes(
        title_text="layer group, from input to output",
        tickvals=list(range(len(points))),
        ticktext=shown,
        range=[-0.6, len(points) - 0.4],
        showgrid=False,
    )
    floor = 10 * (min(100 * point.low for point in points) // 10)
    figure.update_yaxes(title_text="accuracy (%)", range=[max(0, floor - 2), 100])
    return Chart(title, figure)


def _mark_frozen(figure: go.Figure, frozen: int, count: int) -> None:
    if frozen:
        figure.add_vrect(
            x0=-0.6, x1=min(frozen, count) - 0.5, fillcolor=NEUTRAL, opacity=0.14, line_width=0,
            layer="below",
        )  # fmt: skip
    if frozen < count:
        figure.add_vline(x=frozen - 0.5, line={"color": TRAIN, "width": 2, "dash": "dash"})
    where = "all of it is frozen" if frozen >= count else "frozen on the left, trained on the right"
    if not frozen:
        where = "nothing is frozen"
    figure.add_annotation(
        x=0, xref="paper", y=1.0, yref="paper", xanchor="left", yanchor="bottom", showarrow=False,
        text=f"Your choice: {where}", font={"color": text_colour()},
    )  # fmt: skip
    figure.update_layout(margin_t=26)

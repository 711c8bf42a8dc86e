"""Pictures as dots of a plane, in groups of one colour each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from pages.shared.charts.drawing import Chart, blank_figure, short

SYMBOLS = ("circle", "diamond", "square", "x", "triangle-up", "star")
PALETTE_SIZE = 8  # then the colours begin again, with the next symbol


class Dots(NamedTuple):
    """Pictures of one colour: x and y from -1 to 1, and a digest and a name for each."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    digests: Sequence[str]
    names: Sequence[str]


def picture_map(groups: Sequence[Dots], *, title: str) -> Chart:
    """Return the dots, drawn by the graphics card, to hover and to select by lasso or box."""
    figure = blank_figure(460)
    for number, dots in enumerate(groups):
        symbol = SYMBOLS[number // PALETTE_SIZE % len(SYMBOLS)]
        figure.add_trace(
            go.Scattergl(
                x=dots.x,
                y=dots.y,
                mode="markers",
                name=f"{short(dots.name, 30)} ({len(dots.x):,})",
                marker={"color": dots.colour, "size": 7, "opacity": 0.8, "symbol": symbol},
                customdata=dots.digests,
                text=[short(name, 40) for name in dots.names],
                hovertemplate="%{text}<extra>" + short(dots.name, 30) + "</extra>",
            )
        )
    axis = {"showticklabels": False, "title_text": "", "range": [-1.06, 1.06]}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    legend = {"orientation": "h", "yanchor": "top", "y": -0.02, "x": 0, "itemsizing": "constant"}
    figure.update_layout(showlegend=True, legend=legend, dragmode="lasso")
    return Chart(title, figure)


def chosen_digests(event: Mapping | None) -> list[str]:
    """Return the digests of the dots that a person selected."""
    points = event["selection"]["points"] if event else []
    found = (point.get("customdata") for point in points)
    return list(dict.fromkeys(one[0] if isinstance(one, list) else one for one in found if one))

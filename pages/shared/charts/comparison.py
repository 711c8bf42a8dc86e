"""Several models on the same pictures: as bars with intervals, and as accuracy against time."""

from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import plotly.graph_objects as go

from pages.shared.charts.drawing import ACCENT, NEUTRAL, Chart, blank_figure, short, text_colour
from pages.shared.text import percent

POINT = "#2A6FA8"  # dark enough for white numbers
ROW = 112  # pixels: name, three lines about the budget, bar
LINE = 52  # characters of a line that a phone has room for


class Bar(NamedTuple):
    """One model: fractions in [0, 1], `low` and `high` its 95 % interval; `note` its budget."""

    title: str
    accuracy: float
    low: float
    high: float
    note: str
    strong: bool = False


class Ranked(NamedTuple):
    """One backbone: accuracy with its 95 % interval, fractions; seconds for all pictures."""

    title: str
    accuracy: float
    low: float
    high: float
    seconds: float
    chosen: bool = False


def baselines(bars: Sequence[Bar], *, title: str) -> Chart:
    """Return one bar with its interval per model, its name and budget above it."""
    figure = blank_figure(60 + ROW * len(bars), bargap=0)
    places = [i + 0.34 for i in range(len(bars))]
    figure.add_trace(
        go.Bar(
            y=places,
            x=[100 * bar.accuracy for bar in bars],
            width=0.24,
            orientation="h",
            marker={"color": [ACCENT if bar.strong else NEUTRAL for bar in bars]},
            error_x={
                "type": "data",
                "array": [100 * (bar.high - bar.accuracy) for bar in bars],
                "arrayminus": [100 * (bar.accuracy - bar.low) for bar in bars],
                "color": text_colour() or "#C9D1D3",
                "thickness": 2,
                "width": 6,
            },
            text=[f"{percent(bar.low)} to {percent(bar.high)}" for bar in bars],
            textposition="none",
            hovertemplate="%{x:.1f} %, 95 % confidence interval %{text}<extra></extra>",
        )
    )
    for place, bar in enumerate(bars):
        lines = [f"<b>{short(bar.title, 40)}: {percent(bar.accuracy)}</b>"]
        lines += [
            short(line, LINE + 2) for line in wrap(bar.note, LINE, max_lines=3, placeholder=" …")
        ]
        figure.add_annotation(
            x=0, y=place + 0.2, text="<br>".join(lines), xanchor="left", yanchor="bottom",
            align="left", showarrow=False, xshift=-3, font={"size": 13, "color": text_colour()},
        )  # fmt: skip
    figure.update_xaxes(
        title_text="accuracy (%), with 95 % confidence interval",
        range=[0, 100],
        tickvals=[0, 25, 50, 75, 100],
    )
    figure.update_yaxes(range=[len(bars) - 0.5, -0.42], visible=False)
    return Chart(title, figure)


def ranking(entries: Sequence[Ranked], *, title: str) -> Chart:
    """Return a numbered point per backbone: its accuracy over the seconds that it took here."""
    figure = blank_figure(380 + 22 * len(entries))
    for number, entry in enumerate(entries, start=1):
        figure.add_trace(
            go.Scatter(
                x=[entry.seconds],
                y=[100 * entry.accuracy],
                name=f"{number}  {short(entry.title, 32)}",
                mode="markers+text",
                text=[f"<b>{number}</b>"],
                textfont={"color": "white", "size": 13},
                marker={
                    "size": 26 if entry.chosen else 22,
                    "color": ACCENT if entry.chosen else POINT,
                    "symbol": "diamond" if entry.chosen else "circle",
                    "opacity": 1,
                },
                error_y={
                    "type": "data",
                    "array": [100 * (entry.high - entry.accuracy)],
                    "arrayminus": [100 * (entry.accuracy - entry.low)],
                    "color": NEUTRAL,
                    "thickness": 2,
                    "width": 6,
                },
                hovertemplate=f"{short(entry.title, 40)}: %{{y:.1f}} %, %{{x:.1f}} s"
                "<extra></extra>",
            )
        )
    most = max((entry.seconds for entry in entries), default=1.0)
    floor = min((100 * entry.low for entry in entries), default=0.0)
    figure.update_xaxes(
        title_text="time for the features of all pictures (seconds)",
        range=[0, 1.1 * most],
    )
    figure.update_yaxes(
        title_text="accuracy (%)",
        range=[max(0, floor - 4), 100],
        tickvals=list(range(0, 101, 5 if floor > 70 else 10)),
    )
    legend = {"orientation": "v", "yanchor": "bottom", "y": 1.05, "x": 0, "itemsizing": "trace"}
    figure.update_layout(showlegend=True, legend=legend)
    return Chart(title, figure)

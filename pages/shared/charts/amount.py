"""Accuracy over the number of pictures per class, and where that may lead."""

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from pages.shared.charts.depth import Depth
from pages.shared.charts.drawing import ACCENT, NEUTRAL, TRAIN, Chart, blank_figure

BAND = "rgba(208, 116, 15, .18)"  # TRAIN, see-through


def learning_curve(
    points: Sequence[tuple[int, Depth]],
    extrapolated: Sequence[tuple[int, float, float, float]],
    *,
    title: str,
) -> Chart:
    """Return the measured curve, and dashed with a band what it may come to with more pictures.

    Args:
        points: Pictures per class, and the accuracy measured with so many.
        extrapolated: Pictures per class, then low, middle and high accuracy, fractions.
        title: The finding.
    """
    figure = blank_figure(340)
    if extrapolated:
        _guess(figure, points, extrapolated)
    measured = [point for _, point in points]
    figure.add_trace(
        go.Scatter(
            x=[count for count, _ in points],
            y=[100 * point.accuracy for point in measured],
            name="measured, with 95 % confidence interval",
            mode="lines+markers",
            line={"color": ACCENT, "width": 2.5},
            marker={"size": 9},
            error_y={
                "type": "data",
                "array": [100 * (point.high - point.accuracy) for point in measured],
                "arrayminus": [100 * (point.accuracy - point.low) for point in measured],
                "color": NEUTRAL,
                "thickness": 1.5,
                "width": 5,
            },
            hovertemplate="%{x} pictures per class: %{y:.1f} %<extra></extra>",
        )
    )
    lowest = min([p.low for p in measured] + [low for _, low, _, _ in extrapolated])
    counts = [count for count, _ in points] + [row[0] for row in extrapolated]
    figure.update_xaxes(
        title_text="training pictures per class",
        type="log",
        tickvals=counts,
        ticktext=[f"{count:,}" for count in counts],
        range=[log10(min(counts)) - 0.05, log10(max(counts)) + 0.05],
    )
    figure.update_yaxes(title_text="accuracy (%)", range=[max(0, 100 * lowest - 4), 100])
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.05, "x": 0}
    figure.update_layout(showlegend=True, legend=legend)
    return Chart(title, figure)


def _guess(
    figure: go.Figure,
    points: Sequence[tuple[int, Depth]],
    extrapolated: Sequence[tuple[int, float, float, float]],
) -> None:
    count, last = points[-1]
    start = (count, last.accuracy, last.accuracy, last.accuracy)
    rows = [start, *(row for row in extrapolated if row[0] > count)]
    counts = [row[0] for row in rows]
    figure.add_trace(
        go.Scatter(
            x=counts + counts[::-1],
            y=[100 * row[3] for row in rows] + [100 * row[1] for row in reversed(rows)],
            fill="toself",
            mode="lines",
            fillcolor=BAND,
            line={"width": 0},
            hoverinfo="skip",
            name="uncertainty of the extrapolation",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=counts,
            y=[100 * row[2] for row in rows],
            name="extrapolation to more pictures",
            mode="lines",
            line={"color": TRAIN, "width": 2, "dash": "dash"},
            hovertemplate="about %{y:.0f} % with %{x} per class<extra></extra>",
        )
    )


def labels_curve(points: Sequence[tuple[int, float]], *, title: str) -> Chart:
    """Return the accuracy, a fraction, over the number of labelled pictures."""
    figure = blank_figure(220)
    counts = [count for count, _ in points]
    figure.add_trace(
        go.Scatter(
            x=counts,
            y=[100 * accuracy for _, accuracy in points],
            mode="lines+markers",
            line={"color": ACCENT, "width": 2.5},
            marker={"size": 9},
            hovertemplate="%{x} labelled pictures: %{y:.1f} %<extra></extra>",
        )
    )
    ticks = [f"{count:,}" for count in counts]
    figure.update_xaxes(title_text="labelled pictures", type="log", tickvals=counts, ticktext=ticks)
    figure.update_yaxes(title_text="accuracy (%)")
    return Chart(title, figure)

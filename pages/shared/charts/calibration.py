"""Whether stated probabilities can be believed, and what it costs to answer only when sure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from pages.shared.charts.drawing import (
    ACCENT,
    NEUTRAL,
    TRAIN,
    VALIDATION,
    Chart,
    blank_figure,
    text_colour,
)


def reliability(bins: Sequence[tuple[float, float, int]], *, title: str) -> Chart:
    """Return how often the answers were right, over how sure the model said it was.

    Args:
        bins: Stated confidence, accuracy (fractions) and number of pictures; empty ones left out.
        title: The finding.
    """
    figure = blank_figure(340)
    figure.add_trace(
        go.Scatter(
            x=[0, 100], y=[0, 100], mode="lines", name="perfect calibration",
            line={"color": NEUTRAL, "dash": "dash", "width": 1.5}, hoverinfo="skip",
        )
    )  # fmt: skip
    largest = max(n for _, _, n in bins)
    figure.add_trace(
        go.Scatter(
            x=[100 * sure for sure, _, _ in bins],
            y=[100 * right for _, right, _ in bins],
            name="your pictures; a larger dot is more pictures",
            mode="lines+markers",
            line={"color": ACCENT, "width": 2},
            marker={"size": [9 + 15 * (n / largest) ** 0.5 for _, _, n in bins], "opacity": 1},
            text=[f"{n:,}" for _, _, n in bins],
            hovertemplate="%{text} pictures: predicted %{x:.0f} %, correct %{y:.0f} "
            "%<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="predicted probability (%)", range=[0, 100])
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 100])
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.05, "x": 0}
    figure.update_layout(showlegend=True, legend=legend)
    return Chart(title, figure)


def coverage(
    points: Sequence[tuple[float, float, float]], *, threshold: float, title: str
) -> Chart:
    """Return accuracy among the answered, and the share answered, over the threshold.

    Args:
        points: Threshold, accuracy (nan where nothing is answered) and coverage, fractions.
        threshold: The chosen one.
        title: What it means at the chosen threshold.
    """
    figure = blank_figure(340, hovermode="x unified")
    lines = (
        ("accuracy among answered", 1, VALIDATION, "solid"),
        ("coverage", 2, TRAIN, "dash"),
    )
    for name, column, colour, dash in lines:
        figure.add_trace(
            go.Scatter(
                x=[100 * point[0] for point in points],
                y=[100 * point[column] for point in points],
                name=name,
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2.5},
                hovertemplate="%{y:.0f} %",
            )
        )
    colour = text_colour() or NEUTRAL
    figure.add_vline(x=100 * threshold, line={"color": colour, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title_text="lowest probability that gets an answer (%)")
    figure.update_yaxes(title_text="share (%)", range=[0, 100])
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.05, "x": 0}
    figure.update_layout(showlegend=True, legend=legend)
    return Chart(title, figure)

"""The app's figures: each a title that states the finding, and a Plotly figure below it.

Knows numbers and names, not projects or runs.
"""

from pages.shared.charts.bars import RunScore, compare_runs, probabilities
from pages.shared.charts.blocks import network
from pages.shared.charts.curves import curves
from pages.shared.charts.drawing import Chart, count_text, percent, short, show
from pages.shared.charts.matrix import confusion

__all__ = [
    "Chart",
    "RunScore",
    "compare_runs",
    "confusion",
    "count_text",
    "curves",
    "network",
    "percent",
    "probabilities",
    "short",
    "show",
]

"""The app's figures: each a title that states the finding, and a Plotly figure below it.

Knows numbers and names, not projects or runs.
"""

from pages.shared.charts.amount import learning_curve
from pages.shared.charts.bars import RunScore, compare_runs
from pages.shared.charts.calibration import coverage, reliability
from pages.shared.charts.comparison import Bar, Ranked, baselines, ranking
from pages.shared.charts.curves import candidates, curves
from pages.shared.charts.depth import Depth, layer_curve
from pages.shared.charts.drawing import Chart, short, show
from pages.shared.charts.matrix import confusion

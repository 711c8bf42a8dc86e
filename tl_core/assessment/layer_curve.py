"""Where in the network the knowledge for these pictures sits: one classifier per layer group.

Nothing is chosen: every group gets the same regression, so that only what the group hands on
makes the difference.
"""

import math
from collections.abc import Generator, Sequence

import numpy as np

from tl_core.approaches.cross_validation import fixed_probe
from tl_core.approaches.probe import CENTROIDS, FEW_PER_CLASS, Method
from tl_core.backbones.layer_groups import LayerGroup
from tl_core.evaluation.out_of_fold import Division, predict_out_of_fold
from tl_core.runs.events import Progress, result_of
from tl_core.runs.results.assessment import LayerCurve, LayerPoint
from tl_core.runs.results.intervals import out_of_fold_interval

METHOD = Method("regression", 0.1)


def layer_curve(
    ends: np.ndarray, groups: Sequence[tuple[LayerGroup, int]], division: Division
) -> Generator[Progress, None, LayerCurve]:
    """Measure a probe on the output of every layer group.

    Args:
        ends: The groups' outputs side by side, float32 (N, sum of widths).
        groups: Each group with its number of columns.
        division: The folds.

    Yields:
        Groups done and groups in total.
    """
    method = CENTROIDS if _fewest(division) < FEW_PER_CLASS else METHOD
    points, start = [], 0
    for done, (group, width) in enumerate(groups, start=1):
        matrix = ends[:, start : start + width]
        start += width
        work = predict_out_of_fold(division, fixed_probe(matrix, division, method=method))
        answers = result_of(work)
        n = len(division.rows)
        points.append(
            LayerPoint(
                group_index=group.index,
                group_name=group.name,
                accuracy=answers.accuracy,
                interval=out_of_fold_interval(answers.accuracy * n, n, folds=len(division.folds)),
            )
        )
        yield Progress("assess", done, len(groups))
    return LayerCurve(points=tuple(points), suggested_frozen=_suggested(points, len(division.rows)))


def _suggested(points: Sequence[LayerPoint], n: int) -> int:
    """Return how many groups end with the first that does as well as any, within one error."""
    best = max(points, key=lambda point: point.accuracy)
    error = math.sqrt(max(best.accuracy * (1 - best.accuracy), 1 / n) / n)
    enough = next(point for point in points if point.accuracy >= best.accuracy - error)
    return enough.group_index + 1


def _fewest(division: Division) -> int:
    """Return how many pictures the smallest class has to learn from in its worst fold."""
    counts = (np.bincount(division.labels[train]) for train, _ in division.folds)
    return min(int(count[count > 0].min()) for count in counts)

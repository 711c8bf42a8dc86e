"""Where in the network the knowledge for these pictures sits: one classifier per layer group.

Every group gets the same kind of classifier, the linear probe's own.
"""

import math
from collections.abc import Generator, Sequence

import numpy as np

from tl_core.assessment.baselines import probe
from tl_core.backbones.layer_groups import LayerGroup
from tl_core.evaluation.out_of_fold import Division
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import LayerCurve, LayerPoint
from tl_core.runs.results.intervals import out_of_fold_interval


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
    points, start = [], 0
    for done, (group, width) in enumerate(groups, start=1):
        matrix = ends[:, start : start + width]
        start += width
        answers = probe(division, {"last": matrix})
        n = len(division.rows)
        points.append(
            LayerPoint(
                group_index=group.index,
                group_name=group.name,
                accuracy=answers.accuracy,
                interval=out_of_fold_interval(
                    answers.accuracy * n, n, folds=division.groups_measured
                ),
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

"""Where in the network the knowledge for these pictures sits: one classifier per layer group.

Every group gets the same kind of classifier, the linear probe's own.
"""

from collections.abc import Generator, Sequence

import numpy as np

from tl_core.assessment.baselines import probe
from tl_core.backbones.layer_groups import LayerGroup
from tl_core.evaluation.out_of_fold import Division, OutOfFold
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import LayerCurve, LayerPoint
from tl_core.runs.results.intervals import paired_gain

CLEAR = 2.5  # standard errors: the best of several groups is always a little better by chance


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
    points, answers, start = [], [], 0
    for done, (group, width) in enumerate(groups, start=1):
        found = probe(division, {"last": ends[:, start : start + width]})
        start += width
        answers.append(found)
        points.append(
            LayerPoint(
                group_index=group.index,
                group_name=group.name,
                accuracy=found.accuracy,
                interval=found.interval(folds=division.groups_measured),
            )
        )
        yield Progress("assess", done, len(groups))
    enough = suggested(answers)
    frozen = None if enough is None else points[enough].group_index + 1
    return LayerCurve(points=tuple(points), suggested_frozen=frozen)


def suggested(answers: Sequence[OutOfFold]) -> int | None:
    """Return the layer group to freeze up to, by paired differences on the same pictures.

    It is the last one unless another does clearly better; then the first that does as well as the
    best. None if the groups do not clearly differ at all.

    Args:
        answers: Of a probe on each layer group, from input to output.
    """
    best, last = max(answers, key=lambda one: one.accuracy), answers[-1]
    for index, one in enumerate(answers):
        if _clearly_better(one, last) and not _clearly_better(best, one):
            return index
    if any(_clearly_better(last, one) for one in answers):
        return len(answers) - 1
    return None


def _clearly_better(a: OutOfFold, b: OutOfFold) -> bool:
    gain, error = paired_gain(b.correct, a.correct, a.groups)
    return gain > CLEAR * error

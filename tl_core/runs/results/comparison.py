"""Two finished runs against each other: only pictures that both were measured on can tell."""

from dataclasses import dataclass

import numpy as np

from tl_core.runs.results.intervals import paired_interval
from tl_core.runs.results.report import Evaluation

LEAST_SHARED = 10  # pictures


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """What one run gets right more than another on the same `n` pictures; fractions.

    `interval` is the 95 % interval of the paired difference.
    """

    n: int
    difference: float
    interval: tuple[float, float]

    @property
    def clear(self) -> bool:
        """Whether the first run is better beyond chance."""
        return self.interval[0] > 0


def run_difference(a: Evaluation, b: Evaluation) -> RunDifference | None:
    """Return how much better `a` is on the pictures, with the same labels, that both answered.

    None if these are fewer than `LEAST_SHARED`.
    """
    theirs = {
        digest: (b.class_names[label], right)
        for digest, label, right in zip(b.digests, b.labels, b.predicted == b.labels, strict=True)
    }
    right = a.predicted == a.labels
    rows = [
        row
        for row, (digest, label) in enumerate(zip(a.digests, a.labels, strict=True))
        if digest in theirs and theirs[digest][0] == a.class_names[label]
    ]
    if len(rows) < LEAST_SHARED:
        return None
    mine, other = right[rows], np.array([theirs[a.digests[row]][1] for row in rows])
    groups = None if a.groups is None else a.groups[rows]
    return RunDifference(
        n=len(rows),
        difference=float(mine.mean() - other.mean()),
        interval=paired_interval(other, mine, groups),
    )

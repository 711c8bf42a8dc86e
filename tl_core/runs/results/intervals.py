"""How sure a share of right answers is: 95 % intervals.

Light: numbers only.
"""

import math
from collections.abc import Sequence

import numpy as np

Z_95 = 1.959963984540054
# Paired intervals are so many times as wide as for two models alone: those of the folds differ,
# and differ from the one that is fitted on all pictures. With 1.12, 95.6 % of 5,600 simulated ones
# (seven image sets, 8 to 80 pictures per class, eight pairs of features) held the difference that
# models fitted on all pictures had on others; with 1, 93 %, with 1.3, 98 %.
FOLDS_TELL = 1.12
FOLDS_SAY = 1.6  # simulated in the same way: 95 % hold the accuracy; with 2, 96 %


def wilson_interval(correct: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a proportion, fractions in [0, 1]; (0, 1) for n = 0.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    spread = Z_95 * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    centre = share + Z_95**2 / (2 * n)
    denominator = 1 + Z_95**2 / n
    return max(0.0, (centre - spread) / denominator), min(1.0, (centre + spread) / denominator)


def paired_gain(
    before: Sequence[bool], after: Sequence[bool], groups: np.ndarray | None = None
) -> tuple[float, float]:
    """Return how much accuracy was gained on the same pictures, and its standard error.

    Args:
        before: Whether each picture was answered right before.
        after: The same afterwards, in the same order.
        groups: Group of each picture, (n,); None if every picture is its own.

    Source: Agresti & Min (2005), "Simple improved confidence intervals for comparing matched
    proportions", who add half a picture to each of the four outcomes: one lucky picture alone is
    no gain.
    """
    changes = np.asarray(after, float) - np.asarray(before, float)
    n = len(changes) + 2
    won, lost = (changes > 0).sum() + 0.5, (changes < 0).sum() + 0.5
    gain = float((won - lost) / n)
    error = math.sqrt(won + lost - n * gain**2) / n
    if groups is not None and len(changes):
        error *= math.sqrt(len(changes) / independent_pictures(changes, groups))
    return gain, error


def paired_interval(
    before: Sequence[bool],
    after: Sequence[bool],
    groups: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return the 95 % interval of the gain that models fitted on all pictures would have."""
    gain, error = paired_gain(before, after, groups)
    half = FOLDS_TELL * Z_95 * error
    return max(-1.0, gain - half), min(1.0, gain + half)


def out_of_fold_interval(
    correct: float, n: int, *, folds: int = 5, independent: float | None = None
) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of a model fitted on all pictures.

    It was measured by models that had only (k - 1) / k of them to learn from, which are a little
    worse: that makes up for the dependence between folds at the lower end, where Wilson's bound
    stays. The upper end is the higher one of two: Wilson's bound of `FOLDS_SAY` times fewer
    pictures, and his bound with errors that become fewer in proportion to the pictures learnt from.
    `benchmarks/quality/honesty.py` measures how often the interval holds the truth.

    Args:
        correct: Right answers, out of fold; the mean over repeats where there are several.
        n: Pictures.
        folds: k; 1 for a part that was held out: Wilson's interval.
        independent: As how many independent pictures they count, see `independent_pictures`.

    Source: for learning curves that fall by a power of at most 1, Cortes et al. (1993), "Learning
    Curves: Asymptotic Values and Rate of Convergence"; that naive intervals hold too seldom, Bates
    et al. (2021), "Cross-validation: what does it estimate and how well does it do it?",
    arXiv:2104.00673.
    """
    count = n if independent is None else min(n, independent)
    correct = correct * count / n if n else correct
    low, high = wilson_interval(correct, count)
    if folds == 1:
        return low, high
    _, fewer = wilson_interval(correct / FOLDS_SAY, count / FOLDS_SAY)
    return low, max(fewer, 1 - (1 - high) * (1 - 1 / folds))


def independent_pictures(values: np.ndarray, groups: np.ndarray) -> float:
    """Return how many independent pictures make a mean as sure as these, which come in groups.

    Pictures of one group are right or wrong together more often than others; where nothing varies,
    a group counts as one picture.

    Args:
        values: Of each picture, (n,), such as right or wrong.
        groups: Group of each picture, (n,).

    Source: Kish (1965), "Survey Sampling", for the design effect.
    """
    _, group = np.unique(groups, return_inverse=True)
    n, count = len(values), int(group.max()) + 1 if len(values) else 0
    if count == n:
        return float(n)
    apart = values - np.mean(values)
    if not apart.any():
        return float(count)
    sums = np.bincount(group, weights=apart)
    effect = float((sums**2).sum() / (apart**2).sum()) * count / max(1, count - 1)
    return n / max(1.0, effect)


def fold_inflation(folds: int) -> float:
    """Return how much larger the variance of a k-fold accuracy is than of independent answers.

    ``k * (1 / k + 1 / (k - 1))``, 2.25 for five folds; 1 for a part that was held out.

    Source: Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52.
    """
    return 1 + folds / (folds - 1) if folds > 1 else 1.0

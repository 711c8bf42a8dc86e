"""How sure a share of right answers is: 95 % intervals.

Light: numbers only.
"""

import math
from collections.abc import Sequence

Z_95 = 1.959963984540054


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


def paired_gain(before: Sequence[bool], after: Sequence[bool]) -> tuple[float, float]:
    """Return how much accuracy was gained on the same pictures, and its standard error.

    Args:
        before: Whether each picture was answered right before.
        after: The same afterwards, in the same order.

    Source: Agresti & Min (2005), "Simple improved confidence intervals for comparing matched
    proportions", who add half a picture to each of the four outcomes: one lucky picture alone is
    no gain.
    """
    n = len(before) + 2
    won = sum(b and not a for a, b in zip(before, after, strict=True)) + 0.5
    lost = sum(a and not b for a, b in zip(before, after, strict=True)) + 0.5
    gain = (won - lost) / n
    return gain, math.sqrt(won + lost - n * gain**2) / n


def out_of_fold_interval(correct: float, n: int, *, folds: int = 5) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of a model fitted on all pictures.

    It was measured by models that had only (k - 1) / k of them to learn from, which are a little
    worse: that makes up for the dependence between folds at the lower end, where Wilson's bound
    stays. The upper end allows for both: Wilson's bound with the number of pictures divided by
    `fold_inflation`, and errors that may become fewer in proportion to the pictures learnt from.
    `benchmarks/quality/honesty.py` measures how often the interval holds the truth.

    Args:
        correct: Right answers, out of fold; the mean over repeats where there are several.
        n: Pictures.
        folds: k; 1 for a part that was held out: Wilson's interval.

    Source: Nadeau & Bengio (2003), "Inference for the Generalization Error"; for learning curves
    that fall by a power of at most 1, Cortes et al. (1993), "Learning Curves: Asymptotic Values
    and Rate of Convergence"; that naive intervals hold too seldom, Bates et al. (2021),
    "Cross-validation: what does it estimate and how well does it do it?", arXiv:2104.00673.
    """
    if folds == 1:
        return wilson_interval(correct, n)
    factor = fold_inflation(folds)
    low, _ = wilson_interval(correct, n)
    _, high = wilson_interval(correct / factor, n / factor)
    return low, 1 - (1 - high) * (1 - 1 / folds)


def fold_inflation(folds: int) -> float:
    """Return how much larger the variance of a k-fold accuracy is than of independent answers.

    ``k * (1 / k + 1 / (k - 1))``, 2.25 for five folds; 1 for a part that was held out.

    Source: Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52.
    """
    return 1 + folds / (folds - 1) if folds > 1 else 1.0

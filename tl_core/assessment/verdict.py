"""Did the pretrained model help? The paired difference over the same pictures and folds.

It knows right and wrong answers per fold; it does not know what gave them.
"""

import math

import numpy as np
from scipy.stats import t as student

from tl_core.evaluation.out_of_fold import Answers, Rounds
from tl_core.runs.results.assessment import Verdict

WORDS = {
    "random": "the same network with random weights",
    "small": "a small network trained from scratch",
}


def paired_interval(rounds: Rounds, a: Answers, b: Answers) -> tuple[float, tuple[float, float]]:
    """Return the mean difference of accuracy, a minus b, and its 95 % interval, fractions.

    The folds of a cross-validation share most of what they learn from, so their differences are
    not independent: the variance of their mean is ``(1/J + n_test/n_train) * s^2`` for J folds
    with variance s^2, with J - 1 degrees of freedom. s^2 is taken no smaller than what the
    differences between pictures (or groups, which stand together) make likely by themselves.

    Args:
        rounds: The folds.
        a: Answers of the first method.
        b: Answers of the second; where one has fewer repeats, those of both are compared.

    Source: Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52;
    for repeated folds Bouckaert & Frank (2004).
    """
    repeats = min(len(a.logits), len(b.logits))
    difference = np.full((repeats, len(rounds.labels)), np.nan)  # -1, 0 or 1 per picture
    gained = a.correct[:repeats].astype(float) - b.correct[:repeats]
    difference[:, rounds.rows] = gained
    folds = [
        (difference[repeat, test].mean(), len(test), len(train))
        for repeat in range(repeats)
        for train, test in rounds.folds[repeat]
    ]
    means, tests, trains = (np.array(column, float) for column in zip(*folds, strict=True))
    mean = float(np.average(means, weights=tests))
    # with few folds their spread may be small by luck
    single = _cluster_variance(gained.mean(axis=0), rounds)
    per_fold = max(float(means.var(ddof=1)), single * gained.shape[1] / float(tests.mean()))
    correction = 1 / len(means) + float((tests / trains).mean())
    half = float(student.ppf(0.975, len(means) - 1)) * math.sqrt(correction * per_fold)
    return mean, (max(-1.0, mean - half), min(1.0, mean + half))


def _cluster_variance(values: np.ndarray, rounds: Rounds) -> float:
    """Return the variance of the mean of values per picture (n,), groups standing together."""
    n = len(values)
    groups = np.arange(n) if rounds.groups is None else rounds.groups[rounds.rows]
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, weights=values - values.mean())
    count = len(sums)
    return float((sums**2).sum() / n**2 * count / max(1, count - 1))


def verdict_of(rounds: Rounds, transferred: Answers, others: dict[str, Answers]) -> Verdict | None:
    """Return the verdict against the best baseline without pretraining; None without any.

    Args:
        rounds: The folds that all answers come from.
        transferred: Answers with the pretrained model.
        others: Baselines by their `Measured.name`, of `WORDS`.

    Source: Wang et al. (2019), "Characterizing and Avoiding Negative Transfer",
    arXiv:1811.09751, for the difference with and without the source.
    """
    if not others:
        return None
    against = max(others, key=lambda name: others[name].accuracy)
    mean, (low, high) = paired_interval(rounds, transferred, others[against])
    answer = "helped" if low > 0 else "hurt" if high < 0 else "no clear difference"
    n = len(rounds.rows)
    return Verdict(
        answer=answer,
        points=100 * mean,
        interval_points=(100 * low, 100 * high),
        against=against,
        sentence=_sentence(answer, 100 * mean, 100 * low, 100 * high, WORDS[against], n, rounds),
        n=n,
    )


def _sentence(
    answer: str, points: float, low: float, high: float, against: str, n: int, rounds: Rounds
) -> str:
    on = f"on the same {n:,} pictures ({rounds.how})"
    size = f"{abs(points):.0f} point{'' if round(abs(points)) == 1 else 's'}"
    between = f"between {_signed(low)} and {_signed(high)} points"
    if answer == "helped":
        return f"The pretrained model helped: {size} more than {against}, {between}, {on}."
    if answer == "hurt":
        return f"The pretrained model hurt: {size} less than {against}, {between}, {on}."
    return (
        f"No clear difference between the pretrained model and {against}: {_signed(points)} "
        f"points, {between}, {on}. More pictures would narrow this down."
    )


def _signed(points: float) -> str:
    """Return whole points with their sign, and what is less than one with a decimal."""
    text = f"{points:+.0f}"
    return f"{points:+.1f}" if text in ("+0", "-0") else text

"""Would more photographs help? Accuracy over pictures per class, and a careful look ahead.

The look ahead fits a curve to a few noisy points; its range
says how little that may mean.
"""

from collections.abc import Generator, Mapping, Sequence

import numpy as np

from tl_core.approaches.probing.probe import Basis
from tl_core.evaluation.out_of_fold import Division
from tl_core.features.device import suited_threads
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import LearningCurve, LearningPoint
from tl_core.runs.results.intervals import (
    fold_inflation,
    independent_pictures,
    out_of_fold_interval,
)

SIZES = (2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500)
MOST_SIZES = 6
DRAWS = 2
FURTHER = (2, 4)  # times as many pictures per class as there are
LEAST_POINTS = 4
BOOTSTRAPS = 200
EXPONENTS = np.linspace(0.1, 2.0, 20)


def learning_curve(
    features: Mapping[str, np.ndarray], division: Division, *, seed: int
) -> Generator[Progress, None, LearningCurve]:
    """Measure with fewer and fewer pictures to learn from.

    Args:
        features: Raw features by block, each (N, D).
        division: The folds.
        seed: Of the draws.

    Yields:
        Folds done and folds in total.
    """
    folds, labels = division.folds, division.labels
    everything = np.concatenate(list(features.values()), axis=1)
    sizes = sizes_for([labels[train] for train, _ in folds])
    right = np.zeros((len(sizes), len(labels)))
    for done, (train, test) in enumerate(folds, start=1):
        for row, size in enumerate(sizes):
            draws = DRAWS if size < sizes[-1] else 1
            for draw in range(draws):
                some = drawn(labels, train, size, np.random.default_rng([seed, done, draw]))
                with suited_threads(len(some)):
                    learnt = {name: block[some] for name, block in features.items()}
                    basis = Basis(learnt, division.groups[some])
                    probe = basis.fit(labels[some], division.num_classes).probe
                hit = probe.logits(everything[test]).argmax(axis=1) == labels[test]
                right[row, test] += hit / draws
        yield Progress("assess", done, len(folds))
    return _curve(sizes, right[:, division.rows], division, seed=seed)


def sizes_for(parts: Sequence[np.ndarray]) -> list[int]:
    """Return pictures per class to measure with; the last is all that a typical class has.

    Args:
        parts: Labels of what each fold learns from.
    """
    typical = int(min(np.median(counts[counts > 0]) for counts in map(np.bincount, parts)))
    below = [size for size in SIZES if size <= 0.8 * typical][-(MOST_SIZES - 1) :]
    return [*below, typical]


def drawn(
    labels: np.ndarray, rows: np.ndarray, size: int, random: np.random.Generator
) -> np.ndarray:
    """Return at most `size` of `rows` of each class, at random."""
    order = random.permutation(rows)
    return np.concatenate(
        [order[labels[order] == label][:size] for label in np.unique(labels[rows])]
    )


def _curve(sizes: list[int], right: np.ndarray, division: Division, *, seed: int) -> LearningCurve:
    n, folds = right.shape[1], len(division.folds)
    points = tuple(
        LearningPoint(
            per_class=size,
            accuracy=float(row.mean()),
            interval=out_of_fold_interval(
                float(row.sum()),
                n,
                folds=folds,
                independent=independent_pictures(row, division.groups[division.rows]),
            ),
        )
        for size, row in zip(sizes, right, strict=True)
    )
    if len(sizes) < LEAST_POINTS:
        return LearningCurve(points=points, extrapolated=())
    groups = division.groups[division.rows]
    curves = _resampled(right, groups, np.random.default_rng(seed))  # (B, S)
    further = [sizes[-1] * times for times in FURTHER]
    middle = extrapolate(sizes, right.mean(axis=1)[None], further)[0]
    spread = extrapolate(sizes, curves, further)  # (B, F)
    low, high = np.percentile(spread, [2.5, 97.5], axis=0)
    wider = fold_inflation(folds) ** 0.5
    low = np.clip(middle - wider * np.maximum(0, middle - low), 0, 1)
    high = np.clip(middle + wider * np.maximum(0, high - middle), 0, 1)
    extrapolated = tuple(
        (int(size), float(a), float(b), float(c))
        for size, a, b, c in zip(further, low, middle, high, strict=True)
    )
    return LearningCurve(points=points, extrapolated=extrapolated)


def extrapolate(sizes: Sequence[int], accuracies: np.ndarray, further: Sequence[int]) -> np.ndarray:
    """Fit ``a - b * m^-c`` to each curve and return its values at `further`, in [0, 1].

    Args:
        sizes: Pictures per class, m, of the S points.
        accuracies: Curves, shape (B, S).
        further: Where to look, F numbers.

    Returns:
        Shape (B, F). 0 <= a <= 1, b >= 0 and c in [0.1, 2]; larger m weigh more.

    Source: Figueroa et al. (2012), "Predicting sample size required for classification
    performance", BMC Medical Informatics and Decision Making 12:8. That such fits mislead at
    times: Viering & Loog (2021), "The Shape of Learning Curves", arXiv:2103.10948.
    """
    m, weights = np.asarray(sizes, float), np.sqrt(np.asarray(sizes, float))
    weights /= weights.sum()
    best = np.full(len(accuracies), np.inf)
    found = np.zeros((len(accuracies), len(further)))
    centre = accuracies @ weights
    for c in EXPONENTS:
        x = m**-c
        x_centre = x @ weights
        b = -((accuracies - centre[:, None]) * weights) @ (x - x_centre)
        b = np.maximum(0, b / (weights * (x - x_centre) ** 2).sum())
        a = centre + b * x_centre
        over = a > 1  # the ceiling is perfection: through it the steepness alone is free
        b = np.where(over, ((1 - accuracies) * weights) @ x / (weights * x**2).sum(), b)
        a = np.minimum(a, 1)
        error = ((a[:, None] - b[:, None] * x - accuracies) ** 2 * weights).sum(axis=1)
        better = error < best
        best = np.where(better, error, best)
        ahead = a[:, None] - b[:, None] * np.asarray(further, float) ** -c
        found[better] = ahead[better]
    return found.clip(0, 1)


def _resampled(right: np.ndarray, groups: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return learning curves, (B, S), of pictures drawn with replacement, group by group."""
    _, group = np.unique(groups, return_inverse=True)
    count = group.max() + 1
    sums = np.stack([np.bincount(group, weights=row, minlength=count) for row in right])  # (S, G)
    sizes = np.bincount(group, minlength=count)
    draws = random.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAPS)  # (B, G)
    return (draws @ sums.T) / (draws @ sizes)[:, None]

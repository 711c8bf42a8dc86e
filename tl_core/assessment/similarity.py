"""How far two parts of the pictures are from each other: indicators, not results.

It knows features of two parts; it does not know what makes them parts.
"""

import numpy as np

from tl_core.approaches.probe import Method, fit_probe
from tl_core.evaluation.folds import make_folds
from tl_core.features.device import suited_threads
from tl_core.runs.results.assessment import Similarity

FOLDS = 5
METHOD = Method("regression", 0.01)
LEAST_PICTURES = 5  # in each part
LEAST_FRECHET = 10
MANY = 200  # from here on the Fréchet distance is steady enough not to warn
MOST_PICTURES = 500  # of each part, drawn at random
CHANCE_DRAWS = 5


def compare(
    name_a: str,
    features_a: np.ndarray,
    name_b: str,
    features_b: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Similarity | None:
    """Compare two parts; None if one has fewer than five pictures, or groups forbid it.

    Args:
        name_a: Of the first part, for people.
        features_a: Raw features, float32 (n_a, D).
        name_b: Of the second part.
        features_b: float32 (n_b, D).
        groups: Group of each picture, first part then second, (n_a + n_b,).
        seed: Of the folds and draws.
    """
    sizes = len(features_a), len(features_b)
    if min(sizes) < LEAST_PICTURES:
        return None
    random = np.random.default_rng(seed)
    rows_a, rows_b = (random.permutation(size)[:MOST_PICTURES] for size in sizes)
    features = np.concatenate([features_a[rows_a], features_b[rows_b]])
    part = np.repeat([0, 1], [len(rows_a), len(rows_b)])
    if groups is not None:
        groups = groups[np.concatenate([rows_a, sizes[0] + rows_b])]
    distance = proxy_a_distance(features, part, groups=groups, seed=seed)
    if distance is None:
        return None
    frechet = chance = None
    if min(sizes) >= LEAST_FRECHET:
        frechet = frechet_distance(features[part == 0], features[part == 1])
        shuffled = [random.permutation(part) for _ in range(CHANCE_DRAWS)]
        chance = float(
            np.mean([frechet_distance(features[p == 0], features[p == 1]) for p in shuffled])
        )
    return Similarity(
        a=name_a,
        b=name_b,
        n_a=sizes[0],
        n_b=sizes[1],
        proxy_a_distance=distance,
        frechet=frechet,
        frechet_chance=chance,
        confidence=_confidence(*sizes),
        reading=_reading(name_a, name_b, distance),
    )


def proxy_a_distance(
    features: np.ndarray, part: np.ndarray, *, groups: np.ndarray | None = None, seed: int = 0
) -> float | None:
    """Return ``2 (1 - 2 error)`` of a linear classifier that tells the parts apart, in [0, 2].

    The error is measured out of fold, both parts counting equally; None without folds.

    Source: Ben-David et al. (2007), "Analysis of Representations for Domain Adaptation".
    """
    folds = make_folds(part, groups, folds=FOLDS, seed=seed)
    if not folds:
        return None
    wrong = np.full(len(part), np.nan)
    with suited_threads(len(part)):
        for train, test in folds:
            probe = fit_probe(features[train], part[train], 2, method=METHOD)
            wrong[test] = probe.logits(features[test]).argmax(axis=1) != part[test]
    error = np.mean([np.nanmean(wrong[part == number]) for number in (0, 1)])
    return float(np.clip(2 * (1 - 2 * error), 0, 2))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Fréchet distance of two sets of features, as if both were Gaussian.

    ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``. With C = X'X / (n - 1) of centred X the
    last trace is the sum of the singular values of ``X_a X_b'``, which needs no (D, D) matrix.

    Args:
        a: Features, (n_a, D), n_a at least 2.
        b: Features, (n_b, D).

    Source: Heusel et al. (2017), "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500.
    """
    mean_a, mean_b = a.mean(axis=0, dtype=np.float64), b.mean(axis=0, dtype=np.float64)
    x = (a - mean_a) / np.sqrt(len(a) - 1)
    y = (b - mean_b) / np.sqrt(len(b) - 1)
    shared = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * shared
    return float(max(0.0, distance))


def _confidence(n_a: int, n_b: int) -> str:
    least = min(n_a, n_b)
    if least >= MANY:
        return f"{n_a:,} and {n_b:,} pictures: steady enough to compare."
    return (
        f"Only {n_a:,} and {n_b:,} pictures: the Fréchet distance is too large with so few, so "
        "compare it with what chance gives; a difference of a few tenths of the other means little."
    )


def _reading(a: str, b: str, distance: float) -> str:
    if distance < 0.4:
        return (
            f"{a} and {b} can hardly be told apart: what holds for one should hold for the other."
        )
    if distance < 1.2:
        return (
            f"{a} and {b} differ noticeably: expect a somewhat lower accuracy where one was "
            "learnt from and the other is asked about."
        )
    return (
        f"{a} and {b} are easily told apart: an accuracy measured on one says little about the "
        "other. Learn from pictures of both kinds."
    )

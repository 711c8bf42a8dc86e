"""How far two parts of the pictures are from each other: indicators, not results."""

import numpy as np

from tl_core.approaches.probing.probe import Basis
from tl_core.errors import DatasetError
from tl_core.evaluation.folds import group_numbers
from tl_core.features.device import suited_threads
from tl_core.images import ImageSet
from tl_core.images.subsets import LEAST_COMPARED, SubsetFacts, parse_subset
from tl_core.runs.results.assessment import Similarity

LEAST_FRECHET = 10
MOST_PICTURES = 500  # of each part, drawn at random
CHANCE_DRAWS = 5


def compare_parts(
    images: ImageSet, features: np.ndarray, *, asked: tuple[str, str] | None, seed: int
) -> Similarity:
    """Compare two parts of an image set: training and test pictures, or those asked for.

    Args:
        images: All pictures.
        features: Raw features, float32 (N, D), a row per picture of `images.images` first.
        asked: The parts, as `subsets.parse_subset` reads them.
        seed: Of the folds and draws.

    Raises:
        DatasetError: If one part has too few pictures, or too few groups.
    """
    a, b = (parse_subset(text) for text in asked or ("split:train", "split:test"))
    facts = [
        SubsetFacts(one.name, images.class_names[one.label], one.split) for one in images.images
    ]
    rows_a = [row for row, one in enumerate(facts) if a.holds(one)]
    rows_b = [row for row, one in enumerate(facts) if b.holds(one) and not a.holds(one)]
    groups = group_numbers([images.images[row].group for row in [*rows_a, *rows_b]])
    found = distances(features[rows_a], features[rows_b], groups=groups, seed=seed)
    if found is None:
        raise DatasetError(
            f"Too few pictures to compare {a.title} ({len(rows_a)}) with {b.title} "
            f"({len(rows_b)}): each needs at least five, from more than one group."
        )
    proxy, frechet, chance = found
    return Similarity(
        a=str(a),
        b=str(b),
        n_a=len(rows_a),
        n_b=len(rows_b),
        proxy_a_distance=proxy,
        frechet=frechet,
        frechet_chance=chance,
        asked=asked is not None,
        drawn=asked is None and not images.test_given,
    )


def distances(
    features_a: np.ndarray,
    features_b: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[float, float | None, float | None] | None:
    """Return proxy A-distance, Fréchet distance, and what chance gives of the latter.

    Args:
        features_a: Raw features, float32 (n_a, D).
        features_b: float32 (n_b, D).
        groups: Group of each picture, first part then second, (n_a + n_b,).
        seed: Of the folds and draws.

    Returns:
        None if one part has fewer than five pictures, or groups forbid folds; the Fréchet
        distances are None with fewer than ten.
    """
    sizes = len(features_a), len(features_b)
    if min(sizes) < LEAST_COMPARED:
        return None
    random = np.random.default_rng(seed)
    rows_a, rows_b = (random.permutation(size)[:MOST_PICTURES] for size in sizes)
    features = np.concatenate([features_a[rows_a], features_b[rows_b]])
    part = np.repeat([0, 1], [len(rows_a), len(rows_b)])
    if groups is not None:
        groups = groups[np.concatenate([rows_a, sizes[0] + rows_b])]
    distance = proxy_a_distance(features, part, groups=groups)
    if distance is None:
        return None
    if min(sizes) < LEAST_FRECHET:
        return distance, None, None
    shuffled = [random.permutation(part) for _ in range(CHANCE_DRAWS)]
    frechet, *chance = (
        frechet_distance(features[p == 0], features[p == 1]) for p in (part, *shuffled)
    )
    return distance, frechet, float(np.mean(chance))


def proxy_a_distance(
    features: np.ndarray, part: np.ndarray, *, groups: np.ndarray | None = None
) -> float | None:
    """Return ``2 (1 - 2 error)`` of a linear classifier that tells the parts apart, in [0, 2].

    The error is measured without each picture's group, both parts counting equally; None if one of
    them is a single group.

    Source: Ben-David et al. (2007), "Analysis of Representations for Domain Adaptation".
    """
    with suited_threads(len(part)):
        fitted = Basis({"last": features}, groups).fit(part, 2)
    if not len(rows := fitted.measured):
        return None
    wrong, part = (fitted.out_of_group.argmax(axis=1) != part)[rows], part[rows]
    error = np.mean([wrong[part == number].mean() for number in (0, 1)])
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

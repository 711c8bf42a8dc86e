"""Folds for cross-validation: stratified, seeded; groups never separated.

A group is a set of pictures that show the same thing: copies, frames of one burst, pictures of
one patient.
"""

from collections.abc import Sequence

import numpy as np

Fold = tuple[np.ndarray, np.ndarray]
ATTEMPTS = 10  # at an order of groups in which every class is on both sides of every fold


def most_folds(labels: np.ndarray, groups: np.ndarray) -> int:
    """Return how many folds the smallest class allows: its groups.

    Classes of one group alone do not count, as they cannot be measured; 1 if fewer than two
    classes are left.
    """
    pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
    counts = np.bincount(pairs[:, 0])
    countable = counts[counts > 1]
    return int(countable.min()) if len(countable) > 1 else 1


def measurable(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return which pictures can be put aside with their group, bool (N,).

    Not those of a class that is one group alone, and not what stands with them; none if fewer than
    two classes are left.
    """
    _, group, counts = _counted(labels, groups)
    rows = ~_all_of_a_class(counts)[group]
    return rows & (len(np.unique(labels[rows])) > 1)


def make_folds(labels: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> list[Fold]:
    """Return (train, test) index pairs; no picture is in two test parts.

    Every picture that is `measurable` is in one test part, the others are learnt from in every
    fold. A class with fewer groups than `folds` lowers their number to its own, so that each fold
    leaves one group of it out.

    Args:
        labels: Class index of each picture, int64, shape (N,).
        groups: Group of each picture, shape (N,): one group never stands on both sides.
        folds: Wanted number; lowered to what the smallest class allows.
        seed: Same seed, same folds.

    Returns:
        The folds; none if fewer than two classes have more than one group.
    """
    allowed = min(folds, most_folds(labels, groups))
    if allowed < 2:
        return []
    if len(np.unique(groups)) == len(groups) and np.bincount(labels)[np.unique(labels)].min() > 1:
        from sklearn.model_selection import StratifiedKFold  # takes a second to import

        splitter = StratifiedKFold(allowed, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros(len(labels)), labels))
    return _grouped_folds(labels, groups, folds=allowed, seed=seed)


def group_numbers(groups: Sequence[str | None]) -> np.ndarray:
    """Return an index per group, int64 (N,); pictures without a group stand alone."""
    names = [name if name else f"\0{index}" for index, name in enumerate(groups)]
    return np.unique(names, return_inverse=True)[1]


def _grouped_folds(labels: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> list[Fold]:
    labels, groups, counts = _counted(labels, groups)
    kept = _all_of_a_class(counts)
    for attempt in range(ATTEMPTS):
        placed = _place(counts, folds, np.random.default_rng([seed, attempt]))
        placed[kept] = -1
        # groups that span classes may have met so that a class lies in one fold alone
        lost = [c for c in range(counts.shape[1]) if _in_one_fold(placed[counts[:, c] > 0])]
        if not lost:
            break
    for c in lost:
        placed[counts[:, c] > 0] = -1
    tested = placed[groups]
    rows = (
        (np.flatnonzero(tested != fold), np.flatnonzero(tested == fold)) for fold in range(folds)
    )
    found = [(train, test) for train, test in rows if len(test)]
    return found if len(found) > 1 else []


def _counted(labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels and groups numbered without gaps, and pictures by group and class."""
    _, labels = np.unique(labels, return_inverse=True)
    _, groups = np.unique(groups, return_inverse=True)
    counts = np.zeros((groups.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (groups, labels), 1)
    return labels, groups, counts


def _all_of_a_class(counts: np.ndarray) -> np.ndarray:
    """Return which groups hold all that some class has, bool (G,)."""
    return counts[:, (counts > 0).sum(axis=0) < 2].any(axis=1)


def _place(counts: np.ndarray, folds: int, random: np.random.Generator) -> np.ndarray:
    """Return a fold for each group: rare classes first, large groups first, always where least is.

    A fold that lacks a class gets a group of it before any other does, so a class with as many
    groups as there are folds has one in each.
    """
    size = counts.sum(axis=0)
    share = counts / size  # a picture of a rare class weighs more
    have = np.zeros((folds, counts.shape[1]))
    placed = np.full(len(counts), -1)
    order = random.permutation(len(counts))
    for c in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        for group in sorted(order[counts[order, c] > 0], key=lambda g: -counts[g, c]):
            if placed[group] >= 0:
                continue
            mine = counts[group] > 0
            fold = min(range(folds), key=lambda f: (have[f, mine].sum(), (have[f] * size).sum(), f))
            placed[group] = fold
            have[fold] += share[group]
    return placed


def _in_one_fold(folds: np.ndarray) -> bool:
    return -1 not in folds and len(np.unique(folds)) < 2

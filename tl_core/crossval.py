"""Folds for cross-validation: stratified, seeded, groups never separated.

It knows labels and groups, not pictures or models.
"""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

Fold = tuple[np.ndarray, np.ndarray]


def most_folds(labels: np.ndarray, groups: np.ndarray | None = None) -> int:
    """Return how many folds the smallest class allows: its pictures, or its groups."""
    if groups is None:
        return int(np.bincount(labels)[np.unique(labels)].min())
    return min(len(np.unique(groups[labels == label])) for label in np.unique(labels))


def make_folds(
    labels: np.ndarray, groups: np.ndarray | None = None, *, folds: int, seed: int
) -> list[Fold]:
    """Return (train, test) index pairs; every picture is in exactly one test part.

    Args:
        labels: Class index of each picture, int64, shape (N,).
        groups: Group of each picture, shape (N,): one group never stands on both sides.
        folds: Wanted number; lowered to what the smallest class allows.
        seed: Same seed, same folds.

    Returns:
        The folds; none if some class has only one picture or one group.
    """
    allowed = min(folds, most_folds(labels, groups))
    if allowed < 2:
        return []
    if groups is None:
        splitter = StratifiedKFold(allowed, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(allowed, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels, groups))


def group_numbers(groups: list[str | None]) -> np.ndarray | None:
    """Return an index per group; pictures without a group stand alone; None without any group."""
    if not any(groups):
        return None
    names = [name if name else f"\0{index}" for index, name in enumerate(groups)]
    return np.unique(names, return_inverse=True)[1]

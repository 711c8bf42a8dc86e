"""Which sources that file names speak of show in the pictures, too.

Pictures of one source are each other's nearest neighbours more often than chance would have it
among pictures of their class. Where names put a whole class into one group there is nothing to
compare with, and nothing is confirmed.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import betainc

from tl_core.images.groups.name_patterns import ENDINGS, name_patterns

BY_CHANCE = {ENDINGS: 0.02}  # most probable by chance, for a group of pictures
ALL_BY_CHANCE = 1e-3  # for all groups of a kind together
_BLOCK = 1024


def confirmed_sources(
    names: Sequence[str], labels: np.ndarray, unit: np.ndarray
) -> dict[str, list[list[int]]]:
    """Return by kind of pattern the groups, as rows, that names suggest and features confirm.

    Args:
        names: Path of each picture.
        labels: Its class, int64 (N,).
        unit: Features of length 1, float32 (N, D).
    """
    patterns = name_patterns(list(enumerate(names)))
    if not patterns:
        return {}
    nearest, others = _nearest_of_class(labels, unit)
    found = {}
    for pattern in patterns:
        groups = list(pattern.groups.values())
        parts = [[group] for group in groups] if pattern.kind in BY_CHANCE else [groups]
        limit = BY_CHANCE.get(pattern.kind, ALL_BY_CHANCE)
        sure = [
            group
            for part in parts
            if _chance(part, labels, nearest, others) <= limit
            for group in part
        ]
        if sure:
            found[pattern.kind] = sure
    return found


def _chance(
    groups: Sequence[Sequence[int]], labels: np.ndarray, nearest: np.ndarray, others: np.ndarray
) -> float:
    """Return how probable so many nearest neighbours within their group are by chance."""
    hits, expected, asked = 0, 0.0, 0
    for group in groups:
        for row in group:
            if others[row]:
                mates = (labels[list(group)] == labels[row]).sum() - 1
                expected += mates / others[row]
                hits += int(nearest[row]) in group
                asked += 1
    if not hits or expected >= asked:
        return 1.0
    return float(betainc(hits, asked - hits + 1, expected / asked))  # upper tail of the binomial


def _nearest_of_class(labels: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the most similar other picture of each one's class, -1 for none, and how many."""
    nearest, others = np.full(len(labels), -1), np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        others[rows] = len(rows) - 1
        for start in range(0, len(rows) if len(rows) > 1 else 0, _BLOCK):
            some = rows[start : start + _BLOCK]
            cosine = unit[some] @ unit[rows].T
            cosine[np.arange(len(some)), np.arange(len(some)) + start] = -2
            nearest[some] = rows[cosine.argmax(axis=1)]
    return nearest, others

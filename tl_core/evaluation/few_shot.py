"""How far a few pictures of each class go: the mean of each class's features as its prototype.

An episode draws some classes, a few pictures of each to learn from and fresh ones to answer; never
two of one group. Features are centred and brought to unit length.

Source: Snell et al. (2017), "Prototypical Networks", arXiv:1703.05175; Wang et al. (2019),
"SimpleShot", arXiv:1911.04623.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WAYS, ASKED = 5, 2  # classes of an episode at most; fresh pictures of each
EPISODES = 200


@dataclass(frozen=True)
class Episode:
    """Rows of the pictures `shown`, (K, shots), and `asked`, (K, ASKED), with what is `said`.

    `classes` are their labels, int64 (K,); `said` holds places in it.
    """

    classes: np.ndarray
    shown: np.ndarray
    asked: np.ndarray
    said: np.ndarray

    @property
    def accuracy(self) -> float:
        return float((self.said == np.arange(len(self.classes))[:, None]).mean())


def unit_features(last: np.ndarray) -> np.ndarray:
    """Return features of the last layer, (N, D), from their mean, with length 1."""
    centred = last - last.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def playable(labels: np.ndarray, groups: np.ndarray, shots: int) -> bool:
    """Whether two classes have groups enough for an episode."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    return bool((np.bincount(pairs[0]) >= shots + ASKED).sum() > 1)


def play(
    unit: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, shots: int, seed: Sequence[int]
) -> Episode:
    """Return one episode of what is `playable`.

    Args:
        unit: As `unit_features` returns them, (N, D).
        labels: int64 (N,).
        groups: Index of each picture's group, (N,).
        shots: Pictures of each class to learn from.
        seed: Draws it.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    series = (groups * (labels.max() + 1) + labels)[order]
    fresh = order[np.sort(np.unique(series, return_index=True)[1])]  # one of each group
    able = [c for c in np.unique(labels) if (labels[fresh] == c).sum() >= shots + ASKED]
    classes = np.sort(rng.permutation(able)[:WAYS])
    drawn = np.stack([fresh[labels[fresh] == c][: shots + ASKED] for c in classes])
    shown, asked = drawn[:, :shots], drawn[:, shots:]
    means = unit[shown].mean(axis=1)  # (K, D)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return Episode(classes, shown, asked, (unit[asked] @ means.T).argmax(axis=2))


def accuracies(
    unit: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, shots: int
) -> np.ndarray:
    """Return the accuracy of every episode of what is `playable`, (EPISODES,)."""
    seeds = ((shots, number) for number in range(EPISODES))
    games = (play(unit, labels, groups, shots=shots, seed=seed) for seed in seeds)
    return np.array([game.accuracy for game in games])

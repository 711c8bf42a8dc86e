"""How pictures are divided to measure networks, and what models fitted without them predict.

What takes long to fit is fitted once per fold; linear classifiers on features leave out one group
after the other, and answer the same pictures.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from tl_core.evaluation.folds import Fold, group_numbers, make_folds
from tl_core.images import LabelledImage
from tl_core.runs.events import Progress
from tl_core.runs.results.intervals import independent_pictures, out_of_fold_interval

FOLDS = 5


@dataclass(frozen=True)
class Division:
    """N pictures and how they are divided: `folds` of (train, test) rows, int64.

    A picture whose class cannot be measured (all of it is one group) is in no test part.
    """

    labels: np.ndarray  # int64 (N,)
    groups: np.ndarray  # int64 (N,)
    num_classes: int
    folds: tuple[Fold, ...]
    seed: int

    @property
    def rows(self) -> np.ndarray:
        """The pictures that are measured, int64 (n,), in ascending order."""
        return np.sort(np.concatenate([test for _, test in self.folds]))

    @property
    def groups_measured(self) -> int:
        """How many groups linear classifiers leave out in turn."""
        return len(np.unique(self.groups[self.rows]))

    @property
    def fold_numbers(self) -> np.ndarray:
        """Number of the fold that tests each picture, int64 (N,); -1 where none does."""
        numbers = np.full(len(self.labels), -1)
        for number, (_, test) in enumerate(self.folds):
            numbers[test] = number
        return numbers

    def measured(self, logits: np.ndarray) -> "OutOfFold":
        """Return what logits (N, K) say of the measured pictures."""
        return OutOfFold(logits[self.rows], self.labels[self.rows], self.groups[self.rows])


@dataclass(frozen=True)
class OutOfFold:
    """What was predicted for every measured picture by a model that was fitted without it."""

    logits: np.ndarray  # float32 (n, K), in the order of `Division.rows`
    labels: np.ndarray  # int64 (n,)
    groups: np.ndarray  # int64 (n,)

    def interval(self, *, folds: int) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy; for `folds` see `out_of_fold_interval`."""
        independent = independent_pictures(self.correct, self.groups)
        right, n = int(self.correct.sum()), len(self.labels)
        return out_of_fold_interval(right, n, folds=folds, independent=independent)

    @property
    def correct(self) -> np.ndarray:
        """Right or wrong, bool (n,)."""
        return self.logits.argmax(axis=1) == self.labels

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())


def divide(pictures: Sequence[LabelledImage], num_classes: int, *, seed: int) -> Division | None:
    """Divide the pictures; None if nothing can be put aside with something to learn from left.

    Args:
        pictures: All that are learnt from.
        num_classes: K.
        seed: Same seed, same division.
    """
    labels = np.array([picture.label for picture in pictures], dtype=np.int64)
    groups = group_numbers([picture.group for picture in pictures])
    folds = make_folds(labels, groups, folds=FOLDS, seed=seed)
    return Division(labels, groups, num_classes, tuple(folds), seed) if folds else None


Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def predict_out_of_fold(
    division: Division, predict: Predict
) -> Generator[Progress, None, OutOfFold]:
    """Let ``predict(train rows, test rows) -> logits (n, K)`` answer fold by fold."""
    logits = np.zeros((len(division.labels), division.num_classes), np.float32)
    for done, (train, test) in enumerate(division.folds, start=1):
        logits[test] = predict(train, test)
        yield Progress("assess", done, len(division.folds))
    return division.measured(logits)

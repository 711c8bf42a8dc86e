"""Out-of-fold answers over repeated rounds of folds, the same folds for whatever is compared.

It knows features, labels and folds. Everything that is fitted or chosen is so inside a fold.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from tl_core.evaluation.folds import Fold, repeated_folds

FOLDS = 5
REPEATS = 3
FEW_PICTURES = 300  # fewer are divided in several ways


@dataclass(frozen=True)
class Rounds:
    """How the pictures are divided: `folds` per repeat; `rows` are those that are measured.

    A picture whose class cannot be measured (all of it one group) is in no test part.
    """

    labels: np.ndarray  # int64 (N,)
    groups: np.ndarray | None  # (N,)
    num_classes: int
    folds: tuple[tuple[Fold, ...], ...]

    @property
    def rows(self) -> np.ndarray:
        return np.sort(np.concatenate([test for _, test in self.folds[0]]))

    @property
    def how(self) -> str:
        text = f"{len(self.folds[0])} folds"
        return f"{text}, divided in {len(self.folds)} ways" if len(self.folds) > 1 else text


@dataclass(frozen=True)
class Answers:
    """What was predicted for every measured picture.

    `logits` is float32 (R, n, K) in the order of `Rounds.rows`, R repeats; fewer than
    `Rounds.folds` has where a method had a budget for the first ones only.
    """

    logits: np.ndarray
    labels: np.ndarray  # int64 (n,)

    @property
    def correct(self) -> np.ndarray:
        """Right or wrong, bool (R, n)."""
        return self.logits.argmax(axis=2) == self.labels

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())


def make_rounds(
    labels: np.ndarray, groups: np.ndarray | None, num_classes: int, *, seed: int
) -> Rounds | None:
    """Divide the pictures; None if there is no way that leaves every class on both sides."""
    repeats = REPEATS if len(labels) < FEW_PICTURES else 1
    folds = repeated_folds(labels, groups, folds=FOLDS, repeats=repeats, seed=seed)
    if not folds:
        return None
    measured = [np.sort(np.concatenate([test for _, test in one])) for one in folds]
    same = [
        one for one, rows in zip(folds, measured, strict=True) if np.array_equal(rows, measured[0])
    ]
    return Rounds(labels, groups, num_classes, tuple(tuple(one) for one in same))


Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def answers_of(
    rounds: Rounds, predict: Predict, *, repeats: int | None = None
) -> Generator[tuple[int, int], None, Answers]:
    """Let ``predict(train rows, test rows) -> logits (n, K)`` answer fold by fold.

    Yields:
        Folds done and folds in total.
    """
    chosen = rounds.folds[:repeats]
    total, done = sum(len(one) for one in chosen), 0
    logits = np.zeros((len(chosen), len(rounds.labels), rounds.num_classes), np.float32)
    for repeat, folds in enumerate(chosen):
        for train, test in folds:
            logits[repeat, test] = predict(train, test)
            done += 1
            yield done, total
    return Answers(logits[:, rounds.rows], rounds.labels[rounds.rows])

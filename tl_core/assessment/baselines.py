"""What could be had without the pretrained model, on the same folds as the model itself.

It knows pictures as numbers and the folds; `looks` and `features` get the numbers.
"""

import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from tl_core.approaches.cross_validation import cross_validated_probe
from tl_core.assessment.small_network import BUDGET as SMALL_BUDGET
from tl_core.assessment.small_network import logits_of_small, train_small
from tl_core.evaluation.out_of_fold import Division, OutOfFold, Predict, predict_out_of_fold
from tl_core.features.device import one_thread_each
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import Measured
from tl_core.runs.results.intervals import out_of_fold_interval, wilson_interval

TITLES = {
    "majority": "Always the most frequent class",
    "colours": "Colours only",
    "random": "Same network, random weights",
    "small": "Small network from scratch",
    "transferred": "Pretrained model",
}
BUDGETS = {
    "majority": "looks at no picture",
    "colours": "a histogram of 64 colours per picture, and logistic regression",
    "random": "the architecture without what it learnt: frozen random weights, and the same "
    "classifier on top as the pretrained model has",
    "small": SMALL_BUDGET,
    "transferred": "frozen pretrained weights; which of their features to read and how to fit a "
    "linear classifier is chosen inside each fold",
}

Work = Generator[Progress, None, OutOfFold]


@dataclass(frozen=True)
class Bar:
    """A measured baseline: for the page, and with the answers that comparisons need."""

    measured: Measured
    answers: OutOfFold


def measure(name: str, division: Division, work: Work) -> Generator[Progress, None, Bar]:
    """Let `work` answer and count the result; `name` is one of `TITLES`."""
    began = time.perf_counter()
    answers = yield from work
    correct, n = int(answers.correct.sum()), len(answers.labels)
    measured = Measured(
        name=name,
        title=TITLES[name],
        accuracy=answers.accuracy,
        interval=_interval(name, correct, n, len(division.folds)),
        correct=correct,
        n=n,
        budget=BUDGETS[name],
        seconds=round(time.perf_counter() - began, 3),
        measured_on="pictures, each predicted by a model fitted without it "
        f"({how_divided(division)})",
        correct_per_image=tuple(answers.correct.tolist()),
    )
    return Bar(measured, answers)


def _interval(name: str, correct: int, n: int, folds: int) -> tuple[float, float]:
    if name == "majority":  # more pictures to learn from make it no better
        return wilson_interval(correct, n)
    return out_of_fold_interval(correct, n, folds=folds)


def majority(division: Division) -> Work:
    """Always answer with the most frequent class of the pictures to learn from."""

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        counts = np.bincount(division.labels[train], minlength=division.num_classes)
        return np.tile(np.log(counts / counts.sum() + 1e-9), (len(test), 1))

    return predict_out_of_fold(division, predict)


def colours(division: Division, shares: np.ndarray) -> Work:
    """Regression on roots of colour shares (N, 64), which makes small shares count."""
    return frozen(division, {"last": np.sqrt(shares)})


def frozen(division: Division, matrices: dict[str, np.ndarray]) -> Work:
    """The recommended classifier on features (N, D) of a frozen network, random or not."""
    views = {name: matrix[None] for name, matrix in matrices.items()}
    return (yield from cross_validated_probe(views, division, phase="assess")).answers


def small_network(division: Division, pictures: np.ndarray, *, seed: int) -> Work:
    """A small network per fold, trained side by side.

    Args:
        division: The folds.
        pictures: uint8 (N, 3, 64, 64).
        seed: Of weights and order.
    """

    def answer(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        network = train_small(
            pictures[train], division.labels[train], division.num_classes, seed=seed
        )
        return logits_of_small(network, pictures[test])

    workers = max(1, torch.get_num_threads())
    with one_thread_each(), ThreadPoolExecutor(workers) as pool:
        waiting: dict[bytes, Future] = {
            test.tobytes(): pool.submit(answer, train, test) for train, test in division.folds
        }
        try:
            answers = yield from predict_out_of_fold(division, _waiting(waiting))
        finally:  # whoever stopped asking waits for the networks under way, not for the others
            for future in waiting.values():
                future.cancel()
    return answers


def _waiting(results: dict[bytes, Future]) -> Predict:
    return lambda _train, test: results[test.tobytes()].result()


def how_divided(division: Division) -> str:
    if len(division.folds) == 1:
        return "one part held out"
    return f"{len(division.folds)} folds"

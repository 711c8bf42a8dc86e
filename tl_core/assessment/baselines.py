"""What could be had without the pretrained model, on the same folds as the model itself."""

from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from tl_core.approaches.probing.probe import Basis
from tl_core.assessment.small_network import BATCH, STEPS, logits_of_small, train_small
from tl_core.evaluation.out_of_fold import Division, OutOfFold, Predict, predict_out_of_fold
from tl_core.features.device import one_thread_each, suited_threads
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import Measured

Work = Generator[Progress, None, OutOfFold]


def measured(name: str, division: Division, answers: OutOfFold, *, seconds: float) -> Measured:
    """Count answers; `name` is one of `assessment.MEASURED`."""
    correct, n = int(answers.correct.sum()), len(answers.labels)
    # more pictures to learn from do not help where the most frequent class is always the answer
    folds = 1 if name == "majority" else len(division.folds)
    budget = {"steps": STEPS, "batch_size": BATCH} if name == "small" else {}
    return Measured(
        name=name,
        accuracy=answers.accuracy,
        interval=answers.interval(folds=folds),
        correct=correct,
        n=n,
        seconds=round(seconds, 3),
        correct_per_image=tuple(answers.correct.tolist()),
        **budget,
    )


def majority(division: Division) -> Work:
    """Always answer with the most frequent class of the pictures to learn from."""

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        counts = np.bincount(division.labels[train], minlength=division.num_classes)
        return np.tile(np.log(counts / counts.sum() + 1e-9), (len(test), 1))

    return predict_out_of_fold(division, predict)


def probe(division: Division, features: Mapping[str, np.ndarray]) -> OutOfFold:
    """Return the linear probe's answers for each picture without its group.

    Args:
        division: Whose pictures.
        features: Raw features by block, each float32 (N, D).
    """
    return _without(division.groups, division, features)


def probe_in_folds(division: Division, features: Mapping[str, np.ndarray]) -> OutOfFold:
    """Return its answers for each picture without its fold, to compare with what takes folds."""
    return _without(division.fold_numbers, division, features)


def _without(
    numbers: np.ndarray, division: Division, features: Mapping[str, np.ndarray]
) -> OutOfFold:
    with suited_threads(len(division.labels)):
        fitted = Basis(features, numbers).fit(division.labels, division.num_classes)
    return division.measured(fitted.out_of_group)


def small_network(division: Division, pictures: np.ndarray, *, seed: int) -> Work:
    """A small network per fold, trained side by side.

    Args:
        division: The folds.
        pictures: uint8 (N, 3, 64, 64).
        seed: Of weights and order.
    """

    def answer(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        labels, k = division.labels[train], division.num_classes
        network = train_small(pictures[train], labels, k, seed=seed)
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

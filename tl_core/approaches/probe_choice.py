"""Which features to read and how to fit the classifier, decided by cross-validation."""

import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from tl_core.approaches.probe import (
    CENTROIDS,
    DISCRIMINANTS,
    FEW_PER_CLASS,
    REGRESSIONS,
    LinearProbe,
    Method,
    all_views,
    fit_probe,
    fit_probes,
)
from tl_core.evaluation.calibration import fit_temperature
from tl_core.evaluation.folds import Fold
from tl_core.runs.events import CandidateScore, Event, Progress

Candidate = tuple[str, Method]


@dataclass(frozen=True)
class ProbeChoice:
    """Which features, which way to fit, and what divides the logits afterwards.

    `scores` holds the cross-validated accuracy of every candidate.
    """

    features: str
    method: Method
    temperature: float
    scores: dict[Candidate, float]

    def fit(
        self, features: np.ndarray, labels: np.ndarray, num_classes: int, *, balanced: bool = True
    ) -> LinearProbe:
        """Return the chosen classifier, fitted on raw features (N, D) of the chosen kind."""
        probe = fit_probe(features, labels, num_classes, method=self.method, balanced=balanced)
        return probe.cooled(self.temperature)


def choose_probe(
    matrices: dict[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    *,
    folds: list[Fold],
    balanced: bool = True,
) -> Generator[Event, None, ProbeChoice]:
    """Choose features, method and temperature by cross-validation.

    Accuracy decides; log-loss, at the best temperature, decides between equals. Without folds (a
    class has one picture) there is nothing to choose by: class centroids of the last layer.

    Args:
        matrices: Raw features by name ("last", "all"), each (V, N, D): V views of N pictures, the
            plain one first. All views are fitted on, only plain ones are measured on.
        labels: int64, shape (N,).
        num_classes: K.
        folds: Train and test indices into the rows.
        balanced: Whether every class counts equally in fitting.

    Yields:
        Progress in fits, and the score of every candidate once it is known.
    """
    if not folds:
        return ProbeChoice(features="last", method=CENTROIDS, temperature=1.0, scores={})
    few = np.bincount(labels)[np.unique(labels)].min() < FEW_PER_CLASS
    methods = (CENTROIDS,) if few else (*REGRESSIONS, *DISCRIMINANTS)
    total = len(matrices) * len(folds) * len(methods)
    tested = labels[np.concatenate([test for _, test in folds])]
    measured: dict[Candidate, _Measured] = {}
    done, began = 0, time.perf_counter()
    for name, matrix in matrices.items():
        logits: dict[Method, list[np.ndarray]] = {method: [] for method in methods}
        for train, test in folds:
            fits = fit_probes(
                *all_views(matrix, labels, train), num_classes, methods=methods, balanced=balanced
            )
            for method, probe in zip(methods, fits, strict=True):
                logits[method].append(probe.logits(matrix[0, test]))
                done += 1
                left = (time.perf_counter() - began) / done * (total - done)
                yield Progress("probe", done, total, left)
        for method, parts in logits.items():
            found = measured[name, method] = _measure(np.concatenate(parts), tested)
            yield CandidateScore("probe", name, method.name, method.amount, found.accuracy)
    best = max(measured, key=lambda key: (measured[key].accuracy, -measured[key].loss))
    return ProbeChoice(
        features=best[0],
        method=best[1],
        temperature=measured[best].temperature,
        scores={key: one.accuracy for key, one in measured.items()},
    )


@dataclass(frozen=True)
class _Measured:
    accuracy: float
    loss: float
    temperature: float


def _measure(logits: np.ndarray, labels: np.ndarray) -> _Measured:
    temperature = fit_temperature(logits, labels, unsure=1.0)
    scaled = (logits - logits.max(axis=1, keepdims=True)) / temperature
    true = scaled[np.arange(len(labels)), labels] - np.log(np.exp(scaled).sum(axis=1))
    accuracy = (logits.argmax(axis=1) == labels).mean()
    return _Measured(float(accuracy), float(-true.mean()), temperature)

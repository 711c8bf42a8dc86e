"""Linear classifiers on cached features: fitted in moments, chosen by cross-validation.

It knows matrices and labels. It does not know pictures, networks or files.
"""

import warnings
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tl_core.crossval import Fold, make_folds

C_GRID = (1e-3, 1e-2, 1e-1, 1.0)
FEW_PER_CLASS = 5  # below this, class centroids beat a fitted regression
CENTROID_SHARPNESS = 10.0
SMALL_PROBLEM = 1500  # pictures; below it threads wait for each other longer than they work


@dataclass(frozen=True)
class LinearProbe:
    """A classifier on standardised features.

    ``logits = normalised((x - mean) / scale) @ weight.T + bias``, where `normalised` divides by
    the L2 norm if `unit_length`. Shapes: mean, scale (D,); weight (K, D); bias (K,); float32.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    unit_length: bool = False

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return logits, float32 (N, K), of raw features (N, D)."""
        x = (features - self.mean) / self.scale
        if self.unit_length:
            x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        return x @ self.weight.T + self.bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return softmax(self.logits(features))


@dataclass(frozen=True)
class ProbeChoice:
    """Which features and which strength of regularisation (None: class centroids).

    `scores` holds the cross-validated accuracy of every candidate, by (features, strength).
    """

    features: str
    strength: float | None
    scores: dict[tuple[str, float | None], float]


def suited_threads(pictures: int) -> AbstractContextManager:
    """Return a context in which linear algebra on that many pictures is not slowed by threads."""
    return threadpool_limits(1 if pictures < SMALL_PROBLEM else None)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def fit_probe(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    strength: float | None,
    balanced: bool = True,
) -> LinearProbe:
    """Fit one classifier to convergence.

    Args:
        features: Raw features, float32, shape (N, D).
        labels: Class index, int64, shape (N,); a class that does not occur is never predicted.
        num_classes: K.
        strength: Inverse regularisation C of the logistic regression; None for centroids.
        balanced: Whether every class counts equally.
    """
    if strength is None:
        return _fit_centroids(features, labels, num_classes)
    path = _regression_path(features, labels, num_classes, strengths=(strength,), balanced=balanced)
    return next(path)


def _fit_centroids(features: np.ndarray, labels: np.ndarray, num_classes: int) -> LinearProbe:
    """Nearest centroid on centred features of unit length.

    Source: Wang et al. (2019), "SimpleShot", arXiv:1911.04623.
    """
    mean = features.mean(axis=0)
    scale = np.ones_like(mean)
    x = features - mean
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    weight = np.zeros((num_classes, features.shape[1]), np.float32)
    bias = np.full(num_classes, -1e4, np.float32)
    for label in np.unique(labels):
        centroid = x[labels == label].mean(axis=0)
        weight[label] = 2 * CENTROID_SHARPNESS * centroid
        bias[label] = -CENTROID_SHARPNESS * float(centroid @ centroid)
    return LinearProbe(mean, scale, weight, bias, unit_length=True)


def _regression_path(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    strengths: tuple[float, ...],
    balanced: bool,
    rounds: tuple[int, ...] = (1000,),
) -> Iterator[LinearProbe]:
    """Yield a logistic regression per strength (and per round), each started from the last.

    With fewer pictures than features the solver works in the pictures' own span: an L2-regularised
    solution lies in it, so the result is the same and comes many times faster.
    """
    space = _Space.of(features)
    present, positions = np.unique(labels, return_inverse=True)
    if len(present) == 1:
        yield _constant(space, present[0], num_classes)
        return
    solver = LogisticRegression(
        C=strengths[0], class_weight="balanced" if balanced else None, warm_start=True, tol=1e-3
    )
    for strength in strengths:
        for steps in rounds:
            solver.set_params(C=strength, max_iter=steps)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                solver.fit(space.coordinates, positions)
            yield space.probe(solver.coef_, solver.intercept_, present, num_classes)


@dataclass(frozen=True)
class _Space:
    """Standardised features in an orthonormal basis of their span (or as they are, if tall)."""

    mean: np.ndarray
    scale: np.ndarray
    coordinates: np.ndarray  # (N, R)
    basis: np.ndarray | None  # (D, R)

    @classmethod
    def of(cls, features: np.ndarray) -> "_Space":
        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 1e-6, scale, 1.0).astype(np.float32)
        x = ((features - mean) / scale).astype(np.float64)
        if len(x) >= x.shape[1]:
            return cls(mean, scale, x, None)
        values, vectors = np.linalg.eigh(x @ x.T)
        kept = values > values[-1] * 1e-10
        if not kept.any():  # all pictures look the same to this network
            return cls(mean, scale, np.zeros((len(x), 1)), np.zeros((x.shape[1], 1)))
        roots = np.sqrt(values[kept])
        return cls(mean, scale, vectors[:, kept] * roots, x.T @ (vectors[:, kept] / roots))

    def probe(
        self, weight: np.ndarray, bias: np.ndarray, present: np.ndarray, num_classes: int
    ) -> LinearProbe:
        if len(present) == 2:  # one row says how much more the second class is likely
            weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        if self.basis is not None:
            weight = weight @ self.basis.T
        full = np.zeros((num_classes, weight.shape[1]), np.float32)
        offset = np.full(num_classes, -1e4, np.float32)
        full[present], offset[present] = weight, bias
        return LinearProbe(self.mean, self.scale, full, offset)


def _constant(space: _Space, label: int, num_classes: int) -> LinearProbe:
    bias = np.full(num_classes, -1e4, np.float32)
    bias[label] = 0
    weight = np.zeros((num_classes, len(space.mean)), np.float32)
    return LinearProbe(space.mean, space.scale, weight, bias)


def all_views(
    matrix: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return every view of the named pictures, (V * n, D), and their labels, (V * n,)."""
    features = matrix[:, rows].reshape(-1, matrix.shape[2])
    return features, np.tile(labels[rows], len(matrix))


def fit_in_rounds(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    strength: float,
    balanced: bool,
    rounds: tuple[int, ...],
) -> Iterator[LinearProbe]:
    """Yield the regression after each round of solver steps, for a learning curve."""
    return _regression_path(
        features, labels, num_classes, strengths=(strength,), balanced=balanced, rounds=rounds
    )


def choose_probe(
    matrices: dict[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    *,
    folds: list[Fold],
    balanced: bool = True,
) -> ProbeChoice:
    """Choose features and regularisation by cross-validation; see `choosing_probe`."""
    choosing = choosing_probe(matrices, labels, num_classes, folds=folds, balanced=balanced)
    while True:
        try:
            next(choosing)
        except StopIteration as end:
            return end.value


def choosing_probe(
    matrices: dict[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    *,
    folds: list[Fold],
    balanced: bool = True,
) -> Generator[tuple[int, int], None, ProbeChoice]:
    """Choose features and regularisation by cross-validation.

    Accuracy decides; log-loss decides between equals. Without folds (a class has one picture)
    there is nothing to choose by: class centroids of the last layer.

    Args:
        matrices: Raw features by name ("last", "all"), each (V, N, D): V views of N pictures, the
            plain one first. All views are fitted on, only plain ones are measured on.
        labels: int64, shape (N,).
        num_classes: K.
        folds: Train and test indices into the rows.
        balanced: Whether every class counts equally in fitting.

    Yields:
        Fits done and fits in total.
    """
    if not folds:
        return ProbeChoice(features="last", strength=None, scores={})
    few = np.bincount(labels)[np.unique(labels)].min() < FEW_PER_CLASS
    strengths = (None,) if few else C_GRID
    hits: dict[tuple[str, float | None], float] = {}
    losses: dict[tuple[str, float | None], float] = {}
    done = 0
    for name, matrix in matrices.items():
        for train, test in folds:
            if few:
                path = iter([_fit_centroids(*all_views(matrix, labels, train), num_classes)])
            else:
                path = _regression_path(
                    *all_views(matrix, labels, train),
                    num_classes,
                    strengths=C_GRID,
                    balanced=balanced,
                )
            for strength, probe in zip(strengths, path, strict=False):
                probabilities = probe.probabilities(matrix[0, test])
                key = (name, strength)
                hit = (probabilities.argmax(axis=1) == labels[test]).sum()
                hits[key] = hits.get(key, 0) + hit
                loss = -np.log(np.maximum(probabilities[np.arange(len(test)), labels[test]], 1e-7))
                losses[key] = losses.get(key, 0) + loss.sum()
                done += 1
                yield done, len(matrices) * len(folds) * len(strengths)
    best = max(hits, key=lambda key: (hits[key], -losses[key]))
    measured = sum(len(test) for _, test in folds)
    scores = {key: float(hit / measured) for key, hit in hits.items()}
    return ProbeChoice(features=best[0], strength=best[1], scores=scores)


def out_of_fold(
    matrices: dict[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    *,
    folds: list[Fold],
    groups: np.ndarray | None = None,
    inner_folds: int = 3,
    seed: int = 0,
    balanced: bool = True,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (test indices, probabilities) per fold; everything is chosen inside the fold."""
    for train, test in folds:
        inside = None if groups is None else groups[train]
        inner = make_folds(labels[train], inside, folds=inner_folds, seed=seed)
        parts = {name: matrix[:, train] for name, matrix in matrices.items()}
        choice = choose_probe(parts, labels[train], num_classes, folds=inner, balanced=balanced)
        probe = fit_probe(
            *all_views(matrices[choice.features], labels, train),
            num_classes,
            strength=choice.strength,
            balanced=balanced,
        )
        yield test, probe.probabilities(matrices[choice.features][0, test])

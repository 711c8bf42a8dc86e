"""Linear classifiers on kept features: logistic regression, discriminant analysis, centroids.

With fewer pictures than features everything is solved in the pictures' own span: solutions with
an L2 penalty lie in it, so the result is the same and comes many times faster.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import solve
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from tl_core.evaluation.calibration import softmax

FEW_PER_CLASS = 5  # below this, class centroids beat a fitted regression
CENTROID_SHARPNESS = 10.0
NEVER = -1e4  # logit of a class that has no picture to learn from


@dataclass(frozen=True)
class LinearProbe:
    """A classifier on centred and scaled features.

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

    def cooled(self, temperature: float) -> "LinearProbe":
        """Return the classifier whose logits are those of this one divided by `temperature`."""
        return replace(self, weight=self.weight / temperature, bias=self.bias / temperature)


@dataclass(frozen=True)
class Method:
    """A way to fit a classifier, and how strongly it is held back from learning by heart.

    `name` is "regression" (logistic; `amount` is the inverse regularisation C), "discriminant"
    (linear discriminant analysis; `amount` is the shrinkage in (0, 1]) or "centroids".
    """

    name: str
    amount: float = 0.0


CENTROIDS = Method("centroids")
REGRESSIONS = tuple(Method("regression", c) for c in (1e-3, 1e-2, 1e-1, 1.0))
DISCRIMINANTS = tuple(Method("discriminant", share) for share in (0.1, 0.4))


def all_views(
    matrix: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return every view of the named pictures, (V * n, D), and their labels, (V * n,)."""
    features = matrix[:, rows].reshape(-1, matrix.shape[2])
    return features, np.tile(labels[rows], len(matrix))


def fit_probe(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    method: Method,
    balanced: bool = True,
) -> LinearProbe:
    """Fit one classifier to convergence.

    Args:
        features: Raw features, float32, shape (N, D).
        labels: Class index, int64, shape (N,); a class that does not occur is never predicted.
        num_classes: K.
        method: How.
        balanced: Whether every class counts equally.
    """
    return next(fit_probes(features, labels, num_classes, methods=(method,), balanced=balanced))


def fit_probes(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    methods: Sequence[Method],
    balanced: bool = True,
) -> Iterator[LinearProbe]:
    """Yield one classifier per method; what they have in common is computed once."""
    problem = _Problem.of(features, labels, num_classes, balanced)
    solver = problem.solver()  # each regression starts from the last
    for method in methods:
        if method.name == "centroids":
            yield _centroids(features, labels, num_classes)
        elif len(problem.present) == 1:
            yield problem.constant()
        elif method.name == "discriminant":
            yield problem.discriminant(method.amount)
        else:
            yield problem.regression(solver, method.amount)


def _centroids(features: np.ndarray, labels: np.ndarray, num_classes: int) -> LinearProbe:
    """Nearest centroid on centred features of unit length.

    Source: Wang et al. (2019), "SimpleShot", arXiv:1911.04623.
    """
    mean = features.mean(axis=0)
    scale = np.ones_like(mean)
    x = features - mean
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    weight = np.zeros((num_classes, features.shape[1]), np.float32)
    bias = np.full(num_classes, NEVER, np.float32)
    for label in np.unique(labels):
        centroid = x[labels == label].mean(axis=0)
        weight[label] = 2 * CENTROID_SHARPNESS * centroid
        bias[label] = -CENTROID_SHARPNESS * float(centroid @ centroid)
    return LinearProbe(mean, scale, weight, bias, unit_length=True)


@dataclass(frozen=True)
class _Problem:
    """Standardised features in an orthonormal basis of their span (or as they are, if tall)."""

    mean: np.ndarray
    scale: np.ndarray
    coordinates: np.ndarray  # (N, R)
    basis: np.ndarray | None  # (D, R)
    present: np.ndarray  # the P classes that occur
    positions: np.ndarray  # (N,), index into `present`
    num_classes: int
    balanced: bool

    @classmethod
    def of(
        cls, features: np.ndarray, labels: np.ndarray, num_classes: int, balanced: bool
    ) -> "_Problem":
        mean, scale = features.mean(axis=0), _scale(features)
        coordinates, basis = _span(((features - mean) / scale).astype(np.float64))
        present, positions = np.unique(labels, return_inverse=True)
        return cls(mean, scale, coordinates, basis, present, positions, num_classes, balanced)

    def solver(self) -> LogisticRegression:
        weights = "balanced" if self.balanced else None
        return LogisticRegression(class_weight=weights, warm_start=True, tol=1e-3)

    def regression(self, solver: LogisticRegression, c: float) -> LinearProbe:
        """Go on from where the solver stands."""
        solver.set_params(C=c, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            solver.fit(self.coordinates, self.positions)
        weight, bias = solver.coef_, solver.intercept_
        if len(self.present) == 2:  # one row says how much more the second class is likely
            weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        return self._probe(weight, bias)

    def discriminant(self, shrinkage: float) -> LinearProbe:
        """Linear discriminant analysis with a shrunken covariance within the classes.

        ``S = (1 - s) W + s tr(W) / R I``; ``w_k = S^-1 m_k``; ``b_k = log p_k - m_k w_k / 2``.

        Source: Friedman (1989), "Regularized Discriminant Analysis".
        """
        covariance = self._covariance(shrinkage)
        return self._from_directions(solve(covariance, self._means.T, assume_a="pos").T)

    def constant(self) -> LinearProbe:
        """Always answer with the only class there is."""
        return self._probe(np.zeros((1, self.coordinates.shape[1])), np.zeros(1))

    @cached_property
    def _shares(self) -> np.ndarray:
        """Weight of each class, (P,), summing to 1."""
        counts = np.bincount(self.positions)
        return np.full(len(counts), 1 / len(counts)) if self.balanced else counts / counts.sum()

    @cached_property
    def _means(self) -> np.ndarray:
        sums = np.zeros((len(self.present), self.coordinates.shape[1]))
        np.add.at(sums, self.positions, self.coordinates)
        return sums / np.bincount(self.positions)[:, None]  # (P, R)

    @cached_property
    def _within(self) -> np.ndarray:
        """Covariance within the classes, (R, R)."""
        x = self.coordinates - self._means[self.positions]
        weights = (self._shares / np.bincount(self.positions))[self.positions]
        return (x * weights[:, None]).T @ x

    def _covariance(self, shrinkage: float) -> np.ndarray:
        size = len(self._within)
        even = shrinkage * np.trace(self._within) / size + 1e-6
        return (1 - shrinkage) * self._within + even * np.eye(size)

    def _from_directions(self, weight: np.ndarray) -> LinearProbe:
        return self._probe(weight, np.log(self._shares) - (weight * self._means).sum(axis=1) / 2)

    def _probe(self, weight: np.ndarray, bias: np.ndarray) -> LinearProbe:
        if self.basis is not None:
            weight = weight @ self.basis.T
        full = np.zeros((self.num_classes, weight.shape[1]), np.float32)
        offset = np.full(self.num_classes, NEVER, np.float32)
        full[self.present], offset[self.present] = weight, bias
        return LinearProbe(self.mean, self.scale, full, offset)


def _scale(features: np.ndarray) -> np.ndarray:
    """Return what features are divided by: their deviation, and half a typical one more.

    Channels that hardly ever respond have next to no deviation in a few dozen pictures. Divided
    by that alone, the first new picture that they respond to is thousands of deviations away and
    they decide everything.

    Source: Tusher et al. (2001), "Significance analysis of microarrays", for the added constant.
    """
    deviation = features.std(axis=0)
    varying = deviation[deviation > 1e-6]
    typical = np.median(varying) if len(varying) else 2.0
    return (deviation + typical / 2).astype(np.float32)


def _span(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return coordinates (N, R) and an orthonormal basis (D, R); (x, None) if x is tall."""
    if len(x) >= x.shape[1]:
        return x, None
    values, vectors = np.linalg.eigh(x @ x.T)
    kept = values > values[-1] * 1e-10
    if not kept.any():  # all pictures look the same to this network
        return np.zeros((len(x), 1)), np.zeros((x.shape[1], 1))
    roots = np.sqrt(values[kept])
    return vectors[:, kept] * roots, x.T @ (vectors[:, kept] / roots)

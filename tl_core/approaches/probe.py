"""Linear classifiers on cached features: what they are, and the ways to fit one.

It knows matrices and labels. It does not know pictures, networks or files.
"""

from dataclasses import dataclass, replace

import numpy as np

from tl_core.evaluation.temperature import softmax

FEW_PER_CLASS = 5  # below this, class centroids beat a fitted regression


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

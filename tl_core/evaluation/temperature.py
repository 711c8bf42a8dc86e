"""How far logits must be stretched or shrunk so that probabilities mean what they say.

It knows logits and labels, nothing else.
"""

import math

import numpy as np
from scipy.optimize import minimize_scalar


def fit_temperature(logits: np.ndarray, labels: np.ndarray, *, unsure: float = 0.0) -> float:
    """Return T > 0 that makes ``softmax(logits / T)`` most likely, in [0.05, 20].

    Args:
        logits: Of pictures that the classifier was not fitted on, (N, K).
        labels: int64 (N,).
        unsure: Weight of one more picture that could be of any class. Without it, a few pictures
            that are all right would make every answer certain (after Platt 1999, "Probabilistic
            Outputs for Support Vector Machines", who smooths his targets for the same reason).

    Source: Guo et al. (2017), "On Calibration of Modern Neural Networks", arXiv:1706.04599.
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        top = scaled.max(axis=1)
        whole = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        any_class = (whole - scaled.mean(axis=1)).mean()
        return float((whole - scaled[rows, labels]).sum() + unsure * any_class)

    found = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded")
    return float(math.exp(found.x))


def softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)

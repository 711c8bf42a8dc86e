"""Scores from the literature that guess how well features suit labels; extras, not verdicts.

It knows a matrix of features and labels, nothing else.
"""

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

MOST_ROUNDS = 30


def h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """Return ``(1 - a) tr(cov_a(F)^-1 cov(E[F | y]))``: how much of the spread is between classes.

    ``cov_a = (1 - a) cov(F) + a tr(cov(F)) / D I``, a by Ledoit and Wolf. Without shrinkage, fewer
    pictures than features always give the number of classes less one.

    Args:
        features: float32 (N, D).
        labels: int64 (N,).

    Source: Bao et al. (2019), "An Information-Theoretic Approach to Transferability in Task
    Transfer Learning"; shrinkage: Ibrahim et al. (2021), "Newer is not always better",
    arXiv:2110.06893.
    """
    x = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    n, d = x.shape
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    shrinkage = ledoit_wolf_shrinkage(x, assume_centered=True)
    spread = (1 - shrinkage) * s**2 / n + shrinkage * (s**2).sum() / n / d
    total = 0.0
    for label in np.unique(labels):
        rows = labels == label
        mean = s * u[rows].mean(axis=0)  # of the class, in the features' directions
        total += rows.sum() / n * (mean**2 / np.maximum(spread, 1e-12)).sum()
    return float((1 - shrinkage) * total)


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Return the log evidence per picture of a Bayesian linear model, mean over the classes.

    Args:
        features: float32 (N, D).
        labels: int64 (N,).

    Source: You et al. (2021), "LogME: Practical Assessment of Pre-trained Models for Transfer
    Learning", arXiv:2102.11005.
    """
    f = features.astype(np.float64)
    u, s, _ = np.linalg.svd(f, full_matrices=False)
    n, d = f.shape
    squares = s**2
    evidences = []
    for label in np.unique(labels):
        y = (labels == label).astype(np.float64)
        z = u.T @ y  # y in the features' directions
        rest = max(0.0, float(y @ y - z @ z))
        alpha = beta = 1.0
        for _round in range(MOST_ROUNDS):
            before = alpha / beta
            gamma = (squares / (squares + before)).sum()
            weights = ((s * z / (squares + before)) ** 2).sum()
            residual = (((before / (squares + before)) * z) ** 2).sum() + rest
            alpha = gamma / (weights + 1e-12)
            beta = (n - gamma) / (residual + 1e-12)
            if abs(alpha / beta - before) <= 1e-5 * before:
                break
        ratio = alpha / beta
        weights = ((s * z / (squares + ratio)) ** 2).sum()
        residual = (((ratio / (squares + ratio)) * z) ** 2).sum() + rest
        logdet = np.log(alpha + beta * squares).sum() + (d - len(s)) * np.log(alpha)
        evidence = 0.5 * (
            n * np.log(beta)
            + d * np.log(alpha)
            - n * np.log(2 * np.pi)
            - beta * residual
            - alpha * weights
            - logdet
        )
        evidences.append(evidence / n)
    return float(np.mean(evidences))

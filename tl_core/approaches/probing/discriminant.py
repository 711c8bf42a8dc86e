"""Regularised linear discriminant analysis, and its answers without each group in closed form.

Both follow from ridge regression on the classes (Hastie, Buja & Tibshirani 1995, "Penalized
Discriminant Analysis"), of which leaving out is known in closed form (Allen 1974, "The
Relationship between Variable Selection and Data Augmentation and a Method for Prediction").
"""

from dataclasses import dataclass

import numpy as np

from tl_core.approaches.probing.principal_axes import PrincipalAxes

NEVER = -1e4  # logit of a class that has no picture to learn from
DIGITS = 9  # behind the point: where nothing tells classes apart, rounding must not
CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Classes:
    """Labels in the order of groups: index of each picture's class and group, both gapless."""

    position: np.ndarray
    group: np.ndarray
    balanced: bool

    @property
    def wanted(self) -> np.ndarray:
        """Class as columns, float64 (N, K)."""
        return np.eye(self.position.max() + 1)[self.position]


def directions(
    axes: PrincipalAxes, amount: float, classes: Classes
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of unit coordinates, (R, K), and bias, (K,), fitted on all pictures.

    With r the ridge regression on the classes, divided by their shares p, and G its class means,
    the discriminants are ``r A - diag(G A) / 2`` with ``A = (1 - p G)^-1``.
    """
    wanted = classes.wanted
    kept, shares = axes.kept(amount), wanted.mean(axis=0)
    ridge = kept[:, None] * (axes.unit.T @ wanted) / shares  # (R, K)
    means = (wanted.T @ axes.unit) @ ridge / wanted.sum(axis=0)[:, None]  # (K, K)
    turned = np.linalg.inv(np.eye(len(shares)) - shares[:, None] * means)
    bias = -np.einsum("kl,lk->k", means, turned) / 2
    return ridge @ turned, bias if classes.balanced else bias + np.log(shares)


def out_of_group(
    axes: PrincipalAxes, amount: float, classes: Classes, coordinates: np.ndarray
) -> np.ndarray:
    """Return logits of each picture by `directions` fitted without its group, (N, K).

    `coordinates` are ``axes.unit.T @ classes.wanted``, (R, K), the same for every amount.
    """
    wanted, group = classes.wanted, classes.group
    n, k = wanted.shape
    kept = axes.kept(amount)
    fitted = wanted.mean(axis=0) + axes.unit @ (kept[:, None] * coordinates)
    residuals = axes.without(amount).residuals(wanted - fitted)  # of the ridge regression
    alone = wanted - residuals  # its answers without the group
    sums = wanted.T @ fitted  # (K, K); `fitted` is also how much each picture adds to these
    logits = np.empty_like(wanted)
    per_chunk = max(1, CHUNK_BYTES // (8 * k * k))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for first in range(0, len(starts), per_chunk):
        begins = starts[first : first + per_chunk]
        end = starts[first + per_chunk] if first + per_chunk < len(starts) else n
        rows = slice(begins[0], end)
        own = group[rows] - group[begins[0]]

        def by_group(values: np.ndarray, begins=begins) -> np.ndarray:
            return np.add.reduceat(values, begins - begins[0], axis=0)

        counts = wanted.sum(axis=0) - by_group(wanted[rows])  # (G, K), of the others
        lost = fitted[rows][:, :, None] * residuals[rows][:, None, :]
        lost += wanted[rows][:, :, None] * alone[rows][:, None, :]
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        safe = np.maximum(shares, 1e-12)
        means = (sums - by_group(lost)) / np.maximum(counts, 1e-12)[:, :, None]
        means = (means / safe[:, None, :] - 1) * (counts > 0)[:, :, None] * (counts > 0)[:, None]
        turned = np.linalg.inv(np.eye(k) - shares[:, :, None] * means)
        bias = -np.einsum("gkl,glk->gk", means, turned) / 2
        if not classes.balanced:
            bias += np.log(safe)
        bias[counts == 0] = NEVER
        ridge = (alone[rows] / safe[own] - 1) * (counts > 0)[own]
        logits[rows] = (ridge[:, None] @ turned[own])[:, 0] + bias[own]
    return np.round(logits, DIGITS)

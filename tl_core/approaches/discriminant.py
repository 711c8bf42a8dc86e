"""Linear discriminant analysis on kept features, and its answer for each picture without its group.

What takes time, the principal axes of the pictures, needs no labels. After that labels may change
at will: fitting, and leaving each group out, are small matrix products. Regularised discriminant
analysis follows from ridge regression on the classes (Hastie, Buja & Tibshirani 1995, "Penalized
Discriminant Analysis"), of which leaving out is known in closed form (Allen 1974, "The
Relationship between Variable Selection and Data Augmentation and a Method for Prediction").

The last layer and what comes before it get a classifier each; how much each counts is fitted to
their answers out of group (Breiman 1996, "Stacked Regressions"). In sum they are one linear
classifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tl_core.approaches.principal_axes import PrincipalAxes
from tl_core.evaluation.calibration import fit_temperature, log_loss, softmax
from tl_core.evaluation.folds import make_folds, measurable

AMOUNTS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)  # of regularisation; pictures have length 1
NEVER = -1e4  # logit of a class that has no picture to learn from
UNSURE = 1.0  # pictures that could be of any class, see `fit_temperature`
FOLDS = 5  # for the optimism of choosing
CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on raw features: ``logits = (x - mean) / scale @ weight.T + bias``.

    Shapes: mean, scale (D,); weight (K, D); bias (K,); float32.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return logits, float32 (N, K), of raw features (N, D)."""
        return (features - self.mean) / self.scale @ self.weight.T + self.bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return softmax(self.logits(features))


@dataclass(frozen=True)
class DiscriminantFit:
    """A fitted classifier, and how it was chosen.

    Args:
        probe: Fitted on all pictures; reads the blocks side by side.
        out_of_group: Logits of every picture by a classifier fitted without its group, (N, K).
        measured: Pictures that can be measured so, int64 (n,).
        groups: How many groups these are.
        scores: Accuracy out of group by part ("last", "stages") and amount of regularisation.
        optimism: Accuracy out of group, less what it is where a picture's answer is no reason to
            choose regularisation and weights; a fraction.
    """

    probe: LinearProbe
    out_of_group: np.ndarray
    measured: np.ndarray
    groups: int
    scores: dict[tuple[str, float], float]
    optimism: float


class Basis:
    """N pictures in the coordinates of their principal axes; needs no labels.

    Args:
        features: Raw features by block, each float32 (N, D of the block), in the order in which
            the fitted classifier reads them.
        groups: Index of each picture's group, int64 (N,); None if every picture is its own.
    """

    def __init__(self, features: Mapping[str, np.ndarray], groups: np.ndarray | None = None):
        size = len(next(iter(features.values())))
        groups = np.arange(size) if groups is None else groups
        self.blocks = tuple(features)
        self.order = np.argsort(groups, kind="stable")  # groups lie together from here on
        self.groups = np.unique(groups[self.order], return_inverse=True)[1]
        stages = {name: block for name, block in features.items() if name != "last"}
        parts = {"last": {name: features[name] for name in features if name not in stages}}
        parts["stages"] = stages
        self.parts = {
            name: PrincipalAxes({n: block[self.order] for n, block in part.items()}, self.groups)
            for name, part in parts.items()
            if part
        }

    def fit(
        self,
        labels: np.ndarray,
        num_classes: int,
        *,
        balanced: bool = True,
        plain: int | None = None,
    ) -> DiscriminantFit:
        """Fit and measure; what is most likely out of group is chosen.

        Args:
            labels: Class index, int64, shape (N,); a class that does not occur is never predicted.
            num_classes: K.
            balanced: Whether every class counts equally, whatever its size.
            plain: The first so many pictures are measured; the others are views of them.
        """
        there, position = np.unique(labels[self.order], return_inverse=True)
        classes = _Classes(position, self.groups, balanced)
        can = measurable(position, self.groups)
        can &= self.order < (len(labels) if plain is None else plain)
        candidates = {
            (name, amount): _out_of_group(axes, amount, classes)
            for name, axes in self.parts.items()
            for amount in AMOUNTS
        }
        rows = np.flatnonzero(can if can.any() else np.ones_like(can))
        weights = _chosen(candidates, position, rows)
        logits = _weighted(candidates, weights)
        right = logits.argmax(axis=1) == position
        optimism = 0.0
        if can.any():
            optimism = right[rows].mean() - self._cross_fitted(candidates, position, rows)
        full = np.full((len(labels), num_classes), NEVER, np.float32)
        full[np.ix_(self.order, there)] = logits
        measured = np.sort(self.order[can])
        return DiscriminantFit(
            probe=self._probe(weights, classes, there, num_classes),
            out_of_group=full[:plain],
            measured=measured,
            groups=len(np.unique(self.groups[can])),
            scores={
                key: float((answers[rows].argmax(axis=1) == position[rows]).mean())
                for key, answers in candidates.items()
            },
            optimism=float(optimism),
        )

    def _cross_fitted(self, candidates, position: np.ndarray, rows: np.ndarray) -> float:
        """Return the accuracy where others' answers choose regularisation and weights."""
        right = np.zeros(len(rows))
        for others, mine in make_folds(position[rows], self.groups[rows], folds=FOLDS, seed=0):
            weights = _chosen(candidates, position, rows[others])
            answers = _weighted(candidates, weights)[rows[mine]]
            right[mine] = answers.argmax(axis=1) == position[rows[mine]]
        return right.mean()

    def _probe(self, weights, classes: "_Classes", there, num_classes: int) -> LinearProbe:
        blocks: dict[str, np.ndarray] = {}
        bias = np.zeros(len(there))
        for (name, amount), share in weights.items():
            axes = self.parts[name]
            direction, offset = _directions(axes, amount, classes)  # (R, K), (K,)
            bias += share * offset
            found = axes.weights(share * direction)
            blocks |= {block: weight for block, weight in found.items()}
        weight = np.zeros((num_classes, sum(len(one) for one in blocks.values())), np.float32)
        weight[there] = np.concatenate([blocks[name] for name in self.blocks]).T
        scalings = {k: v for axes in self.parts.values() for k, v in axes.scaling.items()}
        full = np.full(num_classes, NEVER, np.float32)
        full[there] = bias
        mean, scale = (
            np.concatenate([scalings[name][part] for name in self.blocks]).astype(np.float32)
            for part in (0, 1)
        )
        return LinearProbe(mean, scale, weight, full)


@dataclass(frozen=True)
class _Classes:
    """Labels in the order of groups: index of each picture's class and group, both gapless."""

    position: np.ndarray
    group: np.ndarray
    balanced: bool

    @property
    def wanted(self) -> np.ndarray:
        """Class as columns, float64 (N, K)."""
        return np.eye(self.position.max() + 1)[self.position]


def _chosen(candidates, labels: np.ndarray, rows: np.ndarray) -> dict[tuple[str, float], float]:
    """Return a candidate of each part, and how much its logits count, by what is most likely."""
    best: dict[str, tuple[float, float, float]] = {}
    for (part, amount), logits in candidates.items():
        temperature = fit_temperature(logits[rows], labels[rows], unsure=UNSURE)
        loss = log_loss(logits[rows] / temperature, labels[rows], unsure=UNSURE)[0]
        if part not in best or loss < best[part][0]:
            best[part] = loss, amount, temperature
    keys = [(part, amount) for part, (_, amount, _) in best.items()]
    if len(keys) == 1:
        return {keys[0]: 1 / best[keys[0][0]][2]}
    answers = np.stack([candidates[key][rows] for key in keys])  # (parts, n, K)

    def loss(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        shares = np.exp(logarithms)
        value, slopes = log_loss(np.tensordot(shares, answers, 1), labels[rows], unsure=UNSURE)
        return value, np.tensordot(answers, slopes, 2) * shares

    start = [-np.log(len(keys) * temperature) for _, _, temperature in best.values()]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-8, 5)] * len(keys))
    return dict(zip(keys, np.exp(found.x).tolist(), strict=True))


def _weighted(candidates, weights: Mapping[tuple[str, float], float]) -> np.ndarray:
    return sum(share * candidates[key] for key, share in weights.items())


def _directions(
    axes: PrincipalAxes, amount: float, classes: _Classes
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


def _out_of_group(axes: PrincipalAxes, amount: float, classes: _Classes) -> np.ndarray:
    """Return logits of each picture by `_directions` fitted without its group, (N, K)."""
    wanted, group = classes.wanted, classes.group
    n, k = wanted.shape
    kept = axes.kept(amount)
    coordinates = axes.unit.T @ wanted  # (R, K)
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
        shares = counts / counts.sum(axis=1, keepdims=True)
        safe = np.maximum(shares, 1e-12)
        means = (sums - by_group(lost)) / np.maximum(counts, 1e-12)[:, :, None]
        means = (means / safe[:, None, :] - 1) * (counts > 0)[:, :, None] * (counts > 0)[:, None]
        turned = np.linalg.inv(np.eye(k) - shares[:, :, None] * means)
        bias = -np.einsum("gkl,glk->gk", means, turned) / 2
        if not classes.balanced:
            bias += np.log(safe)
        bias[counts == 0] = NEVER
        ridge = (alone[rows] / safe[own] - 1) * (counts > 0)[own]
        logits[rows] = np.einsum("nk,nkl->nl", ridge, turned[own]) + bias[own]
    return logits

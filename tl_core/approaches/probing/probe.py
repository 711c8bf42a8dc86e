"""A linear classifier on kept features, and its answer for each picture without its group.

What takes time, the principal axes of the pictures, needs no labels. After that labels may change
at will: fitting, and leaving each group out, are small matrix products.

The last layer and what comes before it get a classifier each; how much each counts is fitted to
their answers out of group (Breiman 1996, "Stacked Regressions"). In sum they are one linear
classifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tl_core.approaches.probing.discriminant import NEVER, Classes, directions, out_of_group
from tl_core.approaches.probing.principal_axes import PrincipalAxes
from tl_core.backbones.scales import LARGE
from tl_core.evaluation.calibration import fit_temperature, log_loss, softmax
from tl_core.evaluation.folds import make_folds, measurable

# Of regularisation; pictures have length 1.
AMOUNTS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
START = AMOUNTS.index(0.1)  # where the search begins
UNSURE = 1.0  # pictures that could be of any class, see `fit_temperature`
FOLDS = 5  # for the optimism of choosing


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
class ProbeFit:
    """A fitted classifier, and how it was chosen.

    Args:
        probe: Fitted on all pictures; reads the blocks side by side.
        out_of_group: Logits of every picture by a classifier fitted without its group, (N, K).
        measured: Pictures that can be measured so, int64 (n,).
        groups: How many groups these are.
        scores: Accuracy out of group by part ("last", "stages", and `LARGE` ones) and amount of
            regularisation.
        optimism: Accuracy out of group, less what it is where a picture's answer is no reason to
            choose regularisation and weights; a fraction, None if it was not asked for.
    """

    probe: LinearProbe
    out_of_group: np.ndarray
    measured: np.ndarray
    groups: int
    scores: dict[tuple[str, float], float]
    optimism: float | None = None


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
        parts: dict[str, dict[str, np.ndarray]] = {"last": {}}
        for name, block in features.items():
            scale = LARGE if name.startswith(LARGE) else ""
            part = scale + ("last" if name.endswith("last") else "stages")
            parts.setdefault(part, {})[name] = block
        self.parts = {
            name: PrincipalAxes(part, self.groups, self.order)
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
        measure_optimism: bool = False,
    ) -> ProbeFit:
        """Fit and measure; what is most likely out of group is chosen.

        Args:
            labels: Class index, int64, shape (N,); a class that does not occur is never predicted.
            num_classes: K.
            balanced: Whether every class counts equally, whatever its size.
            plain: The first so many pictures are measured; the others are views of them.
            measure_optimism: Whether to fill in `ProbeFit.optimism`.
        """
        there, position = np.unique(labels[self.order], return_inverse=True)
        classes = Classes(position, self.groups, balanced)
        can = measurable(position, self.groups)
        can &= self.order < (len(labels) if plain is None else plain)
        rows = np.flatnonzero(can if can.any() else np.ones_like(can))
        tried = [
            one for name, axes in self.parts.items() for one in _tried(name, axes, classes, rows)
        ]
        weights = _chosen(tried, position, rows)
        logits = _weighted(tried, weights)
        optimism = None
        if measure_optimism and can.any():
            right = (logits[rows].argmax(axis=1) == position[rows]).mean()
            optimism = float(right - self._cross_fitted(tried, position, rows))
        full = np.full((len(labels), num_classes), NEVER, np.float32)
        full[np.ix_(self.order, there)] = logits
        return ProbeFit(
            probe=self._probe(weights, classes, there, num_classes),
            out_of_group=full[:plain],
            measured=np.sort(self.order[can]),
            groups=len(np.unique(self.groups[can])),
            scores={
                one.key: float((one.logits[rows].argmax(axis=1) == position[rows]).mean())
                for one in tried
            },
            optimism=optimism,
        )

    def _cross_fitted(
        self, tried: Sequence["_Candidate"], position: np.ndarray, rows: np.ndarray
    ) -> float:
        """Return the accuracy where others' answers choose regularisation and weights."""
        right = np.zeros(len(rows))
        for others, mine in make_folds(position[rows], self.groups[rows], folds=FOLDS, seed=0):
            again = [one.on(position, rows[others]) for one in tried]
            weights = _chosen(again, position, rows[others])
            answers = _weighted(tried, weights)[rows[mine]]
            right[mine] = answers.argmax(axis=1) == position[rows[mine]]
        return right.mean()

    def _probe(
        self,
        weights: Mapping[tuple[str, float], float],
        classes: Classes,
        there: np.ndarray,
        num_classes: int,
    ) -> LinearProbe:
        """Return the sum of the parts' classifiers as one, on the blocks side by side."""
        blocks: dict[str, np.ndarray] = {}
        bias = np.zeros(len(there))
        for (name, amount), share in weights.items():
            axes = self.parts[name]
            direction, offset = directions(axes, amount, classes)  # (R, K), (K,)
            bias += share * offset
            found = axes.weights(share * direction)
            blocks |= found
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
class _Candidate:
    """Logits out of group, (N, K), of one part at one amount of regularisation.

    `loss` says how unlikely the labels of some pictures are at the best `temperature`.
    """

    part: str
    amount: float
    logits: np.ndarray
    loss: float
    temperature: float

    @classmethod
    def of(
        cls, part: str, amount: float, logits: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> "_Candidate":
        """Return a candidate with its loss on `rows`."""
        some, wanted = logits[rows], labels[rows]
        temperature = fit_temperature(some, wanted, unsure=UNSURE)
        loss = log_loss(some / temperature, wanted, unsure=UNSURE)[0]
        return cls(part, amount, logits, loss, temperature)

    @property
    def key(self) -> tuple[str, float]:
        return self.part, self.amount

    def on(self, labels: np.ndarray, rows: np.ndarray) -> "_Candidate":
        """Return the same with its loss on other rows."""
        return self.of(self.part, self.amount, self.logits, labels, rows)


def _tried(part: str, axes: PrincipalAxes, classes: Classes, rows: np.ndarray) -> list[_Candidate]:
    """Return candidates around the most likely amount: the loss falls towards it and then rises."""
    tried: dict[int, _Candidate] = {}
    coordinates = axes.unit.T @ classes.wanted  # (R, K)

    def loss(index: int) -> float:
        if index not in tried:
            logits = out_of_group(axes, AMOUNTS[index], classes, coordinates)
            tried[index] = _Candidate.of(part, AMOUNTS[index], logits, classes.position, rows)
        return tried[index].loss

    best, now = START, None
    while best != now:
        now = best
        best = min(range(max(0, now - 1), min(len(AMOUNTS), now + 2)), key=loss)
    return list(tried.values())


def _chosen(
    tried: Sequence[_Candidate], labels: np.ndarray, rows: np.ndarray
) -> dict[tuple[str, float], float]:
    """Return a candidate of each part, and how much its logits count, by what is most likely.

    Args:
        tried: With their loss on `rows`.
        labels: int64 (N,).
        rows: Pictures to choose by.
    """
    parts = dict.fromkeys(one.part for one in tried)
    best = [
        min((one for one in tried if one.part == part), key=lambda one: one.loss) for part in parts
    ]
    keys = [one.key for one in best]
    temperatures = np.array([one.temperature for one in best])
    if len(keys) == 1:
        return {keys[0]: 1 / temperatures[0]}
    answers = np.stack([one.logits[rows] for one in best])  # (parts, n, K)

    def loss_of(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        shares = np.exp(logarithms)
        value, slopes = log_loss(np.tensordot(shares, answers, 1), labels[rows], unsure=UNSURE)
        return value, np.tensordot(answers, slopes, 2) * shares

    start, bounds = -np.log(len(keys) * temperatures), [(-8, 5)] * len(keys)
    found = minimize(loss_of, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return dict(zip(keys, np.exp(found.x).tolist(), strict=True))


def _weighted(
    tried: Sequence[_Candidate], weights: Mapping[tuple[str, float], float]
) -> np.ndarray:
    logits = {one.key: one.logits for one in tried}
    return sum(share * logits[key] for key, share in weights.items())

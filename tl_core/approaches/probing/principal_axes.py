"""Pictures in the coordinates of their principal axes, and ridge regression without each group.

Sources: Hoerl & Kennard (1970), "Ridge Regression"; Saunders et al. (1998), "Ridge Regression
Learning Algorithm in Dual Variables"; Pahikkala et al. (2006), "Fast n-Fold Cross-Validation for
Regularized Least-Squares".
"""

from collections.abc import Mapping

import numpy as np

MOST_LANDMARKS = 1000  # pictures whose span holds the classifier
CHUNK = 512  # pictures whose features are in memory twice at once
SMALLEST = 1e-10  # squared length of an axis, of the longest
ROUNDING = 1e-3  # deviation, of the mean, that comes from computing in batches (bfloat16)
NEXT_TO_NOTHING = 1e-4  # the same, of a typical feature of the block
NO_SAY = 1e12  # divisor of features that say nothing


class PrincipalAxes:
    """N pictures in the R coordinates of their principal axes.

    Features are centred and scaled, and every block has the same say: on average a picture has
    length 1. With more than `MOST_LANDMARKS` pictures the classifier is sought in the span of that
    many of them (Williams & Seeger 2001, "Using the Nyström Method to Speed Up Kernel Machines").

    Args:
        features: Raw features by block, each float32 (N, D of the block).
        groups: Index of each picture's group, ascending, int64 (N,).
        order: Rows of the features, int64 (N,), in the order of the groups; None if they are.
    """

    def __init__(
        self,
        features: Mapping[str, np.ndarray],
        groups: np.ndarray,
        order: np.ndarray | None = None,
    ) -> None:
        size = len(groups)
        order = np.arange(size) if order is None else order
        self._groups = groups
        self.scaling = {name: _scaling(block, len(features)) for name, block in features.items()}
        landmarks = np.arange(size)
        if size > MOST_LANDMARKS:
            landmarks = np.sort(np.random.default_rng(0).permutation(size)[:MOST_LANDMARKS])
        similar = np.zeros((size, len(landmarks)))
        self._landmarks: dict[str, np.ndarray] = {}
        number = np.float64 if size <= MOST_LANDMARKS else np.float32
        for name, block in features.items():
            mean, scale = (one.astype(number) for one in self.scaling[name])
            chosen = (block[order[landmarks]] - mean) / scale
            self._landmarks[name] = chosen.astype(np.float32)
            for start in range(0, size, CHUNK):
                rows = slice(start, start + CHUNK)
                similar[rows] += (block[order[rows]] - mean) / scale @ chosen.T
        strength, axes = _eigen(similar[landmarks])
        to_axes = axes / np.sqrt(strength)  # (M, R)
        coordinates = similar @ to_axes  # (N, R)
        del similar  # as large again
        if size > MOST_LANDMARKS:
            strength, turned = _eigen(coordinates.T @ coordinates)
            to_axes, coordinates = to_axes @ turned, coordinates @ turned
        self.strength = strength  # squared lengths of the axes, (R,)
        coordinates /= np.sqrt(strength)
        self.unit = coordinates  # (N, R), orthonormal columns
        self._to_unit = to_axes / np.sqrt(strength)  # (M, R)
        self._without: dict[float, Without] = {}

    def kept(self, amount: float) -> np.ndarray:
        """Return what regularisation leaves of each axis, (R,), in (0, 1)."""
        return self.strength / (self.strength + amount)

    def without(self, amount: float) -> "Without":
        """Return what leaves groups out at this amount of regularisation; computed once."""
        if amount not in self._without:
            self._without[amount] = Without(self.unit, self.kept(amount), self._groups)
        return self._without[amount]

    def weights(self, direction: np.ndarray) -> dict[str, np.ndarray]:
        """Return weights of scaled features by block, (D, K), for weights of `unit`, (R, K)."""
        of_landmarks = (self._to_unit @ direction).astype(np.float32)
        return {name: rows.T @ of_landmarks for name, rows in self._landmarks.items()}


class Without:
    """Residuals of ridge regression for each picture without its group, at one regularisation.

    With H the matrix that turns targets into fitted values, leaving the group g out changes its
    residuals from e to ``(I - H_gg)^-1 e``: only the block of the group itself is needed.

    Args:
        unit: Orthonormal coordinates, (N, R).
        kept: What regularisation leaves of each axis, (R,).
        groups: Index of each picture's group, ascending, (N,).
    """

    def __init__(self, unit: np.ndarray, kept: np.ndarray, groups: np.ndarray) -> None:
        constant = 1 / len(unit)  # of the intercept
        least = 1e-12  # of what is left where a group is all there is
        self._alone = 1 / np.maximum(1 - constant - unit**2 @ kept, least)[:, None]
        self._together: list[tuple[np.ndarray, np.ndarray]] = []  # (G, m), (G, m, m)
        _, starts, sizes = np.unique(groups, return_index=True, return_counts=True)
        for size in np.unique(sizes[sizes > 1]):
            rows = starts[sizes == size][:, None] + np.arange(size)
            some = unit[rows]  # (G, m, R)
            within = constant + (some * kept) @ some.transpose(0, 2, 1)
            self._together.append((rows, np.linalg.inv((1 + least) * np.eye(size) - within)))

    def residuals(self, fitted: np.ndarray) -> np.ndarray:
        """Return residuals without each picture's group, (N, K), of those with it."""
        out = fitted * self._alone
        for rows, inverse in self._together:
            out[rows] = inverse @ fitted[rows]
        return out


def _eigen(similar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positive eigenvalues (R,) and eigenvectors (M, R) of a symmetric matrix (M, M)."""
    values, vectors = np.linalg.eigh(similar)
    kept = values > max(values[-1], 1e-12) * SMALLEST
    return values[kept], vectors[:, kept]


def _scaling(block: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and divisor of features (N, D): deviation and half a typical one, and length.

    Channels that hardly ever respond have next to no deviation in a few dozen pictures. Divided
    by that alone, the first new picture that they respond to is thousands of deviations away and
    they decide everything. What varies by rounding only has no say: it tells in which batch a
    picture was computed, so also its class where pictures come class by class.

    Source: Tusher et al. (2001), "Significance analysis of microarrays", for the added constant.
    """
    mean = block.mean(axis=0, dtype=np.float64)
    squares = np.zeros(len(mean))
    for start in range(0, len(block), CHUNK):
        squares += ((block[start : start + CHUNK] - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / len(block))
    size = np.sqrt(np.mean(mean**2 + deviation**2))
    varies = deviation > np.maximum(ROUNDING * np.abs(mean), NEXT_TO_NOTHING * size)
    typical = np.median(deviation[varies]) if varies.any() else 2.0
    divisor = deviation + typical / 2
    length = np.sqrt(((deviation / divisor)[varies] ** 2).sum() * blocks)
    heard = varies | (deviation == 0)
    return mean, np.where(heard, divisor * max(length, 1e-6), NO_SAY)

"""Classes that look like one, classes that look like two, pictures unlike the rest."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from tl_core.backbones.unlike import NEIGHBOURS
from tl_core.features.device import suited_threads

ALIKE = 0.35  # share of two classes' pictures that are taken for the other one's
LEAST = 10  # pictures of a class that is compared or divided
MOST = 400  # that are divided
AXES = 10  # principal axes in which a class is divided
APART = 0.09  # silhouette of a class in two, more than that of a cloud without any parts
FAR = 4.0  # robust deviations of the distance to the nearest pictures


def similar_classes(
    probabilities: np.ndarray, labels: np.ndarray, measured: np.ndarray
) -> list[tuple[int, int, float]]:
    """Return pairs of classes and the share of their pictures that is taken for the other's.

    Args:
        probabilities: Out of group, (N, K).
        labels: int64 (N,).
        measured: Which pictures count, bool (N,).
    """
    classes = [c for c in np.unique(labels) if (measured & (labels == c)).sum() >= LEAST]
    found = []
    for place, a in enumerate(classes):
        for b in classes[place + 1 :]:
            wrong = [
                (probabilities[measured & (labels == one)][:, [one, other]] @ [-1, 1] > 0).mean()
                for one, other in ((a, b), (b, a))
            ]
            if np.mean(wrong) >= ALIKE:
                found.append((int(a), int(b), float(np.mean(wrong))))
    return sorted(found, key=lambda pair: -pair[2])


def split_classes(
    last: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Return classes in two clearly separate parts, and the rows of the smaller one.

    The silhouette of two groups (Rousseeuw 1987) is compared with what a cloud of the same extent
    along every axis has (Tibshirani et al. 2001, "Estimating the number of clusters in a data set
    via the gap statistic").

    Args:
        last: Features of the last layer, (N, D).
        labels: int64 (N,).
        groups: Of pictures that show the same thing, (N,): one of each counts.
    """
    random = np.random.default_rng(0)
    single = np.zeros(len(labels), bool)
    single[np.unique(groups, return_index=True)[1]] = True
    found = []
    for c in np.unique(labels):
        rows = random.permutation(np.flatnonzero(single & (labels == c)))[:MOST]
        if len(rows) < 2 * LEAST:
            continue
        values = last[rows] - last[rows].mean(axis=0)
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
        with suited_threads(len(rows)):
            axes = PCA(min(AXES, *values.shape), random_state=0).fit_transform(values)
            two, part = _in_two(axes)
            cloud = random.normal(size=(3, *axes.shape)) * axes.std(axis=0)
            apart = two - np.mean([_in_two(one)[0] for one in cloud])
        smaller = part == np.bincount(part).argmin()
        if apart >= APART and smaller.sum() >= LEAST:
            found.append((apart, int(c), rows[smaller]))
    return [(c, rows) for _, c, rows in sorted(found, key=lambda one: -one[0])]


def _in_two(values: np.ndarray) -> tuple[float, np.ndarray]:
    part = KMeans(2, n_init=3, random_state=0).fit_predict(values)
    if len(np.unique(part)) < 2:
        return -1.0, part
    return float(silhouette_score(values, part)), part


def outliers(last: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return rows of pictures much farther from others than most are, the farthest first.

    The distance is that of `backbones.unlike`, to the nearest of other groups.
    """
    unit = last / np.maximum(np.linalg.norm(last, axis=1, keepdims=True), 1e-12)
    nearest = min(NEIGHBOURS, len(unit) - 1)
    if nearest < NEIGHBOURS:
        return np.empty(0, np.int64)
    distances = np.empty(len(unit))
    for start in range(0, len(unit), 1024):
        rows = slice(start, start + 1024)
        similar = unit[rows] @ unit.T
        similar[groups[rows][:, None] == groups] = -1
        best = -np.partition(-similar, nearest - 1, axis=1)[:, :nearest]
        distances[rows] = np.sqrt(np.maximum(2 - 2 * best.mean(axis=1), 1e-9))
    logarithm = np.log(distances)
    middle = np.median(logarithm)
    spread = max(1.4826 * np.median(np.abs(logarithm - middle)), 0.05)
    far = (logarithm - middle) / spread
    return np.flatnonzero(far > FAR)[np.argsort(-far[far > FAR], kind="stable")]

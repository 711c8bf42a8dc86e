"""Pictures as points of a plane: near each other where the network finds them alike."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from tl_core.features.device import suited_threads

METHODS = ("pca", "tsne")
COMPONENTS = 50  # principal components that t-SNE sees, as its authors propose
PERPLEXITY = 30.0  # about how many neighbours count; fewer with few pictures


def positions(values: np.ndarray, *, method: str) -> np.ndarray:
    """Return one point per picture, float32 (N, 2), the longer side of the cloud from -1 to 1.

    Args:
        values: Features, float32 (N, D).
        method: "pca", the two directions in which the features differ most, or "tsne", which
            keeps neighbours together and means nothing by distances.

    Source: van der Maaten & Hinton (2008), "Visualizing Data using t-SNE".
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {METHODS}")
    size = len(values)
    components = min(2 if method == "pca" else COMPONENTS, size, values.shape[1])
    with suited_threads(size):
        points = PCA(components, svd_solver="randomized", random_state=0).fit_transform(values)
        if method == "tsne" and size > 3:
            perplexity = min(PERPLEXITY, (size - 1) / 3)
            tsne = TSNE(2, perplexity=perplexity, init=_start(points), random_state=0, n_jobs=-1)
            points = tsne.fit_transform(points)
    points = np.pad(points[:, :2], ((0, 0), (0, max(0, 2 - points.shape[1]))))
    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    return (points / max(np.abs(points).max(), 1e-12)).astype(np.float32)


def _start(points: np.ndarray) -> np.ndarray:
    """Return where t-SNE begins: the first two components, no two pictures in one place.

    Its own start divides by their deviation; where all pictures are the same it crashes.
    """
    first = np.pad(points[:, :2], ((0, 0), (0, max(0, 2 - points.shape[1]))))
    first = first / max(float(first[:, 0].std()), 1e-12)
    noise = np.random.default_rng(0).normal(size=first.shape)
    return (1e-4 * first + 1e-6 * noise).astype(np.float32)

"""Is a picture unlike all those that a model learnt from? The distance to the nearest of them.

Features of the last layer are brought to unit length; what counts is the distance to the five
nearest of at most a mebibyte of pictures. How far is too far is said by pictures of the model's
own kind, each without its group.

Source: Sun et al. (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors",
arXiv:2204.06507.
"""

import math

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor, nn

NEIGHBOURS = 5
MOST_BYTES = 2**20  # of the pictures that are remembered
FALSE_ALARMS = 0.05  # share of pictures of the right kind that score above 1
LEAST_LIMIT = 1e-3  # pictures that hardly differ would make every other one unlike


class Unlike(nn.Module):
    """Scores how unlike the remembered pictures others are; above 1 is too far.

    Args:
        remembered: Features of unit length, float32 (M, D).
        limit: The distance, in (0, 2], whose score is 1.
    """

    def __init__(self, remembered: Tensor, limit: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("remembered", remembered)
        self.register_buffer("limit", torch.as_tensor(limit, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Return scores, float32 (N,), of raw features; the last D columns are the last layer."""
        last = features[:, -self.remembered.shape[1] :].float()
        similar = nn.functional.normalize(last, dim=1) @ self.remembered.T  # (N, M)
        nearest = similar.topk(min(NEIGHBOURS, len(self.remembered)), dim=1).values
        return (2 - 2 * nearest.mean(dim=1)).clamp(min=0).sqrt() / self.limit

    @torch.inference_mode()
    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the same for arrays: float32 (N,) of (N, D)."""
        return self(torch.from_numpy(features)).numpy()


def fit_unlike(
    features: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    learnt: np.ndarray | None = None,
) -> Unlike | None:
    """Remember pictures, and find the distance beyond which 5 % of their kind lie.

    Args:
        features: Raw features of the last layer, float32 (N, D).
        groups: Index of each picture's group, (N,); no picture is compared with its own.
        learnt: Which pictures, bool (N,), the network itself was trained on. They are remembered
            and the others say how far is too far: a network knows what it has learnt too well.
            None, or all: every picture is compared with the others.

    Returns:
        None if there are not two pictures that can be compared with others.
    """
    size = len(features)
    groups = np.arange(size) if groups is None else groups
    learnt = np.ones(size, bool) if learnt is None else learnt
    compared = np.ones(size, bool) if learnt.all() else ~learnt
    remembered = spread(np.flatnonzero(learnt), MOST_BYTES // (4 * features.shape[1]))
    length = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    unit = (features / length).astype(np.float32)
    similar = unit[compared] @ unit[remembered].T  # (n, M)
    similar[groups[compared][:, None] == groups[remembered]] = np.nan
    distances = _distances(similar)
    if len(distances) < 2:
        return None
    limit = max(limit_of(distances, FALSE_ALARMS), LEAST_LIMIT)
    return Unlike(torch.from_numpy(unit[remembered]), limit)


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most that many of the rows, at random but always the same, in their order."""
    chosen = np.random.default_rng(0).permutation(len(rows))[: max(most, 1)]
    return rows[np.sort(chosen)]


def _distances(similar: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest neighbours; nan where nothing may be compared."""
    nearest = -np.sort(-similar, axis=1)[:, :NEIGHBOURS]  # nan comes last
    nearest = nearest[~np.isnan(nearest[:, 0])]
    return np.sqrt(np.maximum(2 - 2 * np.nanmean(nearest, axis=1), 0))


def limit_of(distances: np.ndarray, false_alarms: float) -> float:
    """Return what the distance of one more picture of this kind exceeds with that probability.

    That is a rank of the distances (Vovk et al. 2005, "Algorithmic Learning in a Random World").
    Too few have no such rank (fewer than 19 for 5 %); their logarithms are taken for normal then.
    """
    n = len(distances)
    rank = math.ceil((n + 1) * (1 - false_alarms))
    if rank <= n:
        return float(np.sort(distances)[rank - 1])
    logarithms = np.log(np.maximum(distances, LEAST_LIMIT))
    wide = stdtrit(n - 1, 1 - false_alarms) * math.sqrt(1 + 1 / n)
    return float(np.exp(logarithms.mean() + wide * logarithms.std(ddof=1)))

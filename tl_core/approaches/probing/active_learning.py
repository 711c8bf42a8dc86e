"""Active learning: which pictures to label next, and what more labels may gain.

The gain is measured backwards, on labels that are there: classifiers of nested random halves of
them answer for the same pictures, each without its own group.
"""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from tl_core.approaches.probing.probe import Basis, ProbeFit
from tl_core.runs.results.intervals import Z_95, paired_gain
from tl_core.runs.results.live import SWEEP, LabelCurve

HALVES, DRAWS = 3, 3
MOST_LEARNT = 1000  # pictures of a half; larger ones are left out
LEAST = 2  # groups of each class that a half has
MOST_CLUSTERS, NEIGHBOURS = 200, 20  # for pictures that are typical of many
MOST_TOO_MANY = 1.3  # times as many pictures as a half should have, because of these


def label_curve(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    groups: np.ndarray,
    right: np.ndarray,
    *,
    learnt: int,
    balanced: bool = True,
    seed: int = 0,
) -> LabelCurve | None:
    """Return how the accuracy has grown with labels, and what the next sweep of them may add.

    A doubling of labels is taken to add as much as the last one did. It adds less, so that the
    gain is estimated too high rather than too low.

    Args:
        features: Raw features by block, each float32 (N, D of the block).
        labels: int64 (N,).
        groups: int64 (N,).
        right: Of each picture 1 if it is answered right with all labels, 0 if not, nan if that
            is not measured, float (N,).
        learnt: The first so many pictures may be learnt from; the others are test pictures.
        balanced: As the classifier is fitted.
        seed: Of the draws.

    Returns:
        None with too few labels to halve.
    """
    everything = np.concatenate(list(features.values()), axis=1)
    drawn = _drawn(labels[:learnt], groups[:learnt])
    points, doublings, gains = [(learnt, float(np.nanmean(right)))], 0.0, []
    for halving in range(1, HALVES + 1):
        wanted = learnt * 0.5**halving
        found, sizes = [], []
        for draw in range(DRAWS):
            rows = np.flatnonzero(drawn(np.random.default_rng([seed, draw])) <= 0.5**halving)
            if len(rows) > min(MOST_LEARNT, MOST_TOO_MANY * wanted):
                break
            basis = Basis({name: block[rows] for name, block in features.items()}, groups[rows])
            fit = basis.fit(labels[rows], int(labels.max()) + 1, balanced=balanced)
            before = _right(fit, rows, everything, labels)
            known = np.isfinite(before) & np.isfinite(right)
            found.append(before[known].mean())
            sizes.append(len(rows))
            if len(points) == 1:
                gains.append(paired_gain(before[known], right[known], groups[known]))
        if found:
            doublings = doublings or np.log2(learnt / np.mean(sizes))
            points.append((round(np.mean(sizes)), float(np.mean(found))))
    if not gains:
        return None
    gain, error = np.mean(gains, axis=0) * np.log2((learnt + SWEEP) / learnt) / doublings
    return LabelCurve(tuple(reversed(points)), float(gain), float(gain + Z_95 * error))


def _drawn(labels: np.ndarray, groups: np.ndarray) -> Callable[[np.random.Generator], np.ndarray]:
    """Return what draws each picture's place among the groups of its class, in (0, 1]."""
    first = np.unique(groups, return_index=True)[1]
    owner, inverse = labels[first], np.unique(groups, return_inverse=True)[1]

    def places(random: np.random.Generator) -> np.ndarray:
        share = np.empty(len(first))
        for label in np.unique(owner):
            mine = random.permutation(np.flatnonzero(owner == label))
            share[mine] = np.arange(1, len(mine) + 1) / len(mine)
            share[mine[:LEAST]] = 0
        return share[inverse]

    return places


def _right(
    fit: ProbeFit, rows: np.ndarray, everything: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Return 1, 0 or nan for every picture, each answered without its group."""
    logits = fit.probe.logits(everything)
    logits[rows] = fit.out_of_group
    right = (logits.argmax(axis=1) == labels).astype(float)
    right[np.delete(rows, fit.measured)] = np.nan
    return right


def worth_labelling(
    last: np.ndarray,
    probabilities: np.ndarray | None,
    learnt: np.ndarray | None,
    *,
    count: int,
) -> np.ndarray:
    """Return `count` pictures to label next, int64 (count,), the most useful first.

    Those with the smallest margin between the two likeliest classes come first; without a model
    those that are `typical`. Measured on two sets, over 10 to 40 draws: one of each group among
    twice as many, least confidence, gradient embeddings (BADGE) and the farthest pictures are no
    better. Typical pictures at first spare a tenth of the labels of one set and cost some of the
    other.

    Source: Scheffer, Decomain & Wrobel (2001), "Active Hidden Markov Models for Information
    Extraction".

    Args:
        last: Features of the pictures without a label, float32 (M, D).
        probabilities: What a model says of them, (M, K); None without a model.
        learnt: Features of the labelled pictures, (N, D); None without any.
        count: How many; fewer where there are not so many.
    """
    if probabilities is None:
        return typical(last, learnt, count=count)
    ranked = np.sort(probabilities, axis=1)
    return np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")[:count]


def typical(last: np.ndarray, learnt: np.ndarray | None, *, count: int) -> np.ndarray:
    """Return pictures that are typical of many, of groups that have no label yet.

    All pictures are divided into as many groups as there will be labels. Of groups without a
    label, the largest first, comes the picture with the nearest neighbours.

    Source: Hacohen, Dekel & Weinshall (2022), "Active Learning on a Budget", arXiv:2202.02794.

    Args:
        last: Features of the pictures without a label, float32 (M, D).
        learnt: Features of the labelled pictures, (N, D); None without any.
        count: How many.
    """
    some = _unit(last if learnt is None else np.concatenate([last, learnt]))
    count, labelled = min(count, len(last)), np.arange(len(some)) >= len(last)
    wanted = min(int(labelled.sum()) + count, MOST_CLUSTERS, len(some))
    cluster = KMeans(wanted, n_init=1, random_state=0).fit_predict(some)
    size, known = np.bincount(cluster), np.bincount(cluster[labelled], minlength=wanted)
    queues = [_by_density(some, np.flatnonzero((cluster == c) & ~labelled)) for c in range(wanted)]
    chosen: list[int] = []
    while len(chosen) < count:
        for c in np.lexsort((-size, known)):
            if queues[c] and len(chosen) < count:
                chosen.append(queues[c].pop(0))
                known[c] += 1
    return np.array(chosen, np.int64)


def _unit(features: np.ndarray) -> np.ndarray:
    centred = features - features.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def _by_density(features: np.ndarray, rows: np.ndarray) -> list[int]:
    """Return rows, that with the nearest neighbours among them first."""
    near = min(NEIGHBOURS, len(rows) - 1)
    if near < 1:
        return rows.tolist()
    distances, _ = NearestNeighbors(n_neighbors=near).fit(features[rows]).kneighbors()
    return rows[np.argsort(distances.mean(axis=1), kind="stable")].tolist()

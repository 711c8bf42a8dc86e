"""Several linear classifiers as one, and thresholds for those that find a label."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from tl_core.approaches.probing.probe import LinearProbe, ProbeFit
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.folds import make_folds
from tl_core.runs.results.report import Evaluation

FOLDS = 5  # a threshold is measured on answers that it was not chosen by


def best_threshold(labels: np.ndarray, yes: np.ndarray) -> float:
    """Return the probability from which on yes has the largest F1; labels bool, both (n,)."""
    if not labels.any():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(labels, yes)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    below = yes[yes < thresholds[best]]
    lower = float(below.max()) if len(below) else 0.0
    return float((thresholds[best] + lower) / 2)  # between two pictures, not on one


def side_by_side(probes: Sequence[LinearProbe]) -> LinearProbe:
    """Return one classifier with the logits of all, on features standardised as for the first."""
    first = probes[0]
    weights = [one.weight * (first.scale / one.scale) for one in probes]
    biases = [one.bias + ((first.mean - one.mean) / one.scale) @ one.weight.T for one in probes]
    return LinearProbe(first.mean, first.scale, np.concatenate(weights), np.concatenate(biases))


def threshold_of(fitted: ProbeFit, labels: np.ndarray) -> float:
    """Return the best threshold of an answer yes, class 1, by the answers out of group."""
    yes = softmax(fitted.out_of_group[fitted.measured])[:, 1]
    return best_threshold(labels[fitted.measured] == 1, yes)


def at_half(found: Evaluation, threshold: float) -> Evaluation:
    """Return answers to no and yes whose probabilities are one half at the threshold of yes.

    Answers out of fold get thresholds of their own: no picture helps to choose the one that it is
    measured by.
    """
    yes, limits = found.probabilities[:, 1], np.full(found.n, threshold)
    if found.folds > 1:
        for others, mine in make_folds(found.labels, found.groups, folds=FOLDS, seed=0):
            limits[mine] = best_threshold(found.labels[others] == 1, yes[others])
    limits = np.clip(limits, 1e-6, 1 - 1e-6)
    above = 0.5 + 1e-6 + (0.5 - 1e-6) * (yes - limits) / (1 - limits)
    half = np.where(yes < limits, 0.5 * yes / limits, above).astype(np.float32)
    return replace(found, probabilities=np.stack([1 - half, half], axis=1))


def label_facts(
    plain: Mapping[str, Evaluation],
    measured: Mapping[str, Evaluation],
    thresholds: Mapping[str, float],
) -> dict:
    """Return average precision and threshold of each label, and how often all are right.

    Args:
        plain: By name, the answers no and yes.
        measured: The same with thresholds at one half.
        thresholds: Of those that are labels; nothing is returned without one.
    """
    labels, right = {}, defaultdict(list)
    for name, threshold in thresholds.items():
        found, yes = measured[name], plain[name].probabilities[:, 1]
        precision = average_precision_score(found.labels, yes) if found.labels.any() else None
        labels[name] = {
            "average_precision": None if precision is None else float(precision),
            "threshold": threshold,
            "pictures": int(found.labels.sum()),
        }
        hits = found.predicted == found.labels
        for digest, hit in zip(found.digests, hits, strict=True):
            right[digest].append(hit)
    if not labels:
        return {}
    whole = [all(hits) for hits in right.values() if len(hits) == len(labels)]
    known = [one["average_precision"] for one in labels.values()]
    known = [one for one in known if one is not None]
    return {
        "map": float(np.mean(known)) if known else None,
        "labels": labels,
        "exact_match": float(np.mean(whole)) if whole else None,
        "exact_match_pictures": len(whole),
    }

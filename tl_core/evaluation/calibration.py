"""Do probabilities mean what they say? Temperature, reliability, "not sure", sets of classes.

Whatever is fitted on answers is measured on the answers of another fold.
"""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaincinv

from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import FOLDS, Division, OutOfFold
from tl_core.runs.results.assessment import Calibration, Conformal

LEAST_PICTURES = 20
PER_BIN, MOST_BINS = 15, 10
THRESHOLDS = (*(step / 20 for step in range(20)), 0.99)
TARGETS = (0.8, 0.9, 0.95)


def fit_temperature(logits: np.ndarray, labels: np.ndarray, *, unsure: float = 0.0) -> float:
    """Return T > 0 that makes ``softmax(logits / T)`` most likely, in [0.05, 20].

    Args:
        logits: Of pictures that the classifier was not fitted on, (N, K).
        labels: int64 (N,).
        unsure: Weight of one more picture that could be of any class. Without it, a few pictures
            that are all right would make every answer certain (after Platt 1999, "Probabilistic
            Outputs for Support Vector Machines", who smooths his targets for the same reason).

    Source: Guo et al. (2017), "On Calibration of Modern Neural Networks", arXiv:1706.04599.
    """

    def loss(log_temperature: float) -> float:
        return log_loss(logits / math.exp(log_temperature), labels, unsure=unsure)[0]

    found = minimize_scalar(
        loss,
        bounds=(math.log(0.05), math.log(20)),
        method="bounded",
        options={"xatol": 0.01},
    )
    return float(math.exp(found.x))


def log_loss(
    logits: np.ndarray, labels: np.ndarray, *, unsure: float = 0.0
) -> tuple[float, np.ndarray]:
    """Return how unlikely the labels are, summed, in nats, and its slopes by logit, (N, K).

    Args:
        logits: float (N, K).
        labels: int64 (N,).
        unsure: Weight of one more picture that could be of any class, see `fit_temperature`.
    """
    n, k = logits.shape
    scaled = logits.astype(np.float64)
    scaled -= scaled.max(axis=1, keepdims=True)
    slopes = np.exp(scaled)
    whole = np.log(slopes.sum(axis=1))
    slopes /= slopes.sum(axis=1, keepdims=True)
    value = (whole - scaled[np.arange(n), labels]).sum()
    value += unsure * (whole - scaled.mean(axis=1)).mean()
    slopes *= 1 + unsure / n
    slopes[np.arange(n), labels] -= 1
    slopes -= unsure / (n * k)
    return float(value), slopes


def softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def calibration_of(division: Division, answers: OutOfFold) -> Calibration | None:
    """Return how far probabilities can be trusted; None with fewer than 20 pictures."""
    if len(answers.labels) < LEAST_PICTURES:
        return None
    logits, labels = answers.logits, answers.labels
    fold = _fold_of(division)
    probabilities = np.zeros_like(logits)
    for number in np.unique(fold):
        here = fold == number
        temperature = fit_temperature(logits[~here], labels[~here])
        probabilities[here] = softmax(logits[here] / temperature)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = reliability(confidence, correct)
    error = sum(abs(mean - share) * n for mean, share, n in bins) / len(labels)
    temperature = fit_temperature(logits, labels)
    sets = [conformal(probabilities, labels, fold, target=target) for target in TARGETS]
    return Calibration(
        temperature=temperature,
        error=error,
        confidence=float(confidence.mean()),
        accuracy=float(correct.mean()),
        reliability=bins,
        coverage=tuple(_coverage(confidence, correct, t) for t in THRESHOLDS),
        conformal=tuple(one for one in sets if one),
    )


def reliability(
    confidence: np.ndarray, correct: np.ndarray
) -> tuple[tuple[float, float, int], ...]:
    """Return (mean confidence, accuracy, pictures) of bins with about equally many pictures."""
    count = min(MOST_BINS, max(1, len(confidence) // PER_BIN))
    parts = np.array_split(np.argsort(confidence, kind="stable"), count)
    return tuple(
        (float(confidence[part].mean()), float(correct[part].mean()), len(part)) for part in parts
    )


def conformal(
    probabilities: np.ndarray, labels: np.ndarray, fold: np.ndarray, *, target: float
) -> Conformal | None:
    """Return sets that hold the true class with probability `target`, measured across folds.

    A class is in a picture's set if its probability is at least a threshold, which is taken from
    the other folds' pictures. With n pictures to calibrate on, the share of sets that hold the
    true class is itself a draw from Beta(k, n + 1 - k), k = ceil((n + 1) target).

    Args:
        probabilities: Out of fold, (n, K).
        labels: int64 (n,).
        fold: Number of each picture's fold, (n,).
        target: In (0, 1).

    Returns:
        None if there are too few pictures for this target.

    Source: Vovk (2012), "Cross-Conformal Predictors", arXiv:1208.0806; Angelopoulos & Bates
    (2021), "A Gentle Introduction to Conformal Prediction", arXiv:2107.07511, for Beta.
    """
    true = probabilities[np.arange(len(labels)), labels]
    members = np.zeros(probabilities.shape, bool)
    for number in np.unique(fold):
        threshold = _threshold(true[fold != number], target)
        if threshold is None:
            return None
        members[fold == number] = probabilities[fold == number] >= threshold
    n = len(labels)
    k = math.ceil((n + 1) * target)
    return Conformal(
        target=target,
        achieved=float(members[np.arange(n), labels].mean()),
        expected=tuple(float(betaincinv(k, n + 1 - k, q)) for q in (0.025, 0.975)),
        mean_size=float(members.sum(axis=1).mean()),
        threshold=float(_threshold(true, target)),
    )


def _threshold(true: np.ndarray, target: float) -> float | None:
    """Return the least probability of the true class among the best `target` of the pictures."""
    k = math.ceil((len(true) + 1) * target)
    return None if k > len(true) else float(np.sort(true)[::-1][k - 1])


def _coverage(
    confidence: np.ndarray, correct: np.ndarray, threshold: float
) -> tuple[float, float | None, float]:
    answered = confidence >= threshold
    accuracy = float(correct[answered].mean()) if answered.any() else None
    return threshold, accuracy, float(answered.mean())


def _fold_of(division: Division) -> np.ndarray:
    """Return a number per measured row: what is fitted on answers is measured on other numbers.

    Where one part is held out, it is divided anew.
    """
    if len(division.folds) > 1:
        return division.fold_numbers[division.rows]
    rows = division.rows
    folds = make_folds(
        division.labels[rows], division.groups[rows], folds=FOLDS, seed=division.seed
    )
    fold = np.zeros(len(rows), np.int64)
    for number, (_, test) in enumerate(folds):
        fold[test] = number
    return fold

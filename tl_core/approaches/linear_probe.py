"""The probe's part of a training: a classifier on features is chosen and fitted, then measured."""

import math
import time
from collections.abc import Generator, Iterator

import numpy as np

from tl_core.approaches.jobs import MOST_OUT_OF_FOLD, TrainingJob
from tl_core.approaches.probe import CENTROIDS, LinearProbe, all_views
from tl_core.approaches.probe_choice import FoldFit, ProbeChoice, choosing_probe, fits_in_folds
from tl_core.approaches.probe_fitting import fit_in_rounds
from tl_core.errors import DatasetError
from tl_core.evaluation.folds import Fold, make_folds, unmeasured_classes
from tl_core.evaluation.measuring import TEST_PICTURES, evaluation_of
from tl_core.evaluation.temperature import softmax
from tl_core.features.device import suited_threads
from tl_core.runs.events import EpochResult, Event, PhaseStarted, Progress
from tl_core.runs.results.report import Evaluation

FOLDS = 5
SOLVER_ROUNDS = (1, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)


def fit(job: TrainingJob) -> Iterator[Event]:
    """Choose and fit the classifier; a learning curve is drawn on train and validation part."""
    yield PhaseStarted("probe")
    config, k = job.config, len(job.images.class_names)
    labels, groups, rows = job.labels(), job.groups(), job.fitted_rows
    with job.timed("probe"), suited_threads(len(labels)):
        inside = None if groups is None else groups[rows]
        folds = make_folds(labels[rows], inside, folds=FOLDS, seed=config.seed)
        parts = {name: matrix[:, rows] for name, matrix in job.views.items()}
        job.choice = yield from _choose(job, parts, labels[rows], folds)
        yield from _learning_curve(job, labels, job.rows("train"))
        features, repeated = all_views(job.views[job.choice.features], labels, rows)
        job.probe = job.choice.fit(features, repeated, k, balanced=config.balanced)
    if job.choice.method == CENTROIDS:
        yield from job.note(
            "A class has very few pictures, so each picture goes to the class whose average it "
            "is most like."
        )
    if job.choice.scores:
        seen = "what its last layer sees"
        if job.choice.features == "all":
            seen = "what all its stages see, not only the last one"
        yield from job.note(
            f"Trying it out on parts of your pictures, in turns (cross-validation), showed how "
            f"to read the network best: {seen}."
        )


def _choose(
    job: TrainingJob, matrices: dict[str, np.ndarray], labels: np.ndarray, folds: list[Fold]
) -> Generator[Event, None, ProbeChoice]:
    k, began = len(job.images.class_names), time.perf_counter()
    choosing = choosing_probe(matrices, labels, k, folds=folds, balanced=job.config.balanced)
    while True:
        try:
            done, total = next(choosing)
        except StopIteration as end:
            return end.value
        left = (time.perf_counter() - began) / done * (total - done)
        yield Progress("probe", done, total, left)


def _learning_curve(
    job: TrainingJob, labels: np.ndarray, train_rows: np.ndarray
) -> Iterator[Event]:
    choice, config, k = job.choice, job.config, len(job.images.class_names)
    validation_rows = job.rows("validation")
    matrix = job.views[choice.features]
    features, repeated = all_views(matrix, labels, train_rows)
    began = time.perf_counter()
    probes = fit_in_rounds(
        features,
        repeated,
        k,
        method=choice.method,
        balanced=config.balanced,
        rounds=SOLVER_ROUNDS,
    )
    total = 1 if choice.method == CENTROIDS else len(SOLVER_ROUNDS)
    for epoch, probe in enumerate(probes, start=1):
        probe = probe.cooled(choice.temperature)
        train_loss, train_accuracy = _measure(probe, features, repeated)
        loss, accuracy = _measure(probe, matrix[0, validation_rows], labels[validation_rows])
        seconds, began = time.perf_counter() - began, time.perf_counter()
        yield EpochResult(
            phase="probe",
            epoch=epoch,
            total_epochs=total,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            lr=None,
            seconds=seconds,
        )


def evaluate(
    job: TrainingJob, logits: np.ndarray | None = None
) -> Generator[Event, None, Evaluation]:
    """Measure on the test part, or out of fold on every picture.

    `logits`, (N, K), are out-of-fold answers to count instead of the probe's.
    """
    images, names = job.images.images, job.images.class_names
    if not job.out_of_fold:
        rows = job.rows("test")
        probabilities = job.probe.probabilities(job.views[job.choice.features][0, rows])
        return evaluation_of(names, job.images.test, probabilities, measured_on=TEST_PICTURES)
    folds = folds_of(job)
    yield from _say_what_is_not_measured(job, folds)
    fits = yield from fold_fits(job, folds, "evaluate")
    rows = np.sort(np.concatenate([fit.test for fit in fits]))
    logits = out_of_fold_logits(job, fits) if logits is None else logits
    probabilities = softmax(logits[rows])
    measured = [images[row] for row in rows]
    how = f"pictures, each predicted by a model fitted without it ({len(fits)} folds)"
    return evaluation_of(names, measured, probabilities, measured_on=how, method="out-of-fold")


def folds_of(job: TrainingJob) -> list[Fold]:
    """Return (train, test) rows of `TrainingJob.images`, all among the pictures to fit on.

    Many pictures are divided once, into the training and the validation part.
    """
    rows, groups = job.fitted_rows, job.groups()
    if len(rows) > MOST_OUT_OF_FOLD:
        return [(job.rows("train"), job.rows("validation"))]
    inside = None if groups is None else groups[rows]
    folds = make_folds(job.labels()[rows], inside, folds=FOLDS, seed=job.config.seed)
    return [(rows[train], rows[test]) for train, test in folds]


def fold_fits(
    job: TrainingJob, folds: list[Fold], phase: str
) -> Generator[Event, None, tuple[FoldFit, ...]]:
    """Return a classifier for each of `folds_of(job)`; computed once per training."""
    if job.fold_fits:
        return job.fold_fits
    labels = job.labels()
    fitting = fits_in_folds(
        job.views,
        labels,
        len(job.images.class_names),
        folds=folds,
        groups=job.groups(),
        seed=job.config.seed,
        balanced=job.config.balanced,
    )
    fits = []
    with suited_threads(len(labels)):
        for done, fit in enumerate(fitting, start=1):
            fits.append(fit)
            yield Progress(phase, done, len(folds))
    job.fold_fits = tuple(fits)
    return job.fold_fits


def out_of_fold_logits(job: TrainingJob, fits: tuple[FoldFit, ...]) -> np.ndarray:
    """Return logits, (N, K), of the pictures that some fold tests; zeros for the others."""
    logits = np.zeros((len(job.images.images), len(job.images.class_names)), np.float32)
    for fit in fits:
        logits[fit.test] = fit.probe.logits(job.views[fit.choice.features][0, fit.test])
    return logits


def _say_what_is_not_measured(job: TrainingJob, folds: list[Fold]) -> Iterator[Event]:
    """Name the classes of which nothing can be put aside.

    Raises:
        DatasetError: If that leaves nothing to measure on.
    """
    labels, groups = job.labels(), job.groups()
    tested = {int(label) for _, test in folds for label in labels[test]}
    classes = set(np.unique(labels).tolist()) - tested if folds else set()
    classes = classes or unmeasured_classes(labels, groups)
    missing = [f"'{job.images.class_names[label]}'" for label in sorted(classes)]
    named = missing[0] if len(missing) == 1 else f"each of {', '.join(missing) or 'the classes'}"
    why = (
        f"The pictures of {named} are all copies of one another or one series, so none of them "
        "can be put aside to measure on. Add pictures from another source, or split the group on "
        "the Images page if they show different things."
    )
    if not folds:
        raise DatasetError(why)
    if missing:
        yield from job.note(f"{why} The numbers are about the other classes.")


def _measure(probe: LinearProbe, features: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    if not len(labels):
        return math.nan, math.nan
    probabilities = probe.probabilities(features)
    true = probabilities[np.arange(len(labels)), labels]
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    return float(-np.log(np.maximum(true, 1e-7)).mean()), float(accuracy)

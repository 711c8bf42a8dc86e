"""The probe's part of a training: a classifier on features is chosen and fitted, then measured."""

import math
import time
from collections.abc import Generator, Iterator

import numpy as np

from tl_core.approaches.cross_validation import CrossValidated, cross_validated_probe
from tl_core.approaches.jobs import TrainingJob
from tl_core.approaches.probe import CENTROIDS, LinearProbe, all_views
from tl_core.approaches.probe_choice import ProbeChoice, choosing_probe
from tl_core.approaches.probe_fitting import fit_in_rounds
from tl_core.errors import DatasetError
from tl_core.evaluation.folds import Fold, make_folds, unmeasured_classes
from tl_core.evaluation.measuring import TEST_PICTURES, evaluation_of
from tl_core.evaluation.out_of_fold import FOLDS, Division, divide
from tl_core.evaluation.temperature import softmax
from tl_core.features.device import suited_threads
from tl_core.runs.events import EpochResult, Event, PhaseStarted, Progress
from tl_core.runs.results.report import Evaluation

SOLVER_ROUNDS = (1, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)


def fit(job: TrainingJob) -> Iterator[Event]:
    """Choose and fit the classifier; a learning curve is drawn on train and validation part."""
    yield PhaseStarted("probe")
    config, k = job.config, len(job.images.class_names)
    labels, groups, rows = job.labels(), job.groups(), job.fitted_rows
    with job.timed("probe"), suited_threads(len(labels)):
        if job.fine_tunes or job.out_of_fold:
            inside = None if groups is None else groups[rows]
            folds = make_folds(labels[rows], inside, folds=FOLDS, seed=config.seed)
            parts = {name: matrix[:, rows] for name, matrix in job.views.items()}
            job.choice = yield from _choose(job, parts, labels[rows], folds)
            features, repeated = all_views(job.views[job.choice.features], labels, rows)
            job.probe = job.choice.fit(features, repeated, k, balanced=config.balanced)
        else:  # fitted on all but what is held out: the classifier that is measured
            (fit,) = (yield from cross_validated(job, _measured_division(job), "probe")).fits
            job.choice, job.probe = fit.choice, fit.probe
        yield from _learning_curve(job, labels, job.rows("train"))
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
    """Measure on the part that is held out, or out of fold on every picture.

    `logits`, (N, K), are out-of-fold answers to count instead of the probe's.
    """
    images, division = job.images.images, _measured_division(job)
    if job.out_of_fold:
        yield from _say_what_is_not_measured(job, division)
    found = yield from cross_validated(job, division, "evaluate")
    answers = found.answers if logits is None else division.measured(logits)
    measured_on = TEST_PICTURES
    if job.out_of_fold:
        count = len(division.folds)
        measured_on = f"pictures, each predicted by a model fitted without it ({count} folds)"
    return evaluation_of(
        job.images.class_names,
        [images[row] for row in division.rows],
        softmax(answers.logits),
        measured_on=measured_on,
        folds=len(division.folds),
    )


def _measured_division(job: TrainingJob) -> Division | None:
    """Return how the pictures are divided for the reported number, which no choice is made by."""
    given, seed = job.images.test_given, job.config.seed
    return divide(job.images.images, len(job.images.class_names), seed=seed, hold_out=given)


def learning_division(job: TrainingJob) -> Division | None:
    """Return how the pictures to fit on (`TrainingJob.fitted_rows`) are divided for choices."""
    pictures = [job.images.images[row] for row in job.fitted_rows]
    return divide(pictures, len(job.images.class_names), seed=job.config.seed)


def cross_validated(
    job: TrainingJob, division: Division, phase: str, rows: np.ndarray | None = None
) -> Generator[Event, None, CrossValidated]:
    """Measure the probe on a division of all pictures, or of those in `rows`."""
    whole = rows is None or len(rows) == len(job.images.images)
    views = job.views if whole else {name: view[:, rows] for name, view in job.views.items()}
    return (
        yield from cross_validated_probe(
            views,
            division,
            phase=phase,
            balanced=job.config.balanced,
            folder=job.workspace.features_dir(job.project_id),
        )
    )


def _say_what_is_not_measured(job: TrainingJob, division: Division | None) -> Iterator[Event]:
    """Name the classes of which nothing can be put aside.

    Raises:
        DatasetError: If that leaves nothing to measure on.
    """
    labels, groups = job.labels(), job.groups()
    tested = set(labels[division.rows].tolist()) if division else set()
    classes = set(np.unique(labels).tolist()) - tested if division else set()
    classes = classes or unmeasured_classes(labels, groups)
    missing = [f"'{job.images.class_names[label]}'" for label in sorted(classes)]
    named = missing[0] if len(missing) == 1 else f"each of {', '.join(missing) or 'the classes'}"
    why = (
        f"The pictures of {named} are all copies of one another or one series, so none of them "
        "can be put aside to measure on. Add pictures from another source, or split the group on "
        "the Images page if they show different things."
    )
    if division is None:
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

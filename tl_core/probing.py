"""The probe's part of a training: features once, a classifier chosen and fitted, then measured."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from tl_core import copies
from tl_core.crossval import Fold, group_numbers, make_folds, unmeasured_classes
from tl_core.datasets import LabelledImage, image_set
from tl_core.errors import DatasetError
from tl_core.evaluation import TEST_PICTURES, held_out, labels_of, out_of_fold_evaluation
from tl_core.events import EpochResult, Event, PhaseStarted, Progress
from tl_core.features import FeatureTable, View, extract_features
from tl_core.jobs import TrainingJob
from tl_core.probe_choice import ProbeChoice, choosing_probe, out_of_fold
from tl_core.probe_fits import fit_in_rounds
from tl_core.probes import CENTROIDS, LinearProbe, all_views, suited_threads
from tl_core.reports import Evaluation

Images = tuple[LabelledImage, ...]
FOLDS = 5
DEVICE_TEXT = {"cpu": "the processor", "cuda": "the graphics card", "mps": "Apple's graphics"}
SOLVER_ROUNDS = (1, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)


def extract(job: TrainingJob) -> Iterator[Event]:
    """Compute the features of every picture, and of augmented views of the training pictures."""
    config = job.config
    yield PhaseStarted("features")
    augmented = bool(config.augmentations) and not job.fine_tunes
    views = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    with job.timed("features"):
        tables = [(yield from _extract_grouped(job))]
        for view in views if augmented else []:
            tables.append((yield from _extract(job, job.images.images, view)))
    job.table = tables[0]
    names = job.table.matrices()
    job.views = {name: np.stack([table.matrix(name) for table in tables]) for name in names}
    if engine := job.table.engine:
        where = DEVICE_TEXT.get(engine.device, engine.device)
        how = "with full precision"
        if engine.precision != "float32":
            how = "with shorter numbers, which is faster here and tells pictures apart as well"
        yield from job.note(
            f"The network looked at about {engine.pictures_per_second:.0f} pictures per second "
            f"on {where}, {how} ({engine.precision})."
        )


def group_copies(job: TrainingJob, images: Images, features: np.ndarray | None) -> Iterator[Event]:
    """Keep copies together from here on: splits are drawn again where they separate some."""
    regrouped = copies.group_copies(job.workspace, job.project_id, images, features)
    job.images = image_set(job.workspace, job.project_id, seed=job.config.seed)
    if regrouped:
        yield from job.note(
            f"{regrouped} pictures look like copies of others or come from the same series. They "
            "are kept on the same side of every measurement; see “Copies and series” on the "
            "Images page."
        )


def _extract_grouped(job: TrainingJob) -> Generator[Event, None, FeatureTable]:
    """Return plain features of the pictures as they are grouped and split afterwards."""
    while True:
        looked_at = job.images.images
        everything = looked_at + job.images.locked
        table = yield from _extract(job, everything, View())
        yield from group_copies(job, everything, table.matrix("last"))
        kept = [image.digest for image in job.images.images]
        rows = {digest: row for row, digest in enumerate(table.digests)}
        if all(digest in rows for digest in kept):  # else labels changed meanwhile: look again
            values = table.values[[rows[digest] for digest in kept]]
            return replace(table, digests=tuple(kept), values=values)


def _extract(job: TrainingJob, images: Images, view: View) -> Generator[Event, None, FeatureTable]:
    return extract_features(
        job.backbone,
        job.config.backbone,
        images,
        folder=job.workspace.features_dir(job.project_id),
        memory=job.workspace.root / "engines.json",
        view=view,
    )


def fit(job: TrainingJob) -> Iterator[Event]:
    """Choose and fit the classifier; a learning curve is drawn on train and validation part."""
    yield PhaseStarted("probe")
    images, config, k = job.images.images, job.config, len(job.images.class_names)
    labels, groups = labels_of(images), group_numbers([image.group for image in images])
    train_rows = job.rows("train")
    if job.out_of_fold:
        rows = np.arange(len(images))
    else:
        rows = train_rows if job.fine_tunes else job.rows("train", "validation")
    with job.timed("probe"), suited_threads(len(images)):
        inside = None if groups is None else groups[rows]
        folds = make_folds(labels[rows], inside, folds=FOLDS, seed=config.seed)
        parts = {name: matrix[:, rows] for name, matrix in job.views.items()}
        job.choice = yield from _choose(job, parts, labels[rows], folds)
        yield from _learning_curve(job, labels, train_rows)
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


def evaluate(job: TrainingJob) -> Generator[Event, None, Evaluation]:
    images, config, k = job.images.images, job.config, len(job.images.class_names)
    labels = labels_of(images)
    if not job.out_of_fold:
        rows = job.rows("test")
        probabilities = job.probe.probabilities(job.views[job.choice.features][0, rows])
        return held_out(
            job.images.class_names, job.images.test, probabilities, measured_on=TEST_PICTURES
        )
    groups = group_numbers([image.group for image in images])
    folds = make_folds(labels, groups, folds=FOLDS, seed=config.seed)
    yield from _say_what_is_not_measured(job, labels, groups, folds)
    probabilities = np.zeros((len(images), k), np.float32)
    parts = out_of_fold(
        job.views,
        labels,
        k,
        folds=folds,
        groups=groups,
        seed=config.seed,
        balanced=config.balanced,
    )
    tested = []
    with suited_threads(len(images)):
        for done, (rows, values) in enumerate(parts, start=1):
            probabilities[rows] = values
            tested.append(rows)
            yield Progress("evaluate", done, len(folds))
    rows = np.sort(np.concatenate(tested))
    measured = [images[row] for row in rows]
    return out_of_fold_evaluation(
        job.images.class_names, measured, probabilities[rows], folds=len(folds)
    )


def _say_what_is_not_measured(
    job: TrainingJob, labels: np.ndarray, groups: np.ndarray | None, folds: list[Fold]
) -> Iterator[Event]:
    """Name the classes of which nothing can be put aside.

    Raises:
        DatasetError: If that leaves nothing to measure on.
    """
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

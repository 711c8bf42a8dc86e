"""The parts of an assessment, each a generator of (done, total) that adds its result to the job.

A part that cannot be computed with these pictures says so in a note.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from tl_core.approaches.cross_validation import CrossValidated, cross_validated_probe
from tl_core.approaches.training import prepare_training
from tl_core.assessment import baselines
from tl_core.assessment.baselines import Work
from tl_core.assessment.distance import home_of
from tl_core.assessment.job import SCRATCH, AssessmentJob
from tl_core.assessment.layer_curve import layer_curve
from tl_core.assessment.learning_curve import learning_curve
from tl_core.assessment.similarity import compare
from tl_core.assessment.verdict import WORDS, paired_interval, verdict_of
from tl_core.backbones.group_outputs import group_widths
from tl_core.evaluation import calibration
from tl_core.evaluation.folds import group_numbers
from tl_core.images.subsets import SubsetFacts, parse_subset
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import Measured, Similarity
from tl_core.runs.results.report import read_report

Part = Callable[[AssessmentJob], Iterator[Progress]]

COLOURS_TELL = 0.1  # more right answers than the most frequent class gives


def transferred(job: AssessmentJob) -> Iterator[Progress]:
    job.add((yield from baselines.measure("transferred", job.division, _transferred(job))))


def _transferred(job: AssessmentJob) -> Work:
    return (yield from _probe(job)).answers


def _probe(job: AssessmentJob) -> Generator[Progress, None, CrossValidated]:
    """Return the recommended probe on each fold; a training may have measured it already."""
    views = {name: matrix[None] for name, matrix in _pool_matrices(job).items()}
    folder = job.workspace.features_dir(job.project_id)
    return (yield from cross_validated_probe(views, job.division, phase="assess", folder=folder))


def majority(job: AssessmentJob) -> Iterator[Progress]:
    work = baselines.majority(job.division)
    job.add((yield from baselines.measure("majority", job.division, work)))


def colours(job: AssessmentJob) -> Iterator[Progress]:
    work = baselines.colours(job.division, job.inputs.colours)
    job.add((yield from baselines.measure("colours", job.division, work)))
    model, plain = job.answers["transferred"], job.answers["colours"]
    _, (low, _) = paired_interval(job.division, model, plain)
    if low <= 0 and plain.accuracy > job.answers["majority"].accuracy + COLOURS_TELL:
        job.note(
            f"Colours alone are right for {100 * plain.accuracy:.0f} %, and it is not sure that "
            "the pretrained model does better. Perhaps background or light give the classes away: "
            "look whether each class was taken in a place of its own."
        )


def random(job: AssessmentJob) -> Iterator[Progress]:
    last = job.inputs.random_features[:, -job.table.last_size :]
    matrices = {"last": last}
    if job.inputs.random_features.shape[1] > last.shape[1]:
        matrices["all"] = job.inputs.random_features
    work = baselines.frozen(job.division, matrices)
    job.add((yield from baselines.measure("random", job.division, work)))
    _judge(job)


def small(job: AssessmentJob) -> Iterator[Progress]:
    work = baselines.small_network(job.division, job.inputs.thumbnails, seed=job.seed)
    job.add((yield from baselines.measure("small", job.division, work)))
    _judge(job)


def _judge(job: AssessmentJob) -> None:
    others = {name: job.answers[name] for name in WORDS if name in job.answers}
    job.keep(verdict=verdict_of(job.division, job.answers["transferred"], others))


def calibrated(job: AssessmentJob) -> Iterator[Progress]:
    found = calibration.calibration_of(job.division, job.answers["transferred"])
    job.keep(calibration=found)
    yield Progress("assess", 1, 1)
    if found is None:
        job.note(
            f"With fewer than {calibration.LEAST_PICTURES} pictures nothing can be said on "
            "whether probabilities mean what they say."
        )


def home(job: AssessmentJob) -> Iterator[Progress]:
    last = job.table.matrix("last")[_pool_rows(job)]
    job.keep(home=home_of(job.network, job.backbone, job.pool, last))
    yield Progress("assess", 1, 1)


def similarity(job: AssessmentJob) -> Iterator[Progress]:
    """Compare what is learnt from with the test part, and the parts that the person named."""
    known = job.assessment.similarities
    asked = [None] if "similarity" not in job.assessment.done else []
    asked += [pair for pair in job.patterns if pair not in {one.asked for one in known}]
    found = []
    for done, pair in enumerate(asked, start=1):
        found.append(_compare(job, pair))
        yield Progress("assess", done, len(asked))
    job.keep(similarities=(*known, *(one for one in found if one)))


def _compare(job: AssessmentJob, asked: tuple[str, str] | None) -> Similarity | None:
    """Compare two parts of all pictures; None (and a note) if one has too few."""
    a, b = (parse_subset(text) for text in asked or ("split:train", "split:test"))
    drawn = "" if asked or job.images.test_given else " (drawn at random)"
    name_a, name_b = a.title, f"{b.title[0].lower()}{b.title[1:]}{drawn}"
    facts = [
        SubsetFacts(one.name, job.images.class_names[one.label], one.split)
        for one in job.images.images
    ]
    rows_a = [row for row, one in enumerate(facts) if a.holds(one)]
    rows_b = [row for row, one in enumerate(facts) if b.holds(one) and not a.holds(one)]
    groups = group_numbers([job.images.images[row].group for row in [*rows_a, *rows_b]])
    last = job.table.matrix("last")
    found = compare(name_a, last[rows_a], name_b, last[rows_b], groups=groups, seed=job.seed)
    if found is None:
        job.note(
            f"Too few pictures to compare {name_a} ({len(rows_a)}) with {name_b} "
            f"({len(rows_b)}): five of each are needed, from more than one group."
        )
        return None
    return replace(found, asked=asked)


def learning(job: AssessmentJob) -> Iterator[Progress]:
    fits = (yield from _probe(job)).fits
    work = learning_curve(_pool_matrices(job), job.division, fits, seed=job.seed)
    job.keep(learning=(yield from work))


def layers(job: AssessmentJob) -> Iterator[Progress]:
    outputs, widths = job.inputs.group_outputs, group_widths(job.network)
    curve = yield from layer_curve(outputs, widths, job.division)
    job.keep(layers=curve)


def scratch(job: AssessmentJob) -> Iterator[Progress]:
    """Train the whole architecture without pretraining, by the full recipe; it takes minutes."""
    config = TrainingConfig(backbone=job.backbone, strategy="scratch", seed=job.seed)
    run_dir = job.run_dir / SCRATCH
    run_dir.mkdir(exist_ok=True)
    training = prepare_training(job.workspace, job.project_id, run_dir, config)
    for event in chain(training.events(), training.finish()):
        if isinstance(event, Progress):
            yield event
    report = read_report(run_dir)
    found = report.evaluation
    pictures = len(training.task.images.train)
    epochs, per_epoch = training.approach.step_plan.epochs_and_steps(config, pictures)
    job.add_measured(
        Measured(
            name="scratch",
            title="Whole network from scratch",
            accuracy=found.accuracy,
            interval=found.interval,
            correct=found.correct,
            n=found.n,
            budget=f"the chosen architecture from random weights, {epochs * per_epoch} steps of "
            f"{config.batch_size} pictures",
            seconds=round(report.seconds["fine_tune"], 1),
            measured_on=found.measured_on,
        )
    )
    shares = dict(
        zip(job.assessment.digests, job.assessment.of("transferred").correct_per_image, strict=True)
    )
    both = [row for row, digest in enumerate(found.digests) if digest in shares]
    if both:
        right = (found.predicted == found.labels)[both].mean()
        ours = np.mean([shares[found.digests[row]] for row in both])
        job.note(
            f"On the same {len(both)} pictures the whole network from scratch gets "
            f"{100 * right:.0f} % right, the pretrained model {100 * ours:.0f} %."
        )


PARTS: dict[str, Part] = {
    "transferred": transferred,
    "majority": majority,
    "calibration": calibrated,
    "home": home,
    "similarity": similarity,
    "learning": learning,
    "colours": colours,
    "layers": layers,
    "random": random,
    "small": small,
    "scratch": scratch,
}
NEED_INPUTS = ("colours", "layers", "random", "small")


def _pool_rows(job: AssessmentJob) -> np.ndarray:
    """Return the rows of the feature table that the compared pictures have."""
    row = {digest: index for index, digest in enumerate(job.table.digests)}
    return np.array([row[image.digest] for image in job.pool], dtype=np.int64)


def _pool_matrices(job: AssessmentJob) -> dict[str, np.ndarray]:
    rows = _pool_rows(job)
    return {name: matrix[rows] for name, matrix in job.table.matrices().items()}

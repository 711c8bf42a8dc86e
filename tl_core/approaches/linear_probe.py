"""Linear probing: the whole backbone frozen, a linear classifier on its features.

Features and method are chosen by cross-validation; the number that is reported is nested: each
picture is answered by a classifier that was chosen and fitted without it.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.cross_validation import CrossValidated, cross_validated_probe
from tl_core.approaches.probe import CENTROIDS, LinearProbe, all_views
from tl_core.approaches.probe_choice import ProbeChoice, choose_probe
from tl_core.approaches.task import Extracted, Task, extract
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import Unlike, fit_unlike
from tl_core.errors import DatasetError
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.folds import make_folds, unmeasured_classes
from tl_core.evaluation.measuring import evaluation_of
from tl_core.evaluation.out_of_fold import FOLDS, Division, OutOfFold, divide
from tl_core.features.device import suited_threads
from tl_core.features.engine import EngineChoice
from tl_core.runs.events import CandidateScore, Event, Note, PhaseStarted
from tl_core.runs.results.report import Evaluation


def train(task: Task) -> Steps:
    task, extracted = yield from extract(task, augmented=True)
    yield Fitted((yield from fit(task, extracted)))


@dataclass(frozen=True)
class ProbeModel:
    """A fitted linear classifier, and the features that it was fitted on."""

    task: Task
    extracted: Extracted
    choice: ProbeChoice
    probe: LinearProbe
    trial_gain: float | None = None
    trial_kept: bool = False
    strategy_used: str = "probe"
    learning_seconds: float = 0.0

    @property
    def engine(self) -> EngineChoice | None:
        return self.extracted.engine

    def network(self) -> TransferNetwork:
        return network_of(self.task, self.choice.features, self.probe)

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure on the part that is held out, or out of fold on every picture."""
        division = yield from measured_division(self.task)
        found = yield from cross_validate(self.task, self.extracted, division, "evaluate")
        return evaluation_on(self.task, division, found.answers)

    def unlike(self) -> Unlike | None:
        return fit_unlike(self.extracted.views["last"][0], self.task.groups)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return logits, float32 (n, K), of these pictures, unvaried."""
        return self.probe.logits(self.extracted.views[self.choice.features][0, rows])


def fit(
    task: Task, extracted: Extracted, rows: np.ndarray | None = None
) -> Generator[Event, None, ProbeModel]:
    """Choose by cross-validation how to read the features, and fit the classifier.

    Args:
        task: The training.
        extracted: Its features.
        rows: Pictures to learn from, int64 (n,); None for all that are not held out.
    """
    yield PhaseStarted("probe")
    labels, groups, config = task.labels, task.groups, task.config
    if rows is None and not task.cross_validates:
        division = yield from measured_division(task)
        (found,) = (yield from cross_validate(task, extracted, division, "probe")).fits
        choice, probe = found.choice, found.probe
        for (features, method), score in choice.scores.items():
            yield CandidateScore("probe", features, method.name, method.amount, score)
    else:
        rows = np.arange(len(labels)) if rows is None else rows
        with suited_threads(len(labels)):
            inside = None if groups is None else groups[rows]
            folds = make_folds(labels[rows], inside, folds=FOLDS, seed=config.seed)
            parts = {name: matrix[:, rows] for name, matrix in extracted.views.items()}
            choice = yield from choose_probe(
                parts, labels[rows], task.num_classes, folds=folds, balanced=config.balanced
            )
            features, repeated = all_views(extracted.views[choice.features], labels, rows)
            probe = choice.fit(features, repeated, task.num_classes, balanced=config.balanced)
    if choice.method == CENTROIDS:
        yield Note(
            "A class has very few pictures, so the classifier is nearest centroid: each picture "
            "gets the class with the closest mean features."
        )
    if choice.scores:
        read = "all stages" if choice.features == "all" else "the last layer"
        yield Note(f"Cross-validation chose the features of {read}.")
    return ProbeModel(task, extracted, choice, probe)


def network_of(task: Task, features: str, probe: LinearProbe | None = None) -> TransferNetwork:
    """Return the task's backbone with a classifier: the probe's, or a random one."""
    network = TransferNetwork(
        task.backbone,
        features=features,
        num_classes=task.num_classes,
        unit_length=probe.unit_length if probe else False,
    )
    if probe:
        with torch.no_grad():
            network.feature_mean.copy_(torch.from_numpy(probe.mean))
            network.feature_scale.copy_(torch.from_numpy(probe.scale))
            network.classifier.weight.copy_(torch.from_numpy(probe.weight))
            network.classifier.bias.copy_(torch.from_numpy(probe.bias))
    return network


def measured_division(task: Task) -> Generator[Event, None, Division]:
    """Return how the pictures are divided for the reported number; say what it leaves out.

    Raises:
        DatasetError: If nothing can be measured.
    """
    division = divide(
        task.images.images,
        task.num_classes,
        seed=task.config.seed,
        hold_out=task.images.test_given,
    )
    if task.cross_validates:
        yield from _say_what_is_not_measured(task, division)
    return division


def cross_validate(
    task: Task,
    extracted: Extracted,
    division: Division,
    phase: str,
    rows: np.ndarray | None = None,
) -> Generator[Event, None, CrossValidated]:
    """Measure the probe on a division of all pictures, or of those in `rows`."""
    views = extracted.views
    if rows is not None and len(rows) < len(task.images.images):
        views = {name: view[:, rows] for name, view in views.items()}
    return cross_validated_probe(
        views,
        division,
        phase=phase,
        balanced=task.config.balanced,
        folder=task.workspace.features_dir(task.project_id),
    )


def evaluation_on(task: Task, division: Division, answers: OutOfFold) -> Evaluation:
    """Return what these answers say of the pictures that the division measures."""
    return evaluation_of(
        task.images.class_names,
        [task.images.images[row] for row in division.rows],
        softmax(answers.logits),
        measured_on="all" if task.cross_validates else "test",
        folds=len(division.folds),
    )


def _say_what_is_not_measured(task: Task, division: Division | None) -> Iterator[Event]:
    """Name the classes of which nothing can be put aside.

    Raises:
        DatasetError: If that leaves nothing to measure on.
    """
    labels, groups = task.labels, task.groups
    tested = set(labels[division.rows].tolist()) if division else set()
    classes = set(np.unique(labels).tolist()) - tested if division else set()
    classes = classes or unmeasured_classes(labels, groups)
    missing = [f"'{task.images.class_names[label]}'" for label in sorted(classes)]
    named = missing[0] if len(missing) == 1 else f"each of {', '.join(missing) or 'the classes'}"
    why = (
        f"The pictures of {named} are all copies of one another or one series, so none can be "
        "held out. Add pictures from another source, or split the group on the Images page if "
        "they show different things."
    )
    if division is None:
        raise DatasetError(why)
    if missing:
        yield Note(f"{why} The results cover the other classes only.")


APPROACH = Approach(name="probe", settings=("balanced", "augmentations", "views"), train=train)

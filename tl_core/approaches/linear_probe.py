"""Linear probing: the whole backbone frozen, a linear classifier on its features.

What is reported of it are its answers for each picture without that picture's group. At two scales
every picture is read twice, once larger, and stages and last layer of both are stacked.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.probing.probe import Basis, LinearProbe, ProbeFit
from tl_core.approaches.task import Extracted, Task, extract
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.scales import with_two_scales
from tl_core.backbones.unlike import Unlike, fit_unlike
from tl_core.errors import DatasetError
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.measuring import evaluation_of
from tl_core.features.device import suited_threads
from tl_core.features.engine import EngineChoice
from tl_core.runs.events import CandidateScore, Event, Note, PhaseStarted
from tl_core.runs.results.report import Evaluation


def train(task: Task) -> Steps:
    task, extracted = yield from extract(task, augmented=True)
    model = yield from fit(task, extracted)
    yield from say_what_is_not_measured(model)
    yield Fitted(model)


@dataclass(frozen=True)
class ProbeModel:
    """A linear classifier, fitted on the features of the pictures `rows`, int64 (n,)."""

    task: Task
    extracted: Extracted
    rows: np.ndarray
    fitted: ProbeFit
    trial_gain: float | None = None
    trial_kept: bool = False
    strategy_used: str = "probe"
    learning_seconds: float = 0.0

    @property
    def engine(self) -> EngineChoice | None:
        return self.extracted.engine

    def network(self) -> TransferNetwork:
        return network_of(self.task, self.extracted.reads, self.fitted.probe)

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure on the person's own test part, or on every picture without its group."""
        yield from ()
        names, images = self.task.images.class_names, self.task.images.images
        if self.task.images.test_given:
            rows, folds, logits = self.task.rows("test"), 1, self.logits(self.task.rows("test"))
        else:
            measured = self.fitted.measured
            rows, logits = self.rows[measured], self.fitted.out_of_group[measured]
            folds = self.fitted.groups
        return evaluation_of(
            names,
            [images[row] for row in rows],
            softmax(logits),
            measured_on="test" if self.task.images.test_given else "all",
            folds=folds,
        )

    def unlike(self) -> Unlike | None:
        last = self.extracted.values[0, self.rows, -self.extracted.blocks["last"] :]
        return fit_unlike(last, self.task.groups[self.rows])

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return logits, float32 (n, K), of these pictures, unvaried."""
        return self.fitted.probe.logits(self.extracted.values[0, rows])


def fit(
    task: Task, extracted: Extracted, rows: np.ndarray | None = None
) -> Generator[Event, None, ProbeModel]:
    """Fit the classifier on these pictures, int64 (n,), or all but the person's own test part."""
    yield PhaseStarted("probe")
    model = fitted_on(task, extracted, task.learnt_rows() if rows is None else rows)
    for (part, amount), accuracy in model.fitted.scores.items():
        yield CandidateScore("probe", part, amount, accuracy)
    return model


def fitted_on(
    task: Task, extracted: Extracted, rows: np.ndarray, basis: Basis | None = None
) -> ProbeModel:
    """Return the classifier fitted on every view of these pictures, int64 (n,).

    `basis` is what `basis_of` returns for them, if that is known already; then many are fitted, and
    the optimism of choosing, most of the work, is left out.
    """
    labels = np.tile(task.labels[rows], len(extracted.values))
    with suited_threads(len(labels)):
        fitted = (basis or basis_of(task, extracted, rows)).fit(
            labels,
            task.num_classes,
            balanced=task.config.balanced,
            plain=len(rows),
            measure_optimism=basis is None,
        )
    return ProbeModel(task, extracted, rows, fitted)


def basis_of(task: Task, extracted: Extracted, rows: np.ndarray) -> Basis:
    """Return all of a fit to every view of these pictures that does not depend on labels."""
    groups = np.tile(task.groups[rows], len(extracted.values))
    with suited_threads(len(groups)):
        return Basis(extracted.features(rows), groups)


def network_of(task: Task, features: str, probe: LinearProbe | None = None) -> TransferNetwork:
    """Return the task's backbone with a classifier: the probe's, or a random one."""
    classes = len(probe.bias) if probe else task.num_classes
    network = TransferNetwork(task.backbone, features=features, num_classes=classes)
    if probe:
        with torch.no_grad():
            network.feature_mean.copy_(torch.from_numpy(probe.mean))
            network.feature_scale.copy_(torch.from_numpy(probe.scale))
            network.classifier.weight.copy_(torch.from_numpy(probe.weight))
            network.classifier.bias.copy_(torch.from_numpy(probe.bias))
    return network


def say_what_is_not_measured(model: ProbeModel) -> Iterator[Event]:
    """Name the classes of which nothing can be put aside.

    Raises:
        DatasetError: If that leaves nothing to measure on.
    """
    if model.task.images.test_given:
        return
    labels, groups = model.task.labels[model.rows], model.task.groups[model.rows]
    names, measured = model.task.images.class_names, set(labels[model.fitted.measured].tolist())
    classes = set(labels.tolist())
    alone = {label for label in classes if len(set(groups[labels == label])) < 2}
    missing = [f"'{names[label]}'" for label in sorted(alone or classes - measured)]
    if not missing:
        return
    named = missing[0] if len(missing) == 1 else f"each of {', '.join(missing)}"
    why = (
        f"The pictures of {named} are all copies of one another or one series, so none can be "
        "held out. Add pictures from another source, or split the group on the Images page if "
        "they show different things."
    )
    if not measured:
        raise DatasetError(why)
    yield Note(f"{why} The results cover the other classes only.")


APPROACH = Approach(
    name="recommended", settings=("balanced", "augmentations", "views"), train=train
)
TWO_SCALES = Approach(
    name="two_scales", settings=APPROACH.settings, adapt=with_two_scales, train=train
)

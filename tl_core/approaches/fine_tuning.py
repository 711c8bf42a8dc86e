"""Fine-tuning: the last layer groups go on learning, starting from the fitted linear probe (LP-FT).

Source: Kumar et al. (2022), "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution", arXiv:2202.10054.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from tl_core.approaches import linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.linear_probe import ProbeModel, network_of
from tl_core.approaches.optimising.batches import batches_for
from tl_core.approaches.optimising.checkpoints import restore_checkpoint, write_checkpoint
from tl_core.approaches.optimising.optimisation import Optimisation, optimise, start
from tl_core.approaches.task import Task, extract
from tl_core.backbones.layer_groups import layer_groups
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import Unlike, fit_unlike, spread
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.measuring import crop_batches, evaluation_of, last_of, logits_of
from tl_core.features.engine import EngineChoice
from tl_core.runs.approach import StepPlan
from tl_core.runs.events import EpochResult, Event, Note, PhaseStarted
from tl_core.runs.results.intervals import paired_gain
from tl_core.runs.results.report import Evaluation

COMPARED = 128  # pictures that were learnt from, and others, to find what is unlike them
OPTIMISER_SETTINGS = (
    *("balanced", "frozen_groups", "augmentations", "steps", "batch_size"),
    *("classifier_lr", "backbone_lr", "layer_decay", "weight_decay"),
)


def train(task: Task) -> Steps:
    task, extracted = yield from extract(task, augmented=False)
    probe = yield from linear_probe.fit(task, extracted, task.rows("train"))
    network = network_of(task, extracted.reads, probe.fitted.probe)
    yield from learn(task, network, APPROACH, before=probe)


def learn(
    task: Task, network: TransferNetwork, approach: Approach, *, before: ProbeModel | None = None
) -> Steps:
    """Let the network's thawed layers learn, going on from the run's checkpoint if there is one.

    Args:
        task: Its training part is learnt from, its validation part chooses the epoch to keep.
        network: With the classifier to start from.
        approach: Says how many groups stay frozen, and for how long layers learn.
        before: The probe that the classifier comes from, to compare with.
    """
    frozen = approach.frozen_groups(task.config, len(layer_groups(network)))
    state = start(network, task.config, frozen_groups=frozen, from_scratch=not approach.pretrained)
    yield PhaseStarted("fine_tune")
    batches = yield from batches_for(task, network, from_scratch=state.from_scratch)
    events = optimise(
        state, task.config, approach.step_plan, *batches, class_weights=task.class_weights()
    )
    checkpoint = checkpoint_file(task)
    if restore_checkpoint(checkpoint, state, task.images):
        yield Note(f"Resumed after epoch {state.epoch}.")
    elif checkpoint.exists():
        yield Note(
            "The training pictures have changed since this run was interrupted, or what it had "
            "saved is damaged, so it starts from the beginning."
        )
    model = TunedModel(task, state, approach.name, before)
    if state.best:
        yield Fitted(model)
    for event in events:
        if isinstance(event, EpochResult):
            write_checkpoint(checkpoint, state, task.images)
            yield Fitted(model)
        yield event
    if best := state.best_epoch:
        yield Note(f"Kept the weights of epoch {best}, the best on the validation set.")
    else:
        yield Note(
            "No epoch was better on the validation set than the initial weights, which were kept."
        )


@dataclass(frozen=True)
class TunedModel:
    """A network whose last layers have learnt, and the probe that it started from."""

    task: Task
    state: Optimisation
    strategy_used: str
    before: ProbeModel | None = None
    trial_gain: float | None = None
    trial_kept: bool = False

    @property
    def engine(self) -> EngineChoice | None:
        return self.before.engine if self.before else None

    @property
    def learning_seconds(self) -> float:
        return self.state.seconds

    def network(self) -> TransferNetwork:
        self.state.restore_best()
        return self.state.network

    @property
    def learnt(self) -> np.ndarray:
        """The pictures, int64 (n,), that its layers have learnt from."""
        return self.task.rows("train")

    def unlike(self) -> Unlike | None:
        """Fit on the network's own features; other pictures than the learnt say what is unlike."""
        images, learnt = self.task.images.images, self.learnt
        others = np.setdiff1d(np.arange(len(images)), learnt)
        rows = np.concatenate([spread(part, COMPARED) for part in (learnt, others)])
        crops = crop_batches([images[row] for row in rows], self.task.preprocessing)
        last = torch.cat(list(last_of(self.network(), crops, self.task.preprocessing)))
        groups = None if self.task.groups is None else self.task.groups[rows]
        return fit_unlike(last.numpy(), groups, learnt=np.isin(rows, learnt))

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure on the test part; on the validation part, saying so, if that is all there is."""
        images, measured_on = self.task.images.test, "test"
        if not images:
            images = self.task.images.validation
            measured_on = "validation"
        crops = crop_batches(images, self.task.preprocessing)
        logits = torch.cat(list(logits_of(self.network(), crops, self.task.preprocessing)))
        names, probabilities = self.task.images.class_names, softmax(logits.numpy())
        evaluation = evaluation_of(names, images, probabilities, measured_on=measured_on)
        if self.before and self.task.images.test:
            yield from self._compare(evaluation)
        return evaluation

    def _compare(self, evaluation: Evaluation) -> Iterator[Event]:
        """Say on the same pictures what fine-tuning added to the probe it started from."""
        labels = evaluation.labels
        before = self.before.logits(self.task.rows("test")).argmax(axis=1)
        gain, error = paired_gain(
            before == labels, evaluation.predicted == labels, evaluation.groups
        )
        verdict = "gained" if gain > error else "made no clear difference:"
        yield Note(
            f"Fine-tuning {verdict} {100 * gain:+.1f} points against the linear probe that it "
            f"started from, on the same {len(labels)} test pictures (standard error "
            f"{100 * error:.1f})."
        )


def checkpoint_file(task: Task):
    return task.run_dir / "checkpoint.safetensors"


APPROACH = Approach(
    name="fine-tune",
    trained_groups=2,
    step_plan=StepPlan(epochs=10, least=100, most=300),
    settings=(*OPTIMISER_SETTINGS, "views"),
    train=train,
)

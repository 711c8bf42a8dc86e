"""Pictures without labels: the probe learns from its own answers, or the network from views.

"self_training", on kept features, is the default; the others re-train the last stages first. Both
are judged by answers for the labelled pictures, each by a model that did not know its label: what
is less accurate is not used, nor what re-training gained of at most one standard error.

Measured with self-training (test pictures that nothing was learnt from, few labels per class):
CIFAR-10 +3.5 points (10 labels, 4 draws), sign_digits +8 (5), neu_steel6 +3 (3), trashnet6 -1 (10
and 3 labels), where it was not used. Re-training on 500 pictures of CIFAR-10 (300
answered, +-4): SimSiam, BYOL, VICReg +4.3, +4.0, +4.0 on the last stage, +3.0, +3.3, +3.3 on the
last two, +3.0, +2.7, +3.3 on the last three; but +3.7 on the last where nothing is learnt and only
the normalisation is re-estimated, and -0.3 with that on another draw. The labels showed no clear
gain of any, so none was used. `python -m benchmarks --only self_supervised` measures it all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tl_core.approaches import linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.linear_probe import ProbeModel
from tl_core.approaches.optimising.retraining import Retrained, out_of_group, retrain
from tl_core.approaches.optimising.self_supervision import METHODS
from tl_core.approaches.probing.self_training import self_train
from tl_core.approaches.task import Images, Task, extract
from tl_core.backbones.layer_groups import layer_groups
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import spread
from tl_core.errors import DatasetError
from tl_core.features.extraction import extract_features
from tl_core.images import ImageSet, image_set, unlabelled_images
from tl_core.runs.approach import LABELS, LEAST_UNLABELLED, UNLABELLED, Option
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted
from tl_core.runs.results.intervals import paired_gain, paired_interval
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.storage import Workspace

SELF_TRAINING = "self_training"
MOST = 4000  # pictures without labels that self-training takes


def train(task: Task) -> Steps:
    options = APPROACH.options_of(task.config)
    method = str(options["method"])
    task, extracted = yield from extract(task, augmented=False)
    plain = yield from linear_probe.fit(task, extracted)
    yield from linear_probe.say_what_is_not_measured(plain)
    pictures = unlabelled_images(task.workspace, task.project_id)
    model = RetrainedModel(**vars(plain), plain=plain, unlabelled=len(pictures))
    yield Fitted(model)
    if method == SELF_TRAINING:
        work = _self_trained(plain, pictures)
    else:
        frozen = APPROACH.frozen_groups(task.config, len(layer_groups(model.network())))
        yield PhaseStarted("fine_tune")
        epochs = int(options["epochs"])
        work = retrain(plain, pictures, method=method, epochs=epochs, frozen_groups=frozen)
    for event in work:
        if isinstance(event, Retrained):
            model = _chosen(plain, event, len(pictures))
            yield Fitted(model)
        else:
            yield event
    if model.found is not None:
        yield _came_of_it(model, method)


def _self_trained(plain: ProbeModel, pictures: Images) -> Iterator[Event | Retrained]:
    """Yield a probe that has learnt from its own answers as well."""
    task, rows = plain.task, plain.rows
    yield PhaseStarted("features")
    table = yield from extract_features(
        task.backbone,
        task.config.backbone,
        [pictures[i] for i in spread(np.arange(len(pictures)), MOST)],
        workspace=task.workspace,
        project_id=task.project_id,
    )
    yield PhaseStarted("probe")
    found = self_train(
        plain.extracted.features(rows),
        task.labels[rows],
        table.features,
        task.num_classes,
        groups=task.groups[rows],
        balanced=task.config.balanced,
    )
    alike = replace(plain.fitted, out_of_group=found.plain, measured=found.fit.measured)
    model = replace(plain, fitted=found.fit, strategy_used="self_supervised")
    yield Retrained(0, model, against=replace(plain, fitted=alike))


@dataclass(frozen=True, kw_only=True)
class RetrainedModel(ProbeModel):
    """The `plain` probe, or the one on the re-trained network where that is `used`."""

    plain: ProbeModel
    unlabelled: int
    found: "Retrained | None" = None
    used: bool = False

    def network(self) -> TransferNetwork:
        if self.used and self.found.state:
            self.task.backbone.load_state_dict(self.found.state)
        return super().network()

    def findings(self, _evaluation: Evaluation) -> dict:
        """Return how the plain probe and the re-trained network compare on the same pictures."""
        facts = {
            "method": APPROACH.options_of(self.task.config)["method"],
            "unlabelled_pictures": self.unlabelled,
            "accuracy_before": float(_right(self.plain).mean()),
            "helped": False,
        }
        if self.found is None:
            return facts
        before, after = _right(self.found.against), _right(self.found.model)
        low, high = paired_interval(before, after)
        gain = float(after.mean() - before.mean())
        return facts | {
            "accuracy_retrained": float(after.mean()),
            "epoch": self.found.epoch,
            "used": self.used,
            "helped": self.used and gain > 0,
            "gain": gain,
            "gain_interval": [low, high],
            "verdict": "helped" if low > 0 else "hurt" if high < 0 else "no clear difference",
        }


def _chosen(plain: ProbeModel, found: Retrained, unlabelled: int) -> RetrainedModel:
    """Return what is more accurate; re-training has to gain more than one standard error."""
    groups = plain.task.groups[plain.rows[found.model.fitted.measured]]
    before, after = (out_of_group(one)[0] for one in (found.against, found.model))
    gain, error = paired_gain(before, after, groups)
    used = gain > (error if found.state else 0)
    facts = {"plain": plain, "unlabelled": unlabelled, "found": found, "used": used}
    return RetrainedModel(**vars(found.model if used else plain), **facts)


def _came_of_it(model: RetrainedModel, method: str) -> Note:
    before, after = (out_of_group(one)[0] for one in (model.found.against, model.found.model))
    gain = 100 * (after.mean() - before.mean())
    what = "Self-training" if method == SELF_TRAINING else f"Re-training ({method})"
    used = "so it is used"
    unused = "which is no help, so the plain probe is used; with few pictures that is usual"
    return Note(
        f"{what} on {model.unlabelled} pictures without labels gained {gain:+.1f} points on "
        f"{len(before)} labelled ones, {used if model.used else unused}."
    )


def _right(model: ProbeModel) -> np.ndarray:
    """Return which pictures are right, bool (n,), of those that the report measures."""
    if not model.task.images.test_given:
        return out_of_group(model)[0]
    rows = model.task.rows("test")
    return model.logits(rows).argmax(axis=1) == model.task.labels[rows]


def with_unlabelled(workspace: Workspace, project_id: str, config: TrainingConfig) -> ImageSet:
    """Return the labelled pictures.

    Raises:
        DatasetError: If there are too few of them, or too few without a label.
    """
    images = image_set(workspace, project_id, seed=config.seed)
    count = len(unlabelled_images(workspace, project_id))
    if count < LEAST_UNLABELLED:
        raise DatasetError(
            f"There are {count} pictures without a label; self-supervised re-training needs at "
            f"least {LEAST_UNLABELLED}, and hundreds are better. Pictures that are among the "
            "labelled ones as well count as these."
        )
    return images


APPROACH = Approach(
    name="self_supervised",
    needs=(LABELS, UNLABELLED),
    trained_groups=2,
    settings=("balanced", "frozen_groups", "backbone_lr", "layer_decay", "weight_decay"),
    options=(
        Option("method", SELF_TRAINING, choices=(SELF_TRAINING, *METHODS)),
        Option("epochs", 10, least=1, most=1000),
    ),
    image_set=with_unlabelled,
    train=train,
)

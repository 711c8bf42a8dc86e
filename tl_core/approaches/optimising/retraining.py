"""A network's last stages re-trained without labels, and a probe on its features every epoch.

What the frozen front makes of every picture, and of augmented views, is computed once and kept.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.approaches import linear_probe
from tl_core.approaches.linear_probe import ProbeModel
from tl_core.approaches.optimising.batches import MEASURED_BATCH
from tl_core.approaches.optimising.self_supervision import VIEWS, Agreement, SelfSupervision
from tl_core.approaches.task import Extracted, Images, Task
from tl_core.backbones.layer_groups import freeze_to
from tl_core.backbones.network import TransferNetwork, feature_sizes
from tl_core.backbones.tensor_file import has_nan
from tl_core.evaluation.calibration import log_loss
from tl_core.features.decoding import PLAIN_VIEW, View
from tl_core.features.device import device
from tl_core.features.frozen_front import FrontValues, FrozenFront, cut_front
from tl_core.runs.events import EpochResult, Event, Note
from tl_core.workspace.cache_budget import budget_bytes

AUGMENTATIONS = ("crop", "flip", "colour")
FALLING = 2  # epochs in a row below the accuracy before the first, and it stops


@dataclass(frozen=True)
class Retrained:
    """The best epoch so far: the probe on the features of then, and the network's weights.

    `against` is the plain probe, measured alike; `state` None: the network is as it was.
    """

    epoch: int
    model: ProbeModel
    against: ProbeModel
    state: dict[str, Tensor] | None = None


def retrain(
    plain: ProbeModel, pictures: Images, *, method: str, epochs: int, frozen_groups: int
) -> Iterator[Event | Retrained]:
    """Let the thawed layers of a copy of the probe's network learn from pictures without labels.

    Yields `Retrained` after every epoch whose probe is more likely right than those before.

    Args:
        plain: The probe on the network as it is.
        pictures: Without labels.
        method: One of `self_supervision.METHODS`.
        epochs: It ends before the last one when the probe's accuracy falls.
        frozen_groups: How many of the first layer groups stay as they are.
    """
    task = replace(plain.task, backbone=copy.deepcopy(plain.task.backbone))
    torch.manual_seed(task.config.seed)  # the heads are drawn
    both = ("last", plain.extracted.reads)
    learner, reader = (_reader(task, reads, frozen_groups) for reads in both)
    fronts = [_front(task, one) for one in (learner, reader)]
    if None in fronts:
        yield Note("The outputs of the frozen layers cannot be kept, so nothing was re-trained.")
        return
    views = _views(task, fronts[0], len(pictures))
    if len(views) < 2:
        yield Note("Two views of every picture do not fit into the cache. Increase TL_CACHE_GB.")
        return
    kept, _ = yield from fronts[0].values([(view, pictures) for view in views])
    (labelled,), _ = yield from fronts[1].values([(PLAIN_VIEW, task.images.images)])
    size = feature_sizes(task.backbone)["last"]
    learning = SelfSupervision(
        learner,
        Agreement(method, fronts[0].halves.back, size),
        views=kept,
        digests=[image.digest for image in pictures],
        config=task.config,
        epochs=epochs,
    )
    best, accuracies = np.inf, []
    for epoch in range(epochs + 1):
        began = time.perf_counter()
        loss = (yield from learning.epoch(epoch)) if epoch else None
        if has_nan(task.backbone.state_dict().values()):
            yield Note(f"In epoch {epoch} the weights were no longer numbers, so it ended there.")
            return
        model = _probe_on(task, plain, fronts[1].halves.back, labelled)
        right, unlikely = out_of_group(model)
        accuracies.append(float(right.mean()))
        yield EpochResult(
            phase="fine_tune",
            epoch=epoch,
            total_epochs=epochs,
            train_loss=loss,
            train_accuracy=None,
            validation_loss=unlikely,
            validation_accuracy=accuracies[-1],
            lr=task.config.backbone_lr if epoch else 0.0,
            seconds=time.perf_counter() - began,
        )
        if epoch and unlikely < best:
            best = unlikely
            state = {name: value.clone() for name, value in task.backbone.state_dict().items()}
            yield Retrained(epoch, model, plain, state)
        if len(accuracies) > FALLING and max(accuracies[-FALLING:]) < accuracies[0]:
            yield Note(
                f"The probe's accuracy fell from {100 * accuracies[0]:.1f} to "
                f"{100 * accuracies[-1]:.1f} %, so re-training stopped after epoch {epoch}."
            )
            return


def _reader(task: Task, reads: str, frozen_groups: int) -> TransferNetwork:
    """Return the task's backbone with features instead of logits, thawed as far as is wanted."""
    network = TransferNetwork(task.backbone, features=reads, num_classes=2).to(device())
    network.classifier = nn.Identity()
    freeze_to(network, frozen_groups)
    return network


def _front(task: Task, network: TransferNetwork) -> FrozenFront | None:
    return cut_front(
        network,
        task.images.images,
        workspace=task.workspace,
        project_id=task.project_id,
        backbone=task.config.backbone,
        preprocessing=task.preprocessing,
    )


def _views(task: Task, front: FrozenFront, pictures: int) -> list[View]:
    room = budget_bytes() // 2 // max(1, front.kept.bytes_each * pictures)
    names = task.config.augmentations or AUGMENTATIONS
    return [View(names, number, task.config.seed) for number in range(min(VIEWS, room))]


@torch.inference_mode()
def _probe_on(task: Task, plain: ProbeModel, back: nn.Module, kept: FrontValues) -> ProbeModel:
    """Return the probe fitted on what the network makes of the labelled pictures now."""
    digests, place = np.array([image.digest for image in task.images.images]), device()
    parts = np.array_split(digests, -(-len(digests) // MEASURED_BATCH))
    values = torch.cat([back(*(value.to(place) for value in kept.take(part))) for part in parts])
    table = values.float().cpu().numpy()[None]
    extracted = Extracted(table, plain.extracted.blocks, plain.extracted.engine)
    fitted = linear_probe.fitted_on(task, extracted, plain.rows)
    return replace(fitted, strategy_used="self_supervised")


def out_of_group(model: ProbeModel) -> tuple[np.ndarray, float]:
    """Return which measured pictures are right, bool (n,), and their mean loss in nats."""
    rows = model.fitted.measured
    logits, labels = model.fitted.out_of_group[rows], model.task.labels[model.rows[rows]]
    return logits.argmax(axis=1) == labels, log_loss(logits, labels)[0] / max(1, len(rows))

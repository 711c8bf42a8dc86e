"""The optimisation loop: thawed layers learn, the best state on validation pictures is kept.

It knows a network, crops and labels. It does not know where they come from, what happens to the
result, or who watches: it is a generator, and stopping means to stop asking.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tl_core.config import TrainingConfig
from tl_core.datasets import LabelledImage
from tl_core.evaluation import crop_batches, logits_of, losses_and_accuracy
from tl_core.events import EpochResult, Event, Progress
from tl_core.layers import freeze_to, parameter_groups, train_mode
from tl_core.network import TransferNetwork
from tl_core.pictures import augmented_file, crop_file, in_parallel
from tl_core.transforms import Preprocessing, normalise

SCRATCH_FACTOR = 10  # random weights need larger steps than pretrained ones bear
WARM_UP = 0.1  # share of the steps in which the learning rate rises
CROP_BYTES = 512 * 2**20  # crops up to this size stay in memory, more are read every epoch


@dataclass
class FineTuning:
    """State of one optimisation, all that a checkpoint holds.

    `best_accuracy` and `best_loss` are of `best`, measured on the validation pictures; epoch 0 is
    the state before the first step.
    """

    network: TransferNetwork
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def restore_best(self) -> None:
        self.network.load_state_dict(self.best)


def plan(config: TrainingConfig, pictures: int) -> tuple[int, int]:
    """Return (epochs, steps per epoch): steps rather than epochs for small sets.

    Source: Kolesnikov et al. (2020), "Big Transfer", arXiv:1912.11370, for a schedule in steps.
    """
    per_epoch = max(1, pictures // config.batch_size)
    if config.steps is not None:
        steps = config.steps
    elif config.strategy == "scratch":
        steps = min(600, max(200, 30 * per_epoch))
    else:
        steps = min(300, max(100, 10 * per_epoch))
    return math.ceil(steps / per_epoch), per_epoch


def start(network: TransferNetwork, config: TrainingConfig, *, frozen_groups: int) -> FineTuning:
    """Freeze the first layer groups and make the optimiser of the others."""
    freeze_to(network, frozen_groups)
    scratch = config.strategy == "scratch"
    scratch_lr = SCRATCH_FACTOR * config.classifier_lr
    groups = parameter_groups(
        network,
        classifier_lr=scratch_lr if scratch else config.classifier_lr,
        backbone_lr=scratch_lr if scratch else config.backbone_lr,
        layer_decay=1.0 if scratch else config.layer_decay,
        weight_decay=config.weight_decay,
    )
    for group in groups:
        group["full_lr"] = group["lr"]
    network.to(memory_format=torch.channels_last)
    return FineTuning(network, torch.optim.AdamW(groups))


def fine_tune(
    state: FineTuning,
    config: TrainingConfig,
    train: Sequence[LabelledImage],
    validation: Sequence[LabelledImage],
    *,
    preprocessing: Preprocessing,
    class_weights: Tensor | None,
) -> Iterator[Event]:
    """Train from `state.epoch` on, yielding Progress per step and an EpochResult per epoch.

    After every EpochResult `state` is whole: it may be written down and gone on with, and gives
    the same history as without the pause.
    """
    epochs, per_epoch = plan(config, len(train))
    crops = _Crops(train, config, preprocessing)
    validation_crops = _Crops(validation, None, preprocessing)
    total, began, at_start = epochs * per_epoch, time.perf_counter(), state.epoch * per_epoch
    if state.epoch == 0:
        yield _epoch_result(state, config, validation_crops, math.nan, math.nan, epochs, began)
    for epoch in range(state.epoch + 1, epochs + 1):
        epoch_began = time.perf_counter()
        loss_sum, hits, seen = 0.0, 0, 0
        torch.manual_seed(config.seed * 100_003 + epoch)  # dropout and its like
        train_mode(
            state.network,
            batch_size=config.batch_size,
            from_scratch=config.strategy == "scratch",
        )
        for step, (batch, labels) in enumerate(crops.shuffled(epoch, per_epoch)):
            done = (epoch - 1) * per_epoch + step
            _set_learning_rate(state.optimiser, done / total)
            loss, correct = _step(state, batch, labels, preprocessing, class_weights)
            loss_sum, hits, seen = loss_sum + loss * len(labels), hits + correct, seen + len(labels)
            rate = (time.perf_counter() - began) / (done + 1 - at_start)
            yield Progress("fine_tune", done + 1, total, rate * (total - done - 1))
        state.epoch = epoch
        yield _epoch_result(
            state, config, validation_crops, loss_sum / seen, hits / seen, epochs, epoch_began
        )


def _step(
    state: FineTuning,
    batch: Tensor,
    labels: Tensor,
    preprocessing: Preprocessing,
    class_weights: Tensor | None,
) -> tuple[float, int]:
    """Do one update; return the batch's mean loss in nats and its correct predictions."""
    place = state.network.classifier.weight.device
    images = normalise(batch.to(place), preprocessing)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = labels.to(place)
    logits = state.network(images)
    loss = nn.functional.cross_entropy(logits, labels, weight=class_weights)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    state.optimiser.step()
    with torch.no_grad():
        plain = nn.functional.cross_entropy(logits, labels).item()
    return plain, int((logits.argmax(dim=1) == labels).sum())


def _epoch_result(
    state: FineTuning,
    config: TrainingConfig,
    crops: "_Crops",
    train_loss: float,
    train_accuracy: float,
    epochs: int,
    began: float,
) -> EpochResult:
    """Measure on the validation pictures and keep the state if it is the best so far."""
    logits = list(logits_of(state.network, crops.in_order(), crops.preprocessing))
    logits = torch.cat(logits) if logits else torch.empty(0, 1)
    loss, accuracy = losses_and_accuracy(logits, crops.labels)
    better = (accuracy, -loss) > (state.best_accuracy, -state.best_loss)
    if better or not state.best or math.isnan(accuracy):
        state.best_epoch, state.best_accuracy, state.best_loss = state.epoch, accuracy, loss
        state.best = {name: value.clone() for name, value in state.network.state_dict().items()}
    seconds = time.perf_counter() - began
    state.seconds += seconds
    return EpochResult(
        phase="fine_tune",
        epoch=state.epoch,
        total_epochs=epochs,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
        lr=max(group["lr"] for group in state.optimiser.param_groups) if state.epoch else 0.0,
        seconds=seconds,
    )


def _set_learning_rate(optimiser: torch.optim.Optimizer, done: float) -> None:
    """Linear warm-up, then half a cosine; `done` is the share of steps taken, in [0, 1)."""
    if done < WARM_UP:
        factor = (done + 1e-3) / (WARM_UP + 1e-3)
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
    for group in optimiser.param_groups:
        group["lr"] = group["full_lr"] * factor


class _Crops:
    """uint8 crops of a part of the image set, from memory while they fit, else from the files."""

    def __init__(
        self,
        images: Sequence[LabelledImage],
        config: TrainingConfig | None,
        preprocessing: Preprocessing,
    ):
        self._images = images
        self._seed = config.seed if config else 0
        self._batch_size = config.batch_size if config else 1
        self._augmentations = config.augmentations if config else ()
        self._memory: Tensor | None = None
        self.preprocessing = preprocessing
        self.labels = torch.tensor([image.label for image in images], dtype=torch.int64)

    def shuffled(self, epoch: int, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's batches: crops (n, 3, S, S) and labels (n,), the same for a seed."""
        generator = torch.Generator().manual_seed(self._seed * 100_003 + epoch)
        order = torch.randperm(len(self._images), generator=generator)
        parts = [part for part in order.split(self._batch_size)[:batches]]
        if not self._augmentations and self._fits():
            crops = self._in_memory()
            yield from ((crops[part], self.labels[part]) for part in parts)
            return

        def read(part: Tensor) -> Tensor:
            return torch.stack([self._crop(self._images[i], epoch) for i in part.tolist()])

        batches_read = in_parallel(read, parts, threads=2)
        yield from ((crops, self.labels[p]) for crops, p in zip(batches_read, parts, strict=True))

    def in_order(self) -> Iterator[Tensor]:
        if not self._fits():
            return crop_batches(self._images, self.preprocessing)
        return iter(self._in_memory().split(16)) if self._images else iter(())

    def _crop(self, image: LabelledImage, epoch: int) -> Tensor:
        if not self._augmentations:
            return crop_file(image.path, self.preprocessing)
        return augmented_file(
            image.path,
            self._augmentations,
            self.preprocessing,
            seed=self._seed,
            epoch=epoch,
            digest=image.digest,
        )

    def _fits(self) -> bool:
        return len(self._images) * 3 * self.preprocessing.input_size**2 <= CROP_BYTES

    def _in_memory(self) -> Tensor:
        if self._memory is None:
            self._memory = torch.cat(list(crop_batches(self._images, self.preprocessing)))
        return self._memory

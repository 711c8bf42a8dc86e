"""The optimisation loop: thawed layers learn, the best state on validation pictures is kept.

Steps compute in the precision that `step_dtype` says; whatever is measured or predicted is computed
in float32.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tl_core.approaches.optimising.batches import Batches, Inputs
from tl_core.backbones.layer_groups import freeze_to, layer_groups, parameter_groups, train_mode
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.tensor_file import has_nan
from tl_core.evaluation.measuring import losses_and_accuracy
from tl_core.features.device import device
from tl_core.runs.approach import StepPlan
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import EpochResult, Event, Note, Progress

SCRATCH_FACTOR = 10  # random weights need larger steps than pretrained ones bear
FIRST_SCALE = 2.0**16  # of float16 losses, so that small gradients do not vanish
WARM_UP = 0.1  # share of the steps in which the learning rate rises


@dataclass
class Optimisation:
    """State of one optimisation, all that a checkpoint holds.

    `best_accuracy` and `best_loss` are of `best`, measured on the validation pictures; epoch 0 is
    the state before the first step. `loss_scale` is what steps in float16 need.
    """

    network: TransferNetwork
    optimiser: torch.optim.Optimizer
    from_scratch: bool
    dtype: torch.dtype
    epoch: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0
    loss_scale: float = FIRST_SCALE

    def learnt(self) -> dict[str, Tensor]:
        """Return what training can change: thawed parameters, and buffers beside them."""
        parameters = {name: value.requires_grad for name, value in self.network.named_parameters()}
        thawed = {name for name, learns in parameters.items() if learns}
        modules = {name.rpartition(".")[0] for name in thawed}
        return {
            name: value
            for name, value in self.network.state_dict().items()
            if parameters.get(name, name.rpartition(".")[0] in modules)
        }

    def restore_best(self) -> None:
        self.network.load_state_dict(self.best, strict=False)


def start(
    network: TransferNetwork, config: TrainingConfig, *, frozen_groups: int, from_scratch: bool
) -> Optimisation:
    """Freeze the first layer groups and make the optimiser of the others."""
    network.to(device())
    freeze_to(network, frozen_groups)
    scratch_lr = SCRATCH_FACTOR * config.classifier_lr
    groups = parameter_groups(
        network,
        classifier_lr=scratch_lr if from_scratch else config.classifier_lr,
        backbone_lr=scratch_lr if from_scratch else config.backbone_lr,
        layer_decay=1.0 if from_scratch else config.layer_decay,
        weight_decay=config.weight_decay,
    )
    for group in groups:
        group["full_lr"] = group["lr"]
    network.to(memory_format=torch.channels_last)
    trained = len(layer_groups(network)) - frozen_groups
    dtype = step_dtype(device(), trained)
    return Optimisation(network, torch.optim.AdamW(groups), from_scratch, dtype)


def optimise(
    state: Optimisation,
    config: TrainingConfig,
    plan: StepPlan,
    train: Batches,
    validation: Batches,
    *,
    class_weights: Tensor | None,
) -> Iterator[Event]:
    """Train from `state.epoch` on, yielding Progress per step and an EpochResult per epoch.

    After every EpochResult `state` is whole: it may be written down and gone on with, and gives
    the same history as without the pause.
    """
    epochs, per_epoch = plan.epochs_and_steps(config, len(train.labels))
    total, at_start = epochs * per_epoch, state.epoch * per_epoch
    if state.epoch == 0:
        yield _epoch_result(state, validation, None, None, epochs, time.perf_counter())
    began = time.perf_counter()
    for epoch in range(state.epoch + 1, epochs + 1):
        epoch_began = time.perf_counter()
        loss_sum, hits, seen = 0.0, 0, 0
        torch.manual_seed(config.seed * 100_003 + epoch)  # dropout and its like
        train_mode(
            state.network,
            batch_size=config.batch_size,
            from_scratch=state.from_scratch,
        )
        for step, (batch, labels) in enumerate(train.shuffled(epoch, per_epoch)):
            done = (epoch - 1) * per_epoch + step
            set_learning_rate(state.optimiser, done / total)
            loss, correct = _step(state, train, batch, labels, class_weights)
            loss_sum, hits, seen = loss_sum + loss * len(labels), hits + correct, seen + len(labels)
            rate = (time.perf_counter() - began) / (done + 1 - at_start)
            yield Progress("fine_tune", done + 1, total, rate * (total - done - 1))
        if has_nan(state.learnt().values()):
            yield Note(
                f"In epoch {epoch} the weights were no longer numbers, so the training ended "
                "there; the best ones before are kept. Try lower learning rates."
            )
            return
        state.epoch = epoch
        yield _epoch_result(state, validation, loss_sum / seen, hits / seen, epochs, epoch_began)


def step_dtype(place: str, trained_groups: int) -> torch.dtype:
    """Return the precision of optimisation steps on a device ("cpu", "cuda", "mps").

    Graphics cards compute in bfloat16 where they have it, else in float16. A processor that has
    bfloat16 is several times faster in it on the last stage, whose maps are small, and slower on
    what comes before, so that is trained in float32 (measured with EfficientNet-Lite0).
    """
    if place == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_bfloat16 else torch.float16
    if place == "mps":
        return torch.bfloat16
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    has_bfloat16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if has_bfloat16 and trained_groups <= 2 else torch.float32


def step_logits(batches: Batches, inputs: Inputs, place: str, dtype: torch.dtype) -> Tensor:
    """Return logits, float32 (n, K), of a training step on the device `place`."""
    with torch.autocast(place, dtype=dtype, enabled=dtype != torch.float32):
        return batches.logits(inputs)


def update(
    loss: Tensor, optimiser: torch.optim.Optimizer, scale: float, dtype: torch.dtype
) -> float:
    """Do one update and return the scale of the next loss; only float16 needs one.

    Source: Micikevicius et al. (2018), "Mixed Precision Training", arXiv:1710.03740. The scale
    only ever falls: a training of some hundred steps has no time to look for a larger one.
    """
    optimiser.zero_grad(set_to_none=True)
    if dtype != torch.float16:
        loss.backward()
        optimiser.step()
        return scale
    scaler = torch.amp.GradScaler(loss.device.type, init_scale=scale, growth_interval=10**9)
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    scaler.update()
    return scaler.get_scale()


def _step(
    state: Optimisation,
    batches: Batches,
    inputs: Inputs,
    labels: Tensor,
    class_weights: Tensor | None,
) -> tuple[float, int]:
    """Do one update; return the batch's mean loss in nats and its correct predictions."""
    place = next(state.network.parameters()).device.type
    logits = step_logits(batches, inputs, place, state.dtype)
    labels = labels.to(logits.device)
    loss = nn.functional.cross_entropy(logits, labels, weight=class_weights)
    state.loss_scale = update(loss, state.optimiser, state.loss_scale, state.dtype)
    with torch.no_grad():
        plain = nn.functional.cross_entropy(logits, labels).item()
    return plain, int((logits.argmax(dim=1) == labels).sum())


def _epoch_result(
    state: Optimisation,
    validation: Batches,
    train_loss: float | None,
    train_accuracy: float | None,
    epochs: int,
    began: float,
) -> EpochResult:
    """Measure on the validation pictures and keep the state if it is the best so far."""
    state.network.eval()
    with torch.inference_mode():
        parts = [validation.logits(inputs).cpu() for inputs in validation.in_order()]
    logits = torch.cat(parts) if parts else torch.empty(0, 1)
    loss, accuracy = losses_and_accuracy(logits, validation.labels)
    better = (accuracy, -loss) > (state.best_accuracy, -state.best_loss)
    if better or not state.best or math.isnan(accuracy):
        state.best_epoch, state.best_accuracy, state.best_loss = state.epoch, accuracy, loss
        state.best = {name: value.clone() for name, value in state.learnt().items()}
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


def set_learning_rate(optimiser: torch.optim.Optimizer, done: float) -> None:
    """Linear warm-up, then half a cosine; `done` is the share of steps taken, in [0, 1)."""
    if done < WARM_UP:
        factor = (done + 1e-3) / (WARM_UP + 1e-3)
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
    for group in optimiser.param_groups:
        group["lr"] = group["full_lr"] * factor

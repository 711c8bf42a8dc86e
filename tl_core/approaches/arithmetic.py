"""How a training step computes: in plain float32, or in shorter numbers where that is faster.

Only the step: whatever is measured or predicted is computed in plain float32. It knows tensors and
optimisers; `step_precision` decides.
"""

import torch
from torch import Tensor, nn

from tl_core.approaches.batches import Batches, Inputs

FIRST_SCALE = 2.0**16  # of float16's losses, so that small gradients do not vanish


def step_logits(batches: Batches, inputs: Inputs, precision: str, place: str) -> Tensor:
    """Return logits, float32 (n, K), of a training step on the device `place`."""
    shorter = precision != "float32"
    dtype = getattr(torch, precision) if shorter else None
    with torch.autocast(place, dtype=dtype, enabled=shorter):
        return batches.logits(inputs)


def update(loss: Tensor, optimiser: torch.optim.Optimizer, precision: str, scale: float) -> float:
    """Do one update and return the scale of the next loss; only float16 needs one.

    Source: Micikevicius et al. (2018), "Mixed Precision Training", arXiv:1710.03740. The scale
    only ever falls: a training of some hundred steps has no time to look for a larger one.
    """
    optimiser.zero_grad(set_to_none=True)
    if precision != "float16":
        loss.backward()
        optimiser.step()
        return scale
    scaler = torch.amp.GradScaler(loss.device.type, init_scale=scale, growth_interval=10**9)
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    scaler.update()
    return scaler.get_scale()


def loss_of(logits: Tensor, labels: Tensor, class_weights: Tensor | None) -> Tensor:
    """Return the mean cross-entropy in nats that a step reduces."""
    return nn.functional.cross_entropy(logits, labels.to(logits.device), weight=class_weights)

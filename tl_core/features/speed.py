"""What work costs on this machine, measured briefly and remembered.

Seconds per picture: to read one, to run it through a frozen network, to learn from it. What a
training makes of these is in `estimates`.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from tl_core.backbones.layer_groups import freeze_to, train_mode
from tl_core.backbones.network import FeatureReader, TransferNetwork
from tl_core.backbones.preprocessing import Preprocessing, normalise, preprocessing_for
from tl_core.backbones.tracing import cut
from tl_core.errors import ImageFileError
from tl_core.features.decoding import crop_file
from tl_core.features.device import device
from tl_core.features.engine import Engine, EngineChoice

FEW_PICTURES = 4  # in a measured training step, because it may be a large network
MORE_TIMES = 4  # as many in one that is quick
QUICK_STEP = 0.3  # seconds


def read_sample(paths: Sequence[Path], preprocessing: Preprocessing) -> tuple[float, Tensor]:
    """Return seconds to read a picture on one core, and the crops, uint8 (n, 3, S, S), n >= 1."""
    crops = []
    start = time.perf_counter()
    for path in paths:
        try:
            crops.append(crop_file(path, preprocessing))
        except (ImageFileError, OSError):
            continue  # the training will name it
    seconds = (time.perf_counter() - start) / max(1, len(crops))
    if not crops:
        side = preprocessing.input_size
        crops = [torch.zeros(3, side, side, dtype=torch.uint8)]
    return seconds, torch.stack(crops)


def forward_seconds(network: nn.Module, sample: Tensor) -> float:
    """Return seconds per picture through a frozen network, in plain float32."""
    choice = EngineChoice("float32", 1, device(), 0.0)
    plain = Engine(FeatureReader(network), preprocessing_for(network), choice)
    plain(sample[:1])  # the first call allocates
    start = time.perf_counter()
    plain(sample[:1])
    return time.perf_counter() - start


def tuning_seconds(network: nn.Module, frozen: int, sample: Tensor) -> tuple[float, float]:
    """Return seconds per picture through the frozen front, and of one update of what is behind.

    The front costs nothing more once its values are kept; where the network cannot be cut it is 0
    and the update pays for everything.
    """
    preprocessing = preprocessing_for(network)
    whole = TransferNetwork(network, features="last", num_classes=2).to(device())
    whole.to(memory_format=torch.channels_last)
    freeze_to(whole, frozen)
    crops = torch.cat([sample] * FEW_PICTURES)[:FEW_PICTURES].to(device())
    images = normalise(crops, preprocessing).contiguous(memory_format=torch.channels_last)
    halves = cut(whole, images)
    front = 0.0
    inputs, back = (images,), whole
    if halves is not None:
        start = time.perf_counter()
        with torch.no_grad():
            inputs, back = halves.front(images), halves.back
        front = (time.perf_counter() - start) / FEW_PICTURES
    train_mode(whole, batch_size=FEW_PICTURES)
    seconds = _step_seconds(back, inputs)
    if seconds < QUICK_STEP:  # a batch as trainings take it
        inputs = tuple(torch.cat([value] * MORE_TIMES) for value in inputs)
        plain, shorter = _step_seconds(back, inputs), math.inf
        with suppress(RuntimeError, TypeError):  # no kernel for that precision
            shorter = _step_seconds(back, inputs, torch.bfloat16)
        seconds = min(plain, shorter) / MORE_TIMES
    return front, seconds / FEW_PICTURES


def _step_seconds(
    back: nn.Module, inputs: tuple[Tensor, ...], shorter: torch.dtype | None = None
) -> float:
    optimiser = torch.optim.AdamW([p for p in back.parameters() if p.requires_grad], lr=0.0)
    labels = torch.arange(len(inputs[0]), device=device()) % 2
    for _attempt in ("allocate", "measure"):
        start = time.perf_counter()
        with torch.autocast(device(), dtype=shorter, enabled=shorter is not None):
            logits = back(*inputs)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss.item()  # waits for a graphics card
    return time.perf_counter() - start

"""Runs a frozen network on uint8 crops: by torch or by OpenVINO, in one precision or another.

It knows one network and how to run it; `inference` decides which way is the fastest here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones.folding import folded
from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.features.openvino import OpenVinoReader

Values = tuple[np.ndarray, ...]  # what a network made of n pictures: arrays (n, ...), float32


@dataclass(frozen=True)
class EngineChoice:
    """What runs a frozen network here, and how closely it agrees with plain float32.

    `cosine_least` and `cosine_median` compare its values with float32 ones, picture by picture.
    """

    precision: str
    batch_size: int
    device: str
    pictures_per_second: float
    cosine_least: float = 1.0
    cosine_median: float = 1.0
    library: str = "torch"


class Engine:
    """A frozen network, ready to turn uint8 crops (n, 3, S, S) into `Values`.

    `parallel` threads should call it side by side: one per core where torch computes in the thread
    that calls, twice as many where another one computes (OpenVINO, a GPU), so that some read
    pictures meanwhile.

    Args:
        frozen: Normalised images (n, 3, S, S) -> a tensor, or several, each (n, ...).
        preprocessing: What the network expects.
        choice: How to run it.
        converted: Where OpenVINO's network is kept, or will be.
    """

    def __init__(
        self,
        frozen: nn.Module,
        preprocessing: Preprocessing,
        choice: EngineChoice,
        *,
        converted: Path | None = None,
    ) -> None:
        self.choice = choice
        cores = torch.get_num_threads()
        self.parallel = 2
        if choice.device == "cpu":
            self.parallel = cores * (2 if choice.library == "openvino" else 1)
        self._preprocessing = preprocessing
        self._run: Callable[[Tensor], Values]
        if choice.library == "openvino":
            self._run = OpenVinoReader(
                frozen,
                converted,
                side=preprocessing.input_size,
                precision=choice.precision,
                threads=cores,
            )
        else:
            self._run = _TorchReader(frozen, choice)

    def __call__(self, crops: Tensor) -> Values:
        return self._run(normalise(crops, self._preprocessing))


class _TorchReader:
    """Normalised images (n, 3, S, S) -> `Values`, by torch."""

    def __init__(self, frozen: nn.Module, choice: EngineChoice) -> None:
        self._device = choice.device
        self._dtype = getattr(torch, choice.precision)
        self._reader = folded(frozen).to(
            device=choice.device, dtype=self._dtype, memory_format=torch.channels_last
        )

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Values:
        images = images.to(
            device=self._device, dtype=self._dtype, memory_format=torch.channels_last
        )
        values = self._reader(images)
        values = values if isinstance(values, tuple) else (values,)
        return tuple(value.float().cpu().numpy() for value in values)

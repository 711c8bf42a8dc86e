"""What a network's frozen front makes of pictures: computed once, kept, mapped into memory."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor

from tl_core.backbones.preprocessing import Preprocessing
from tl_core.backbones.tracing import CutNetwork
from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.features.decoding import View, view_crop
from tl_core.features.engine import Engine
from tl_core.features.extraction import fill, made_of
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.cache_budget import mark_used
from tl_core.workspace.storage import Workspace

HALF_TOLERANCE = 5e-3  # largest change of logits, relative to the largest, that half may cause


@dataclass(frozen=True)
class Keeping:
    """How a front's values are kept.

    `half`: in half precision. `maps`: which values are maps (n, C, H, W) that the network has in
    memory as (n, H, W, C), the order that convolutions compute fastest in; files have it too.
    `bytes_each`: what one picture takes.
    """

    half: bool
    maps: tuple[bool, ...]
    bytes_each: int


@dataclass(frozen=True)
class FrontValues:
    """Values per picture, mapped from files; `take` brings a batch into memory as float32."""

    shelf: Shelf
    maps: tuple[bool, ...]

    def take(self, digests: Sequence[str]) -> tuple[Tensor, ...]:
        """Return the values of these pictures, each float32 (n, ...)."""
        batch = []
        for index, is_map in enumerate(self.maps):
            value = torch.from_numpy(self.shelf.take(str(index), digests)).float()
            # (n, H, W, C) -> (n, C, H, W), and not a number moves
            batch.append(value.permute(0, 3, 1, 2) if is_map else value)
        return tuple(batch)


def front_folder(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    preprocessing: Preprocessing,
    view: View,
    *,
    frozen_groups: int,
    features: str,
    kept: Keeping,
    precision: str,
    weights_seed: int | None = None,
) -> Path:
    """Return where the front's values of one look at the project's pictures are kept.

    `weights_seed` draws the weights where none were learnt elsewhere.
    """
    facts = {
        **made_of(backbone, preprocessing, view),
        "versions": [torch.__version__, timm.__version__],
        "cut": [frozen_groups, features],
        "numbers": [kept.half, kept.maps, precision],
        "random": weights_seed,
    }
    return shelf_folder(workspace, project_id, "front", facts)


@torch.no_grad()
def keeping(halves: CutNetwork, images: Tensor) -> Keeping:
    """Return how to keep values: in half precision where that leaves the logits as they are."""
    values = halves.front(images)
    exact = halves.back(*values)
    rounded = halves.back(*(value.half().float() for value in values))
    largest = 1 + exact.abs().max()
    close = (rounded - exact).abs().max() < HALF_TOLERANCE * largest
    half = bool(rounded.isfinite().all() and close)
    numbers = sum(value[0].numel() for value in values)
    maps = tuple(
        value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
        for value in values
    )
    return Keeping(half, maps, numbers * (2 if half else 4))


def keep_front_values(
    engine: Engine | None,
    images: Sequence[LabelledImage],
    folder: Path,
    *,
    preprocessing: Preprocessing,
    view: View,
    kept: Keeping,
) -> Generator[Progress, None, FrontValues]:
    """Return the front's values of `images`, computing only what the shelf lacks.

    `engine` may be None if it lacks nothing.

    Yields:
        Progress of phase "features", in pictures.
    """
    kind = np.float16 if kept.half else np.float32

    def work(batch: Sequence[LabelledImage]) -> Mapping[str, np.ndarray]:
        crops = torch.stack([view_crop(image, preprocessing, view) for image in batch])
        values = zip(engine(crops), kept.maps, strict=True)
        ordered = (value.transpose(0, 2, 3, 1) if is_map else value for value, is_map in values)
        return {str(i): np.ascontiguousarray(v, dtype=kind) for i, v in enumerate(ordered)}

    mark_used(folder)
    shelf = Shelf(folder)
    if engine is not None:
        size, threads = engine.choice.batch_size, engine.parallel
        yield from fill(shelf, images, work, batch_size=size, threads=threads)
    return FrontValues(shelf, kept.maps)

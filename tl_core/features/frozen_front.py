"""What a network's frozen front makes of pictures: computed once, kept, mapped into memory."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor

from tl_core.backbones.layer_groups import frozen_count
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.backbones.tracing import CutNetwork, cut
from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.features.decoding import PLAIN_VIEW, View, view_crop
from tl_core.features.engine import (
    PRECISIONS,
    Engine,
    EngineChoice,
    choose_engine,
    logits_behind,
)
from tl_core.features.extraction import (
    SAMPLE_PICTURES,
    fill,
    lacking,
    made_of,
    weights_name,
)
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.cache_budget import make_room, mark_used
from tl_core.workspace.storage import Workspace

TRACED_PICTURES = 4  # the cut network is compared with the whole one on these
HALF_TOLERANCE = 5e-3  # largest change of logits, relative to the largest, that half may cause

Part = tuple[View, Sequence[LabelledImage]]


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


@dataclass(frozen=True, kw_only=True)
class FrozenFront:
    """The frozen front of a network over a project's pictures.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        backbone: Whose weights.
        preprocessing: What the network expects.
        halves: The network, cut behind the first `frozen_groups` layer groups.
        features: What its classifier reads, "last" or "all".
        kept: How values are kept.
        weights_seed: Draws the weights where none were learnt elsewhere.
    """

    workspace: Workspace
    project_id: str
    backbone: Backbone
    preprocessing: Preprocessing
    halves: CutNetwork
    frozen_groups: int
    features: str
    kept: Keeping
    weights_seed: int | None = None

    def values(
        self, parts: Sequence[Part]
    ) -> Generator[Progress, None, tuple[list[FrontValues], EngineChoice | None]]:
        """Return the values of each part, and what computed those that were missing, if any.

        Yields:
            Progress of phase "features", in pictures.
        """
        precision, engine = self.engine(parts)
        folders = [self.folder(view, precision) for view, _ in parts]
        needed = self.kept.bytes_each * sum(len(images) for _, images in parts)
        make_room(self.workspace, needed, keep=set(folders))
        found = []
        for (view, images), folder in zip(parts, folders, strict=True):
            mark_used(folder)
            shelf = Shelf(folder)
            if engine is not None:
                size, threads = engine.choice.batch_size, engine.parallel
                work = partial(self._compute, engine, view)
                yield from fill(shelf, images, work, batch_size=size, threads=threads)
            found.append(FrontValues(shelf, self.kept.maps))
        return found, engine.choice if engine else None

    def engine(self, parts: Sequence[Part]) -> tuple[str, Engine | None]:
        """Return the precision of the values, and an engine for those that are missing.

        Values that are there already are gone on with in their own precision, so a resumed run
        goes on as it began.
        """
        missing = {precision: self._missing(parts, precision) for precision in PRECISIONS}
        precision = min(PRECISIONS, key=lambda name: len(missing[name]))
        lacks = missing[precision]
        if not lacks:
            return precision, None
        begun = len(lacks) < sum(len(images) for _, images in parts)

        def sample() -> Tensor:
            some = lacks[:SAMPLE_PICTURES]
            return torch.stack([view_crop(image, self.preprocessing, view) for view, image in some])

        random = self.weights_seed is not None
        weights = f"random {self.weights_seed}" if random else weights_name(self.backbone)
        engine = choose_engine(
            self.halves.front,
            self.preprocessing,
            sample,
            logits=logits_behind(self.halves),
            name=f"{weights}, first {self.frozen_groups} groups, {self.features}",
            workspace=self.workspace,
            pictures=0 if random else len(lacks),
            precision=precision if begun else None,
        )
        return engine.choice.precision, engine

    def folder(self, view: View, precision: str) -> Path:
        """Return where the values of one view of the pictures are kept."""
        facts = {
            **made_of(self.backbone, self.preprocessing, view),
            "versions": [torch.__version__, timm.__version__],
            "cut": [self.frozen_groups, self.features],
            "numbers": [self.kept.half, self.kept.maps, precision],
            "random": self.weights_seed,
        }
        return shelf_folder(self.workspace, self.project_id, "front", facts)

    def _missing(self, parts: Sequence[Part], precision: str) -> list[tuple[View, LabelledImage]]:
        return [
            (view, image)
            for view, images in parts
            for image in lacking(Shelf(self.folder(view, precision)), images)
        ]

    def _compute(
        self, engine: Engine, view: View, batch: Sequence[LabelledImage]
    ) -> Mapping[str, np.ndarray]:
        kind = np.float16 if self.kept.half else np.float32
        crops = torch.stack([view_crop(image, self.preprocessing, view) for image in batch])
        values = zip(engine(crops), self.kept.maps, strict=True)
        ordered = (value.transpose(0, 2, 3, 1) if is_map else value for value, is_map in values)
        return {str(i): np.ascontiguousarray(v, dtype=kind) for i, v in enumerate(ordered)}


@torch.no_grad()
def cut_front(
    network: TransferNetwork,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    preprocessing: Preprocessing,
    weights_seed: int | None = None,
) -> FrozenFront | None:
    """Cut a network behind its frozen layer groups; None where that is not possible.

    `images` are pictures to compare the cut network with the whole one on; for the other arguments
    see `FrozenFront`.
    """
    some = images[:TRACED_PICTURES]
    if len(some) < 2:
        return None
    crops = torch.stack([view_crop(image, preprocessing, PLAIN_VIEW) for image in some])
    prepared = normalise(crops.to(next(network.parameters()).device), preprocessing)
    prepared = prepared.contiguous(memory_format=torch.channels_last)
    halves = cut(network, prepared)
    if halves is None:
        return None
    return FrozenFront(
        workspace=workspace,
        project_id=project_id,
        backbone=backbone,
        preprocessing=preprocessing,
        halves=halves,
        frozen_groups=frozen_count(network),
        features=network.features_read,
        kept=keeping(halves, prepared),
        weights_seed=weights_seed,
    )

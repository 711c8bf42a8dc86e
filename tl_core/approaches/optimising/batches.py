"""What one optimisation step gets: pictures for a whole network, or kept values for its back.

Whatever is frozen is computed once per picture (and per view) where the network can be cut there
and the values fit into the cache. Both kinds of batches come in the same shuffled order for the
same seed, and know how to turn a batch into logits.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from tl_core.approaches.task import Task
from tl_core.backbones.layer_groups import frozen_count
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.evaluation.measuring import crop_batches
from tl_core.features.decoding import PLAIN_VIEW, View, view_crop
from tl_core.features.engine import EngineChoice
from tl_core.features.frozen_front import FrontValues, cut_front
from tl_core.images import LabelledImage
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.events import Event, Note
from tl_core.workspace.cache_budget import budget_bytes

CROP_BYTES = 512 * 2**20  # crops up to this size stay in memory, more are read every epoch
MEASURED_BATCH = 16  # pictures per batch when nothing is learnt

Inputs = tuple[Tensor, ...]


class Batches(Protocol):
    """A part of the image set, as batches of what a network, or its back, takes."""

    labels: Tensor  # int64 (N,)

    def shuffled(self, epoch: int, batches: int) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield at most `batches` batches of inputs and labels, in the epoch's own order."""

    def in_order(self) -> Iterator[Inputs]:
        """Yield all pictures' inputs, unvaried."""

    def logits(self, inputs: Inputs) -> Tensor:
        """Return logits, float32 (n, K)."""


def batches_for(
    task: Task, network: TransferNetwork, *, from_scratch: bool
) -> Generator[Event, None, tuple[Batches, Batches]]:
    """Return the batches of the training and of the validation part, for a frozen network."""
    if not frozen_count(network):
        return _whole(task, network)
    front = cut_front(
        network,
        task.images.train,
        workspace=task.workspace,
        project_id=task.project_id,
        backbone=task.config.backbone,
        preprocessing=task.preprocessing,
        weights_seed=task.config.seed if from_scratch else None,
    )
    if front is None:
        yield Note(
            "The outputs of this network's frozen layers cannot be precomputed, so every step "
            "computes them again."
        )
        return _whole(task, network)
    views = _views(task, front.kept.bytes_each)
    if not views:
        yield Note(
            "The outputs of the frozen layers do not fit into the cache, so every step computes "
            "them again. Increase TL_CACHE_GB to make this faster."
        )
        return _whole(task, network)
    if task.config.augmentations:
        yield Note(f"Every picture has {len(views)} augmented versions, computed in advance.")
    train, validation = task.images.train, task.images.validation
    parts = [*((view, train) for view in views), (PLAIN_VIEW, validation)]
    (*varied, plain), engine = yield from front.values(parts)
    yield Note(_what_ran(engine))
    settings = {"batch_size": task.config.batch_size, "seed": task.config.seed}
    return (
        FrontBatches(front.halves.back, train, views=varied, plain=None, **settings),
        FrontBatches(front.halves.back, validation, views=[], plain=plain, **settings),
    )


def _whole(task: Task, network: TransferNetwork) -> tuple[Batches, Batches]:
    settings = {"batch_size": task.config.batch_size, "seed": task.config.seed}
    varied = {**settings, "augmentations": task.config.augmentations}
    return (
        CropBatches(network, task.images.train, task.preprocessing, **varied),
        CropBatches(network, task.images.validation, task.preprocessing, **settings),
    )


def _what_ran(engine: EngineChoice | None) -> str:
    if engine is None:
        return "The outputs of the frozen layers were read from the cache."
    library = {"torch": "PyTorch", "openvino": "OpenVINO"}[engine.library]
    return (
        "The frozen layers were computed once per picture, not in every step, at about "
        f"{engine.pictures_per_second:.0f} pictures per second ({library}, {engine.precision})."
    )


def _views(task: Task, each: int) -> list[View]:
    """Return as many views as wanted and as fit at so many bytes; none if not even one does."""
    config = task.config
    pictures, validated = len(task.images.train), len(task.images.validation)
    wanted = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    wanted = wanted if config.augmentations else [PLAIN_VIEW]
    room = budget_bytes() // 2 - each * validated  # half is left for others
    return wanted[: max(0, room // max(1, each * pictures))]


def epoch_order(pictures: int, *, seed: int, epoch: int, batch_size: int) -> list[Tensor]:
    """Return the indices of each batch of an epoch, the same for the same numbers."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return list(torch.randperm(pictures, generator=generator).split(batch_size))


class CropBatches:
    """uint8 crops for the whole network: from memory while they fit, else from the files."""

    def __init__(
        self,
        network: nn.Module,
        images: Sequence[LabelledImage],
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        seed: int,
        augmentations: tuple[str, ...] = (),
    ) -> None:
        self.labels = torch.tensor([image.label for image in images], dtype=torch.int64)
        self._network = network
        self._images = images
        self._preprocessing = preprocessing
        self._batch_size = batch_size
        self._seed = seed
        self._augmentations = augmentations
        self._memory: Tensor | None = None

    def shuffled(self, epoch: int, batches: int) -> Iterator[tuple[Inputs, Tensor]]:
        parts = epoch_order(
            len(self._images), seed=self._seed, epoch=epoch, batch_size=self._batch_size
        )[:batches]
        if not self._augmentations and self._fits():
            crops = self._in_memory()
            yield from (((crops[part],), self.labels[part]) for part in parts)
            return

        def read(part: Tensor) -> Tensor:
            return torch.stack([self._crop(self._images[i], epoch) for i in part.tolist()])

        for crops, part in zip(in_parallel(read, parts, threads=2), parts, strict=True):
            yield (crops,), self.labels[part]

    def in_order(self) -> Iterator[Inputs]:
        if not self._images:
            return
        if self._fits():
            crops = iter(self._in_memory().split(MEASURED_BATCH))
        else:
            crops = crop_batches(self._images, self._preprocessing, size=MEASURED_BATCH)
        yield from ((batch,) for batch in crops)

    def logits(self, inputs: Inputs) -> Tensor:
        place = next(self._network.parameters()).device
        images = normalise(inputs[0].to(place), self._preprocessing)
        return self._network(images.contiguous(memory_format=torch.channels_last)).float()

    def _crop(self, image: LabelledImage, epoch: int) -> Tensor:
        return view_crop(image, self._preprocessing, View(self._augmentations, epoch, self._seed))

    def _fits(self) -> bool:
        return len(self._images) * 3 * self._preprocessing.input_size**2 <= CROP_BYTES

    def _in_memory(self) -> Tensor:
        if self._memory is None:
            self._memory = torch.cat(list(crop_batches(self._images, self._preprocessing)))
        return self._memory


class FrontBatches:
    """What the frozen front made of every picture, for the back that learns.

    Args:
        back: From these values to logits; shares the parameters that learn.
        images: Pictures of this part.
        views: Kept values: one entry without augmentation, else one per view drawn up front;
            epoch e gets view e modulo their number.
        plain: Kept values of the unvaried pictures, for `in_order`.
    """

    def __init__(
        self,
        back: nn.Module,
        images: Sequence[LabelledImage],
        *,
        views: Sequence[FrontValues],
        plain: FrontValues | None,
        batch_size: int,
        seed: int,
    ) -> None:
        self.labels = torch.tensor([image.label for image in images], dtype=torch.int64)
        self._back = back
        self._digests = [image.digest for image in images]
        self._views = views
        self._plain = plain
        self._batch_size = batch_size
        self._seed = seed

    def shuffled(self, epoch: int, batches: int) -> Iterator[tuple[Inputs, Tensor]]:
        view = self._views[(epoch - 1) % len(self._views)]
        parts = epoch_order(
            len(self._digests), seed=self._seed, epoch=epoch, batch_size=self._batch_size
        )
        for part in parts[:batches]:
            yield view.take([self._digests[i] for i in part.tolist()]), self.labels[part]

    def in_order(self) -> Iterator[Inputs]:
        for start in range(0, len(self._digests), MEASURED_BATCH):
            yield self._plain.take(self._digests[start : start + MEASURED_BATCH])

    def logits(self, inputs: Inputs) -> Tensor:
        place = next(self._back.parameters()).device
        return self._back(*(value.to(place) for value in inputs)).float()

"""What an optimisation runs on: the whole network, or its back on kept values of the frozen front.

Whatever is frozen is computed once per picture (and per view) where the network can be cut there
and the values fit into the cache; otherwise the whole network runs, and a note says so.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import torch

from tl_core.approaches.batches import Batches, CropBatches, FrontBatches
from tl_core.approaches.optimisation import Optimisation
from tl_core.approaches.task import Task
from tl_core.backbones.layer_groups import frozen_count
from tl_core.backbones.preprocessing import normalise
from tl_core.backbones.tracing import CutNetwork, cut
from tl_core.features.array_cache import Shelf
from tl_core.features.decoding import PLAIN_VIEW, View, view_crop
from tl_core.features.engine import PRECISIONS, Engine, choose_engine, logits_behind
from tl_core.features.extraction import SAMPLE_PICTURES, lacking, weights_name
from tl_core.features.front_values import (
    FrontValues,
    Keeping,
    front_folder,
    keep_front_values,
    keeping,
)
from tl_core.images import LabelledImage
from tl_core.runs.events import Event, Note
from tl_core.workspace.cache_budget import budget_bytes, make_room

TRACED_PICTURES = 4  # the cut network is compared with the whole one on these

Part = tuple[View, Sequence[LabelledImage]]


def batches_for(task: Task, state: Optimisation) -> Generator[Event, None, tuple[Batches, Batches]]:
    """Return the batches of the training and of the validation part."""
    if not frozen_count(state.network):
        return _whole(task, state)
    images = _traced_pictures(task, state)
    halves = cut(state.network, images) if len(images) > 1 else None
    if halves is None:
        yield Note(
            "The frozen layers of this network cannot be computed ahead, so every step computes "
            "them again."
        )
        return _whole(task, state)
    kept = keeping(halves, images)
    views = _views(task, kept)
    if not views:
        yield Note(
            "The outputs of the frozen layers do not fit into the cache, so every step computes "
            "them again. A larger TL_CACHE_GB would make this faster."
        )
        return _whole(task, state)
    if task.config.augmentations:
        yield Note(f"Every picture is augmented in {len(views)} ways, drawn in advance.")
    return (yield from _kept(task, state, halves, views, kept))


def _whole(task: Task, state: Optimisation) -> tuple[Batches, Batches]:
    def batches(images: Sequence[LabelledImage], augmentations: tuple[str, ...]) -> CropBatches:
        return CropBatches(
            state.network,
            images,
            task.preprocessing,
            batch_size=task.config.batch_size,
            seed=task.config.seed,
            augmentations=augmentations,
        )

    return (
        batches(task.images.train, task.config.augmentations),
        batches(task.images.validation, ()),
    )


def _kept(
    task: Task, state: Optimisation, halves: CutNetwork, views: list[View], kept: Keeping
) -> Generator[Event, None, tuple[Batches, Batches]]:
    train, validation = task.images.train, task.images.validation
    parts = [*((view, train) for view in views), (PLAIN_VIEW, validation)]
    precision, engine = front_engine(task, state, halves, kept, parts)
    shelves = [shelf(task, state, view, kept, precision) for view, _ in parts]
    needed = kept.bytes_each * sum(len(images) for _, images in parts)
    make_room(task.workspace, needed, keep=set(shelves))
    values: list[FrontValues] = []
    for (view, images), place in zip(parts, shelves, strict=True):
        settings = {"preprocessing": task.preprocessing, "view": view, "kept": kept}
        values.append((yield from keep_front_values(engine, images, place, **settings)))
    yield Note(_what_ran(engine))
    settings = {"batch_size": task.config.batch_size, "seed": task.config.seed}
    return (
        FrontBatches(halves.back, train, views=values[:-1], plain=None, **settings),
        FrontBatches(halves.back, validation, views=[], plain=values[-1], **settings),
    )


def front_engine(
    task: Task, state: Optimisation, halves: CutNetwork, kept: Keeping, parts: Sequence[Part]
) -> tuple[str, Engine | None]:
    """Return the precision of the front's values, and an engine for those that are missing.

    Values that are there already are gone on with in their own precision, so a resumed run goes on
    as it began.
    """
    precision = _fullest(task, state, kept, parts)
    missing = _missing(task, state, kept, parts, precision or PRECISIONS[0])
    if precision and not missing:
        return precision, None

    def sample() -> torch.Tensor:
        some = missing[:SAMPLE_PICTURES]
        return torch.stack([view_crop(image, task.preprocessing, view) for view, image in some])

    weights_seed = _weights_seed(task, state)
    weights = f"random {weights_seed}" if state.from_scratch else weights_name(task.config.backbone)
    frozen, read = frozen_count(state.network), state.network.features_read
    engine = choose_engine(
        halves.front,
        task.preprocessing,
        sample,
        logits=logits_behind(halves),
        name=f"{weights}, first {frozen} groups, {read}",
        workspace=task.workspace,
        pictures=0 if state.from_scratch else len(missing),
        precision=precision,
    )
    return engine.choice.precision, engine


def shelf(task: Task, state: Optimisation, view: View, kept: Keeping, precision: str) -> Path:
    """Return the folder of the front's values of one view of the project's pictures."""
    return front_folder(
        task.workspace,
        task.project_id,
        task.config.backbone,
        task.preprocessing,
        view,
        frozen_groups=frozen_count(state.network),
        features=state.network.features_read,
        kept=kept,
        precision=precision,
        weights_seed=_weights_seed(task, state),
    )


def _weights_seed(task: Task, state: Optimisation) -> int | None:
    return task.config.seed if state.from_scratch else None


def _missing(
    task: Task, state: Optimisation, kept: Keeping, parts: Sequence[Part], precision: str
) -> list[tuple[View, LabelledImage]]:
    return [
        (view, image)
        for view, images in parts
        for image in lacking(Shelf(shelf(task, state, view, kept, precision)), images)
    ]


def _fullest(task: Task, state: Optimisation, kept: Keeping, parts: Sequence[Part]) -> str | None:
    """Return the precision in which the most values are there; None if there are none."""
    wanted = sum(len(images) for _, images in parts)
    there = {name: wanted - len(_missing(task, state, kept, parts, name)) for name in PRECISIONS}
    best = max(PRECISIONS, key=there.__getitem__)
    return best if there[best] else None


def _what_ran(engine: Engine | None) -> str:
    if engine is None:
        return "The outputs of the frozen layers were kept from before."
    choice = engine.choice
    library = {"torch": "PyTorch", "openvino": "OpenVINO"}[choice.library]
    return (
        "The frozen layers were computed once per picture, not in every step, at about "
        f"{choice.pictures_per_second:.0f} pictures per second ({library}, {choice.precision})."
    )


def _views(task: Task, kept: Keeping) -> list[View]:
    """Return as many views as wanted and as fit; none if not even one does."""
    config, each = task.config, kept.bytes_each
    pictures, validated = len(task.images.train), len(task.images.validation)
    wanted = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    wanted = wanted if config.augmentations else [PLAIN_VIEW]
    room = budget_bytes() // 2 - each * validated  # half is left for others
    return wanted[: max(0, room // max(1, each * pictures))]


@torch.no_grad()
def _traced_pictures(task: Task, state: Optimisation) -> torch.Tensor:
    images = task.images.train[:TRACED_PICTURES]
    crops = torch.stack([view_crop(image, task.preprocessing, PLAIN_VIEW) for image in images])
    place = next(state.network.parameters()).device
    prepared = normalise(crops.to(place), task.preprocessing)
    return prepared.contiguous(memory_format=torch.channels_last)

"""Decides what fine-tuning runs on: the whole network, or its back on kept values; and how.

Whatever is frozen is computed once per picture (and per view) when the network can be cut there
and the values fit into the cache; otherwise the whole network runs, and a note says so.
"""

from collections.abc import Generator, Sequence

import torch

from tl_core.approaches.batches import Batches, CropBatches, FrontBatches
from tl_core.approaches.front_choice import front_engine, shelf
from tl_core.approaches.jobs import TrainingJob
from tl_core.approaches.step_precision import choose_precision
from tl_core.backbones.layer_groups import frozen_count
from tl_core.backbones.preprocessing import normalise
from tl_core.backbones.tracing import CutNetwork, cut
from tl_core.features.engine import Engine, EngineChoice
from tl_core.features.extraction import View, view_crop
from tl_core.features.front_cache import FrontValues, Keeping, keep_front_values, keeping
from tl_core.images import LabelledImage
from tl_core.runs.events import Event
from tl_core.workspace.cache_budget import budget_bytes, make_room, mark_used

PROBED_PICTURES = 4  # the cut network is compared with the whole one on these
PLAIN = View()


def tuning_batches(job: TrainingJob) -> Generator[Event, None, tuple[Batches, Batches]]:
    """Return the batches of the training and of the validation part."""
    batches = yield from _batches(job)
    yield from choose_precision(job, batches[0])
    return batches


def _batches(job: TrainingJob) -> Generator[Event, None, tuple[Batches, Batches]]:
    if not frozen_count(job.tuning.network):
        return _whole(job)
    images = _probed(job)
    halves = cut(job.tuning.network, images) if len(images) > 1 else None
    if halves is None:
        yield from job.note(
            "The frozen layers of this network cannot be computed ahead, so every step computes "
            "them again."
        )
        return _whole(job)
    kept = keeping(halves, images)
    views = _views(job, kept)
    if not views:
        yield from job.note(
            "What the frozen layers see does not fit into the cache, so every step computes it "
            "again. A larger TL_CACHE_GB would make this faster."
        )
        return _whole(job)
    if job.config.augmentations:
        yield from job.note(f"Every picture is varied in {len(views)} ways, drawn up front.")
    return (yield from _kept(job, halves, views, kept))


def _whole(job: TrainingJob) -> tuple[Batches, Batches]:
    def batches(images: Sequence[LabelledImage], augmentations: tuple[str, ...]) -> CropBatches:
        return CropBatches(
            job.tuning.network,
            images,
            job.preprocessing,
            batch_size=job.config.batch_size,
            seed=job.config.seed,
            augmentations=augmentations,
        )

    return batches(job.images.train, job.config.augmentations), batches(job.images.validation, ())


def _kept(
    job: TrainingJob, halves: CutNetwork, views: list[View], kept: Keeping
) -> Generator[Event, None, tuple[Batches, Batches]]:
    train, validation = job.images.train, job.images.validation
    looks = [*((view, train) for view in views), (PLAIN, validation)]
    choice, engine = front_engine(job, halves, kept, looks)
    places = [shelf(job, view, kept, choice.precision) for view, _ in looks]
    needed = kept.bytes_each * sum(len(images) for _, images in looks)
    make_room(job.workspace, needed, keep=set(places))
    values: list[FrontValues] = []
    for (view, images), place in zip(looks, places, strict=True):
        mark_used(place)
        settings = {"preprocessing": job.preprocessing, "view": view, "kept": kept}
        values.append((yield from keep_front_values(engine, images, place, **settings)))
    yield from job.note(_what_ran(choice, engine))
    settings = {"batch_size": job.config.batch_size, "seed": job.config.seed}
    return (
        FrontBatches(halves.back, train, views=values[:-1], plain=None, **settings),
        FrontBatches(halves.back, validation, views=[], plain=values[-1], **settings),
    )


def _what_ran(choice: EngineChoice, engine: Engine | None) -> str:
    if engine is None:
        return "What the frozen layers see was kept from before, so only the others compute."
    library = {"torch": "PyTorch", "openvino": "OpenVINO"}[choice.library]
    how = "full precision" if choice.precision == "float32" else "shorter numbers"
    return (
        f"The frozen layers looked at every picture once, at about {choice.pictures_per_second:.0f}"
        f" per second ({library} with {how}, {choice.precision}), and not in every step."
    )


def _views(job: TrainingJob, kept: Keeping) -> list[View]:
    """Return as many views as wanted and as fit; none if not even one does."""
    config, each = job.config, kept.bytes_each
    pictures, validated = len(job.images.train), len(job.images.validation)
    wanted = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    wanted = wanted if config.augmentations else [PLAIN]
    room = budget_bytes() // 2 - each * validated  # half is left for others
    return wanted[: max(0, room // max(1, each * pictures))]


@torch.no_grad()
def _probed(job: TrainingJob) -> torch.Tensor:
    images = job.images.train[:PROBED_PICTURES]
    crops = torch.stack([view_crop(image, job.preprocessing, PLAIN) for image in images])
    place = next(job.tuning.network.parameters()).device
    prepared = normalise(crops.to(place), job.preprocessing)
    return prepared.contiguous(memory_format=torch.channels_last)

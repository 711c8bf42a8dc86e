"""Decides what fine-tuning runs on: the whole network, or its back on kept values.

Whatever is frozen is computed once per picture (and per view) when the network can be cut there
and the values fit into the cache; otherwise the whole network runs, and a note says so.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import torch

from tl_core.batches import Batches, CropBatches, FrontBatches
from tl_core.cache_budget import budget_bytes, make_room, mark_used
from tl_core.datasets import LabelledImage
from tl_core.events import Event
from tl_core.features import View, view_crop
from tl_core.front_cache import (
    FrontValues,
    bytes_per_picture,
    front_key,
    half_is_enough,
    keep_front_values,
)
from tl_core.fronts import CutNetwork, cut
from tl_core.jobs import TrainingJob
from tl_core.layers import frozen_count
from tl_core.transforms import normalise

PROBED_PICTURES = 4  # the cut network is compared with the whole one on these
PLAIN = View()


def tuning_batches(job: TrainingJob) -> Generator[Event, None, tuple[Batches, Batches]]:
    """Return the batches of the training and of the validation part."""
    images = _probed(job)
    halves = cut(job.tuning.network, images) if len(images) > 1 else None
    if halves is None:
        if frozen_count(job.tuning.network):
            yield from job.note(
                "The frozen layers of this network cannot be computed ahead, so every step "
                "computes them again."
            )
        return _whole(job)
    half = half_is_enough(halves, images)
    each = bytes_per_picture(halves, images[:1], half=half)
    views = _views(job, each, half)
    if not views:
        yield from job.note(
            "What the frozen layers see does not fit into the cache, so every step computes it "
            "again. A larger TL_CACHE_GB would make this faster."
        )
        return _whole(job)
    if job.config.augmentations:
        yield from job.note(f"Every picture is varied in {len(views)} ways, drawn up front.")
    return (yield from _kept(job, halves, views, half))


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
    job: TrainingJob, halves: CutNetwork, views: list[View], half: bool
) -> Generator[Event, None, tuple[Batches, Batches]]:
    train, validation = job.images.train, job.images.validation

    def keep(
        images: Sequence[LabelledImage], view: View
    ) -> Generator[Event, None, FrontValues | None]:
        if not images:
            return None
        shelf = _shelf(job, view, half)
        mark_used(shelf)
        return (
            yield from keep_front_values(
                halves, images, shelf, preprocessing=job.preprocessing, view=view, half=half
            )
        )

    kept = []
    for view in views:
        kept.append((yield from keep(train, view)))
    plain = yield from keep(validation, PLAIN)
    settings = {"batch_size": job.config.batch_size, "seed": job.config.seed}
    return (
        FrontBatches(halves.back, train, views=kept, plain=None, **settings),
        FrontBatches(halves.back, validation, views=[], plain=plain, **settings),
    )


def _views(job: TrainingJob, each: int, half: bool) -> list[View]:
    """Return as many views as wanted and as fit; none if not even one does."""
    config, pictures = job.config, len(job.images.train)
    wanted = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    wanted = wanted if config.augmentations else [PLAIN]
    room = budget_bytes() // 2 - each * len(job.images.validation)  # half is left for others
    fitting = wanted[: max(0, room // max(1, each * pictures))]
    needed = each * (len(fitting) * pictures + len(job.images.validation))
    make_room(job.workspace, needed, keep={_shelf(job, view, half) for view in [*fitting, PLAIN]})
    return fitting


def _shelf(job: TrainingJob, view: View, half: bool) -> Path:
    return job.workspace.features_dir(job.project_id) / front_key(
        job.config.backbone,
        job.preprocessing,
        view,
        frozen_groups=frozen_count(job.tuning.network),
        features=job.tuning.network.features_read,
        half=half,
    )


@torch.no_grad()
def _probed(job: TrainingJob) -> torch.Tensor:
    images = job.images.train[:PROBED_PICTURES]
    crops = torch.stack([view_crop(image, job.preprocessing, PLAIN) for image in images])
    place = next(job.tuning.network.parameters()).device
    prepared = normalise(crops.to(place), job.preprocessing)
    return prepared.contiguous(memory_format=torch.channels_last)

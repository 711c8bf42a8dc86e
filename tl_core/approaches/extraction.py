"""The features' part of a training: every picture looked at once, copies kept together."""

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from tl_core.approaches.jobs import TrainingJob
from tl_core.features import copies
from tl_core.features.extraction import FeatureTable, View, extract_features
from tl_core.images import LabelledImage, image_set
from tl_core.runs.events import Event, PhaseStarted

Images = tuple[LabelledImage, ...]
DEVICE_TEXT = {"cpu": "the processor", "cuda": "the graphics card", "mps": "Apple's graphics"}


def extract(job: TrainingJob) -> Iterator[Event]:
    """Compute the features of every picture, and of augmented views of the training pictures."""
    config = job.config
    yield PhaseStarted("features")
    augmented = bool(config.augmentations) and not job.fine_tunes
    views = [View(config.augmentations, n, config.seed) for n in range(config.views)]
    with job.timed("features"):
        tables = [(yield from _extract_grouped(job))]
        for view in views if augmented else []:
            tables.append((yield from _extract(job, job.images.images, view)))
    job.table = tables[0]
    names = job.table.matrices()
    job.views = {name: np.stack([table.matrix(name) for table in tables]) for name in names}
    if engine := job.table.engine:
        where = DEVICE_TEXT.get(engine.device, engine.device)
        how = "with full precision"
        if engine.precision != "float32":
            how = "with shorter numbers, which is faster here and tells pictures apart as well"
        yield from job.note(
            f"The network looked at about {engine.pictures_per_second:.0f} pictures per second "
            f"on {where}, {how} ({engine.precision})."
        )


def group_copies(job: TrainingJob, images: Images, features: np.ndarray | None) -> Iterator[Event]:
    """Keep copies together from here on: splits are drawn again where they separate some."""
    regrouped = copies.group_copies(job.workspace, job.project_id, images, features)
    job.images = image_set(job.workspace, job.project_id, seed=job.config.seed)
    if regrouped:
        yield from job.note(
            f"{regrouped} pictures look like copies of others or come from the same series. They "
            "are kept on the same side of every measurement; see “Copies and series” on the "
            "Images page."
        )


def _extract_grouped(job: TrainingJob) -> Generator[Event, None, FeatureTable]:
    """Return plain features of the pictures as they are grouped and split afterwards."""
    while True:
        looked_at = job.images.images
        everything = looked_at + job.images.locked
        table = yield from _extract(job, everything, View())
        yield from group_copies(job, everything, table.matrix("last"))
        kept = [image.digest for image in job.images.images]
        rows = {digest: row for row, digest in enumerate(table.digests)}
        if all(digest in rows for digest in kept):  # else labels changed meanwhile: look again
            values = table.values[[rows[digest] for digest in kept]]
            return replace(table, digests=tuple(kept), values=values)


def _extract(job: TrainingJob, images: Images, view: View) -> Generator[Event, None, FeatureTable]:
    return extract_features(
        job.backbone,
        job.config.backbone,
        images,
        workspace=job.workspace,
        project_id=job.project_id,
        view=view,
    )

"""What a training is given, and its first stage: every picture looked at once, copies grouped."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tl_core.backbones.preprocessing import Preprocessing
from tl_core.evaluation.folds import group_numbers
from tl_core.evaluation.measuring import labels_of
from tl_core.features import copies
from tl_core.features.decoding import PLAIN_VIEW, View
from tl_core.features.device import device
from tl_core.features.engine import EngineChoice
from tl_core.features.extraction import FeatureTable, blocks_of, extract_features
from tl_core.images import ImageSet, LabelledImage, image_set
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted
from tl_core.workspace.storage import Workspace

DEVICE_TEXT = {
    "cpu": "the processor",
    "cuda": "the graphics card",
    "mps": "Apple's graphics processor",
}

Images = tuple[LabelledImage, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The pictures, the network, the settings, and where things are kept."""

    workspace: Workspace
    project_id: str
    run_dir: Path
    config: TrainingConfig
    images: ImageSet
    backbone: nn.Module
    preprocessing: Preprocessing

    @property
    def num_classes(self) -> int:
        return len(self.images.class_names)

    @property
    def labels(self) -> np.ndarray:
        """Class index of every picture, int64 (N,)."""
        return labels_of(self.images.images)

    @property
    def groups(self) -> np.ndarray:
        """An index per group, (N,); pictures without a group stand alone."""
        return group_numbers([image.group for image in self.images.images])

    def rows(self, *splits: str) -> np.ndarray:
        """Return the indices, int64, of the pictures in these splits."""
        images = enumerate(self.images.images)
        return np.array([i for i, image in images if image.split in splits], dtype=np.int64)

    def learnt_rows(self) -> np.ndarray:
        """Return the indices, int64, of all pictures but the person's own test part."""
        splits = ("train", "validation", *([] if self.images.test_given else ["test"]))
        return self.rows(*splits)

    def class_weights(self) -> torch.Tensor | None:
        """Loss weights that make every class count equally: ``w[c] = N / (K * n[c])``.

        Source: King & Zeng (2001), "Logistic Regression in Rare Events Data".
        """
        if not self.config.balanced:
            return None
        labels = torch.from_numpy(labels_of(self.images.train))
        counts = torch.bincount(labels, minlength=self.num_classes)
        weights = counts.sum() / (self.num_classes * counts.clamp(min=1))
        return weights.float().to(device())


@dataclass(frozen=True)
class Extracted:
    """Features of the task's pictures: V views of N pictures, the plain view first.

    `values` is float32 (V, N, D); `blocks` are the sizes of its parts, in the order of the columns;
    `engine` computed what was not kept.
    """

    values: np.ndarray
    blocks: Mapping[str, int]
    engine: EngineChoice | None

    @property
    def reads(self) -> str:
        """What a network reads to get these features, one of `network.READS`."""
        return "rich" if len(self.blocks) > 1 else "last"

    def features(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return every view of the named pictures by block, each (V * n, D of the block)."""
        some = self.values[:, rows].reshape(-1, self.values.shape[2])
        return blocks_of(some, self.blocks)


def extract(task: Task, *, augmented: bool) -> Generator[Event, None, tuple[Task, Extracted]]:
    """Compute the features of every picture, and of augmented views if wanted.

    Returns:
        The task with its pictures as they are grouped and split now, and their features.
    """
    yield PhaseStarted("features")
    config = task.config
    task, plain = yield from _extract_grouped(task)
    tables = [plain]
    for number in range(config.views if augmented and config.augmentations else 0):
        view = View(config.augmentations, number, config.seed)
        tables.append((yield from _extract(task, task.images.images, view)))
    values = np.stack([table.values for table in tables])
    if engine := plain.engine:
        where = DEVICE_TEXT.get(engine.device, engine.device)
        yield Note(
            f"Features were computed at about {engine.pictures_per_second:.0f} pictures per "
            f"second on {where}, in {engine.precision}."
        )
    return task, Extracted(values, plain.blocks, plain.engine)


def group_copies(task: Task, features: np.ndarray | None) -> Generator[Event, None, Task]:
    """Keep copies together from here on: splits are drawn again where they separate some.

    Args:
        task: Whose pictures, those of the locked test part included.
        features: The backbone's last layer for them, float32 (N, D); None finds close copies only.
    """
    yield from regroup(task, task.images.images + task.images.locked, features)
    images = image_set(task.workspace, task.project_id, seed=task.config.seed)
    return replace(task, images=images)


def regroup(task: Task, images: Images, features: np.ndarray | None) -> Generator[Event, None, int]:
    """Find copies among these pictures, as in `group_copies`; return how many have a new group."""
    if unsearched := copies.unsearched_note(len(images)):
        yield Note(unsearched)
    regrouped = copies.group_copies(task.workspace, task.project_id, images, features)
    if regrouped:
        yield Note(
            f"{regrouped} pictures look like copies of others or come from the same series. Each "
            "group is kept together in every split; see “Copies and series” on the Images page."
        )
    return regrouped


def _extract_grouped(task: Task) -> Generator[Event, None, tuple[Task, FeatureTable]]:
    """Return plain features of the pictures as they are grouped and split afterwards."""
    while True:
        everything = task.images.images + task.images.locked
        table = yield from _extract(task, everything, PLAIN_VIEW)
        task = yield from group_copies(task, table.last)
        kept = [image.digest for image in task.images.images]
        rows = {digest: row for row, digest in enumerate(table.digests)}
        if all(digest in rows for digest in kept):  # else labels changed meanwhile: look again
            values = table.values[[rows[digest] for digest in kept]]
            return task, replace(table, digests=tuple(kept), values=values)


def _extract(task: Task, images: Images, view: View) -> Iterator[Event]:
    return extract_features(
        task.backbone,
        task.config.backbone,
        images,
        workspace=task.workspace,
        project_id=task.project_id,
        view=view,
    )

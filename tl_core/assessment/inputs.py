"""What an assessment is asked, and the pictures, folds and features that all its parts share."""

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import nn

from tl_core.backbones import create_backbone
from tl_core.errors import DatasetError
from tl_core.evaluation.out_of_fold import Division, divide
from tl_core.features.copies import group_copies
from tl_core.features.extraction import FeatureTable, extract_features
from tl_core.images import ImageSet, LabelledImage, image_set
from tl_core.runs.catalogue import Backbone, backbone_from_json
from tl_core.runs.events import Progress
from tl_core.workspace.storage import Workspace


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be assessed.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        run_id: The run's folder gets the results.
        backbone: What is assessed.
        scratch: Train the whole architecture from scratch, too.
        pairs: Parts of the pictures to compare, as `subsets.parse_subset` reads them.
        seed: Of splits, folds, draws and random weights.
    """

    workspace: Workspace
    project_id: str
    run_id: str
    backbone: Backbone
    scratch: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    seed: int = 0

    @property
    def run_dir(self) -> Path:
        return self.workspace.run_dir(self.project_id, self.run_id)


def request_of(workspace: Workspace, project_id: str, run_id: str, config: dict) -> Request:
    """Return what a run of kind "assess" asks.

    `config` has "backbone" as JSON and may have "scratch", "patterns" (pairs of parts) and "seed".
    """
    return Request(
        workspace=workspace,
        project_id=project_id,
        run_id=run_id,
        backbone=backbone_from_json(config["backbone"]),
        scratch=bool(config.get("scratch", False)),
        pairs=tuple((a, b) for a, b in config.get("patterns", ())),
        seed=int(config.get("seed", 0)),
    )


@dataclass(frozen=True)
class Compared:
    """The pictures that ways to classify are compared on, and how they are divided.

    The person's own test part is not among `pictures`, so that nothing is decided by it.
    """

    images: ImageSet
    pictures: tuple[LabelledImage, ...]
    division: Division

    @property
    def digests(self) -> tuple[str, ...]:
        """The pictures that are measured."""
        return tuple(self.pictures[row].digest for row in self.division.rows)

    @property
    def unmeasured(self) -> list[str]:
        """Names of the classes of which nothing can be put aside."""
        measured = set(self.division.labels[self.division.rows].tolist())
        left = {picture.label for picture in self.pictures} - measured
        return sorted(self.images.class_names[label] for label in left)


def compared(request: Request) -> Compared:
    """Return the pictures of the project as they are now.

    Raises:
        DatasetError: If the pictures and classes cannot be divided.
    """
    images = image_set(request.workspace, request.project_id, seed=request.seed)
    pictures = learnt_from(images)
    return Compared(images, pictures, divided(pictures, images, seed=request.seed))


def learnt_from(images: ImageSet) -> tuple[LabelledImage, ...]:
    """Return all pictures but the person's own test part."""
    return tuple(one for one in images.images if not (images.test_given and one.split == "test"))


def divided(pictures: tuple[LabelledImage, ...], images: ImageSet, *, seed: int) -> Division:
    """Return how these pictures are divided, groups never separated.

    Raises:
        DatasetError: If no two classes can be put aside and learnt from.
    """
    division = divide(pictures, len(images.class_names), seed=seed)
    if division is None:
        raise DatasetError(
            "Fewer than two classes have pictures of two groups, so nothing can be held out. Add "
            "pictures from another source, or check the groups on the Images page."
        )
    return division


@dataclass(frozen=True)
class Inputs:
    """What the parts of an assessment read; `table` has a row for every labelled picture."""

    request: Request
    compared: Compared
    network: nn.Module
    table: FeatureTable

    @property
    def division(self) -> Division:
        return self.compared.division

    @cached_property
    def features(self) -> dict[str, np.ndarray]:
        """Raw features of the compared pictures by block, each float32 (N, D)."""
        row = {digest: index for index, digest in enumerate(self.table.digests)}
        rows = np.array([row[picture.digest] for picture in self.compared.pictures], np.int64)
        return {name: block[rows] for name, block in self.table.features.items()}


def collect(request: Request, now: Compared) -> Generator[Progress, None, Inputs]:
    """Compute the features; where they show copies, these stand together from here on.

    Raises:
        WeightsUnavailable: If the backbone's weights are not on this machine.
        DatasetError: If the pictures cannot be divided any more.
    """
    workspace, project_id = request.workspace, request.project_id
    folder = workspace.project_dir(project_id)
    network = create_backbone(request.backbone, project_dir=folder)
    while True:
        everything = now.images.images + now.images.locked
        table = yield from extract_features(
            network, request.backbone, everything, workspace=workspace, project_id=project_id
        )
        if not group_copies(workspace, project_id, everything, table.last):
            return Inputs(request, now, network, table)
        now = compared(request)

"""What a middle stage of a network makes of each part of a picture: computed once, and kept."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tl_core.backbones.anomaly import PatchReader
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.features.decoding import PLAIN_VIEW, crop_file
from tl_core.features.engine import EngineChoice, choose_engine
from tl_core.features.extraction import SAMPLE_PICTURES, fill, lacking, made_of, weights_name
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.cache_budget import mark_used
from tl_core.workspace.storage import Workspace


@dataclass(frozen=True)
class PatchTable:
    """Rows in the order of the pictures: `whole` float32 (N, D), `patches` float32 (N, P, C)."""

    whole: np.ndarray
    patches: np.ndarray
    engine: EngineChoice | None


def patch_features(
    network: nn.Module,
    backbone: Backbone,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
) -> Generator[Progress, None, PatchTable]:
    """Return what `PatchReader` reads of each picture, computing only what is not kept.

    Raises:
        ImageFileError: If a stored picture cannot be read any more.
        StorageFull: If there is no space for the cache.
    """
    preprocessing = preprocessing_for(network)
    shelf, engine = _shelf(workspace, project_id, backbone, preprocessing), None
    if missing := lacking(shelf, images):
        some = missing[:SAMPLE_PICTURES]
        engine = choose_engine(
            PatchReader(network),
            preprocessing,
            lambda: torch.stack([crop_file(image.path, preprocessing) for image in some]),
            name=f"{weights_name(backbone)}, patches",
            workspace=workspace,
            pictures=len(missing),
        )

        def work(batch: Sequence[LabelledImage]) -> Mapping[str, np.ndarray]:
            crops = torch.stack([crop_file(image.path, preprocessing) for image in batch])
            whole, patches = engine(crops)
            return {"whole": whole, "patches": patches.astype(np.float16)}

        yield from fill(
            shelf, images, work, batch_size=engine.choice.batch_size, threads=engine.parallel
        )
    mark_used(shelf.folder)
    digests = [image.digest for image in images]
    return PatchTable(
        shelf.take("whole", digests),
        shelf.take("patches", digests).astype(np.float32),
        engine.choice if engine else None,
    )


def kept_patches(
    workspace: Workspace, project_id: str, backbone: Backbone, preprocessing: Preprocessing
) -> frozenset[str]:
    """Return the pictures of which this is kept."""
    return frozenset(_shelf(workspace, project_id, backbone, preprocessing).digests)


def _shelf(
    workspace: Workspace, project_id: str, backbone: Backbone, preprocessing: Preprocessing
) -> Shelf:
    facts = made_of(backbone, preprocessing, PLAIN_VIEW)
    return Shelf(shelf_folder(workspace, project_id, "patches", facts))

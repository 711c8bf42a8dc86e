"""What a comparison needs of each picture beside its features: computed once, and kept.

The outputs of all layer groups, the features of the same network with random weights, the picture
at thumbnail size and its colours. The features' own pass keeps none of these: few projects are
compared, and thumbnails and colours alone would make that pass an eighth longer.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tl_core.backbones.creation import random_network
from tl_core.backbones.group_outputs import GroupOutputs
from tl_core.backbones.network import FeatureReader
from tl_core.backbones.preprocessing import preprocessing_for
from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.features.decoding import PLAIN_VIEW, crop_file
from tl_core.features.engine import Engine, choose_engine
from tl_core.features.extraction import SAMPLE_PICTURES, fill, lacking, made_of, weights_name
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.cache_budget import mark_used
from tl_core.workspace.storage import Workspace

THUMBNAIL_SIDE = 64  # pixels, what the small network sees
COLOURS = 4  # steps per channel of the histogram


@dataclass(frozen=True)
class ComparisonInputs:
    """Rows in the order of the pictures asked for.

    `group_outputs` float32 (N, sum of widths): the groups' outputs side by side;
    `random_features` float32 (N, D); `thumbnails` uint8 (N, 3, 64, 64); `colours` float32 (N, 64),
    shares of the picture.
    """

    group_outputs: np.ndarray
    random_features: np.ndarray
    thumbnails: np.ndarray
    colours: np.ndarray


def comparison_inputs(
    network: nn.Module,
    backbone: Backbone,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
) -> Generator[Progress, None, ComparisonInputs]:
    """Return what a comparison needs of each picture, computing only what is not kept.

    Args:
        network: timm model without classifier, with the pretrained weights.
        backbone: Names the cache entry.
        images: Pictures to look at.
        workspace: Keeps the choice of engine, and the arrays.
        project_id: Whose pictures.

    Raises:
        ImageFileError: If a stored picture cannot be read any more.
        StorageFull: If there is no space for the cache.
    """
    preprocessing = preprocessing_for(network)
    facts = made_of(backbone, preprocessing, PLAIN_VIEW)
    shelf = Shelf(shelf_folder(workspace, project_id, "comparison", facts))
    if missing := lacking(shelf, images):

        def engine_for(frozen: nn.Module, name: str) -> Engine:
            some = missing[:SAMPLE_PICTURES]
            return choose_engine(
                frozen,
                preprocessing,
                lambda: torch.stack([crop_file(image.path, preprocessing) for image in some]),
                name=name,
                workspace=workspace,
                pictures=len(missing),
            )

        weights = weights_name(backbone)
        groups = engine_for(GroupOutputs(network), f"{weights}, outputs of groups")
        random = engine_for(
            FeatureReader(random_network(backbone)), f"{backbone.name}, random weights of seed 0"
        )

        def work(batch: Sequence[LabelledImage]) -> Mapping[str, np.ndarray]:
            crops = torch.stack([crop_file(image.path, preprocessing) for image in batch])
            small = thumbnails(crops)
            return {
                "group_outputs": groups(crops)[0],
                "random_features": random(crops)[0],
                "thumbnails": small,
                "colours": colour_shares(small),
            }

        yield from fill(
            shelf, images, work, batch_size=groups.choice.batch_size, threads=groups.parallel
        )
    mark_used(shelf.folder)
    digests = [image.digest for image in images]
    names = [field.name for field in fields(ComparisonInputs)]
    return ComparisonInputs(**{name: shelf.take(name, digests) for name in names})


def thumbnails(crops: Tensor) -> np.ndarray:
    """Return uint8 crops (N, 3, S, S) at thumbnail size, uint8 (N, 3, 64, 64)."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    small = interpolate(crops.float(), size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).numpy()


def colour_shares(pictures: np.ndarray) -> np.ndarray:
    """Return colour histograms, float32 (N, 64), of uint8 pictures (N, 3, H, W); rows sum to 1."""
    steps = pictures.astype(np.int64) * COLOURS // 256
    bins = (steps[:, 0] * COLOURS + steps[:, 1]) * COLOURS + steps[:, 2]  # (N, H, W)
    counts = [np.bincount(one.ravel(), minlength=COLOURS**3) for one in bins]
    return np.stack(counts).astype(np.float32) / bins[0].size

"""Features of pictures: computed once, kept on disk, shared by all runs of a project."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tl_core.backbones.network import FeatureReader, feature_blocks
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.backbones.scales import has_two_scales
from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.features.decoding import PLAIN_VIEW, View, view_crop
from tl_core.features.device import one_thread_each
from tl_core.features.engine import PRECISIONS, EngineChoice, choose_engine
from tl_core.images import LabelledImage
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.cache_budget import make_room, mark_used
from tl_core.workspace.storage import Workspace

SHARD_PICTURES, SHARD_BYTES = 512, 64 * 2**20  # kept at once: what a kill can cost
SAMPLE_PICTURES = 16  # an engine is checked on these
VALUES = "values"


@dataclass(frozen=True)
class FeatureTable:
    """Features of pictures by content hash.

    `values` is float32 (N, D); `blocks` are the sizes of its parts, in the order of the columns.
    `engine` is None when everything came from the cache.
    """

    digests: tuple[str, ...]
    values: np.ndarray
    blocks: Mapping[str, int]
    engine: EngineChoice | None = None

    @property
    def last(self) -> np.ndarray:
        """What the backbone's own classifier sees, float32 (N, D)."""
        return self.values[:, -self.blocks["last"] :]

    @property
    def features(self) -> dict[str, np.ndarray]:
        """The columns of each part, float32 (N, D of the part)."""
        return blocks_of(self.values, self.blocks)


def blocks_of(values: np.ndarray, blocks: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the columns, (N, D of the part), of each part of features (N, D)."""
    ends = np.cumsum(list(blocks.values()))[:-1]
    return dict(zip(blocks, np.split(values, ends, axis=1), strict=True))


def extract_features(
    network: nn.Module,
    backbone: Backbone,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
    view: View = PLAIN_VIEW,
    pretrained: bool = True,
) -> Generator[Progress, None, FeatureTable]:
    """Return the features of `images` in their order, computing only what the cache lacks.

    One table never mixes precisions: each has a shelf of its own, and the one that holds the most
    of these pictures is gone on with.

    Args:
        network: timm model without classifier, with the weights that `backbone` names.
        backbone: Names the cache entry.
        images: Pictures to look at, at least one.
        workspace: Keeps the choice of engine, and the features.
        project_id: Whose pictures.
        view: Which augmented look.
        pretrained: False when `network` has random weights; these are never kept.

    Yields:
        Progress of phase "features", in pictures.

    Raises:
        ImageFileError: If a stored picture cannot be read any more; the message names it.
        StorageFull: If there is no space for the cache.
    """
    preprocessing = preprocessing_for(network)
    digests = [image.digest for image in images]

    def folder(precision: str) -> Path | None:
        if not pretrained:
            return None
        return feature_folder(
            workspace, project_id, backbone, preprocessing, view, precision=precision
        )

    precision, shelf = _fullest({name: Shelf(folder(name)) for name in PRECISIONS}, digests)
    engine = None
    if missing := lacking(shelf, images):
        some = missing[:SAMPLE_PICTURES]
        engine = choose_engine(
            FeatureReader(network),
            preprocessing,
            lambda: torch.stack([view_crop(image, preprocessing, view) for image in some]),
            name=reader_name(backbone, network) if pretrained else f"random {backbone.name}",
            workspace=workspace,
            pictures=len(missing) if pretrained else 0,
            precision=precision,
        )
        if engine.choice.precision != precision:  # the first pictures, or it cannot be had here
            shelf = Shelf(folder(engine.choice.precision))
        if shelf.folder:
            size = 4 * sum(feature_blocks(network).values()) * len(missing)
            make_room(workspace, size, keep={shelf.folder})

        def work(batch: Sequence[LabelledImage]) -> dict[str, np.ndarray]:
            crops = torch.stack([view_crop(image, preprocessing, view) for image in batch])
            return {VALUES: engine(crops)[0]}

        yield from fill(
            shelf, images, work, batch_size=engine.choice.batch_size, threads=engine.parallel
        )
    if shelf.folder:
        mark_used(shelf.folder)
    return FeatureTable(
        digests=tuple(digests),
        values=shelf.take(VALUES, digests),
        blocks=feature_blocks(network),
        engine=engine.choice if engine else None,
    )


def fill(
    shelf: Shelf,
    images: Sequence[LabelledImage],
    work: Callable[[Sequence[LabelledImage]], Mapping[str, np.ndarray]],
    *,
    batch_size: int,
    threads: int,
) -> Generator[Progress, None, None]:
    """Compute what a shelf lacks of `images`, batches side by side; whoever leaves off keeps much.

    Args:
        shelf: Gets the arrays.
        images: Each digest once.
        work: From a batch to arrays with a row per picture; called by several threads.
        batch_size: Pictures per batch.
        threads: How many call `work`.

    Yields:
        Progress of phase "features", in pictures.
    """
    missing = lacking(shelf, images)
    batches = [missing[i : i + batch_size] for i in range(0, len(missing), batch_size)]
    unsaved: list[tuple[Sequence[LabelledImage], Mapping[str, np.ndarray]]] = []
    before, done, start = len(images) - len(missing), 0, time.perf_counter()
    if missing:
        yield Progress("features", before, len(images))
    with one_thread_each():
        results = in_parallel(work, batches, threads=threads)
        try:
            for batch, arrays in zip(batches, results, strict=True):
                unsaved.append((batch, arrays))
                done += len(batch)
                if _is_much(unsaved):
                    _save(shelf, unsaved)
                left = (time.perf_counter() - start) / done * (len(missing) - done)
                yield Progress("features", before + done, len(images), left)
        finally:
            results.close()
            _save(shelf, unsaved)


def lacking(shelf: Shelf, images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Return the pictures whose values this shelf does not hold."""
    return [image for image in images if image.digest not in shelf.digests]


def reader_name(backbone: Backbone, network: nn.Module) -> str:
    """Return what the engine is remembered under that reads the features of these weights."""
    scales = " at two scales" if has_two_scales(network) else ""
    return f"{weights_name(backbone)}, rich features{scales}"


def weights_name(backbone: Backbone) -> str:
    """Return one name per set of pretrained weights."""
    return " ".join(filter(None, (backbone.name, backbone.source, backbone.digest)))


def made_of(backbone: Backbone, preprocessing: Preprocessing, view: View) -> dict[str, object]:
    """Return what tells one kind of look at pictures from another, for `shelf_folder`."""
    return {
        "backbone": [backbone.name, backbone.source, backbone.digest],
        "preprocessing": preprocessing.to_json(),
        "view": [view.augmentations, view.number, view.seed] if view.augmentations else None,
    }


def feature_folder(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    preprocessing: Preprocessing,
    view: View,
    *,
    precision: str,
) -> Path:
    """Return where features of one precision are kept."""
    facts = {**made_of(backbone, preprocessing, view), "precision": precision, "reads": "rich"}
    return shelf_folder(workspace, project_id, "features", facts)


def kept_features(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    preprocessing: Preprocessing,
    view: View,
) -> frozenset[str]:
    """Return the pictures whose features are kept, in the precision that has the most."""
    place = (workspace, project_id, backbone, preprocessing, view)
    shelves = [Shelf(feature_folder(*place, precision=name)) for name in PRECISIONS]
    return max((frozenset(shelf.digests) for shelf in shelves), key=len)


def _fullest(shelves: Mapping[str, Shelf], digests: Sequence[str]) -> tuple[str | None, Shelf]:
    """Return the precision that holds the most of these pictures, None if none holds any."""
    held = {name: len(shelf.digests & set(digests)) for name, shelf in shelves.items()}
    best = max(held, key=held.__getitem__)
    return best if held[best] else None, shelves[best]


def _is_much(unsaved: Sequence[tuple[Sequence, Mapping[str, np.ndarray]]]) -> bool:
    size = sum(array.nbytes for _, arrays in unsaved for array in arrays.values())
    return size >= SHARD_BYTES or sum(len(batch) for batch, _ in unsaved) >= SHARD_PICTURES


def _save(
    shelf: Shelf, unsaved: list[tuple[Sequence[LabelledImage], Mapping[str, np.ndarray]]]
) -> None:
    if not unsaved:
        return
    digests = [image.digest for batch, _ in unsaved for image in batch]
    columns = {name: [arrays[name] for _, arrays in unsaved] for name in unsaved[0][1]}
    unsaved.clear()
    shelf.add(digests, {name: np.concatenate(column) for name, column in columns.items()})

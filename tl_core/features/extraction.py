"""Features of pictures: computed once, kept on disk, shared by all runs of a project.

It knows the cache and the order of work; `inference` runs the network, `pictures` reads files.
"""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn

from tl_core.backbones.network import FeatureReader, feature_sizes
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.features.decoding import augmented_file, crop_file, in_parallel
from tl_core.features.device import one_thread_each
from tl_core.features.engine import Engine, EngineChoice, choose_engine
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.storage import Workspace, storage_errors, write_atomic

CACHE_FORMAT = 2
SHARD_PICTURES = 512  # written at once: what a kill can cost, and what memory holds
SAMPLE_PICTURES = 16  # an engine is chosen on these


@dataclass(frozen=True)
class FeatureTable:
    """Features of pictures by content hash.

    `values` is float32 (N, D): all stages, then the last layer in the last `last_size` columns.
    `engine` is None when everything came from the cache.
    """

    digests: tuple[str, ...]
    values: np.ndarray
    last_size: int
    engine: EngineChoice | None = None

    def matrix(self, features: str) -> np.ndarray:
        """Return the columns that "last" or "all" names, float32 (N, D)."""
        return self.values[:, -self.last_size :] if features == "last" else self.values

    def matrices(self) -> dict[str, np.ndarray]:
        """Return every distinct choice of columns by name."""
        names = ("last", "all") if self.values.shape[1] > self.last_size else ("last",)
        return {name: self.matrix(name) for name in names}


@dataclass(frozen=True)
class View:
    """One augmented look at every picture; number 0 without augmentations is the plain one."""

    augmentations: tuple[str, ...] = ()
    number: int = 0
    seed: int = 0


def extract_features(
    network: nn.Module,
    backbone: Backbone,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
    view: View = View(),
    pretrained: bool = True,
) -> Generator[Progress, None, FeatureTable]:
    """Return the features of `images` in their order, computing only what the cache lacks.

    Args:
        network: timm model without classifier, with the weights that `backbone` names.
        backbone: Names the cache entry.
        images: Pictures to look at.
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
    shelf = workspace.features_dir(project_id) / cache_key(backbone, preprocessing, view)
    precision, known = _fullest(shelf, images) if pretrained else (None, {})
    engine = None
    if missing := [image for image in images if image.digest not in known]:
        some = missing[:SAMPLE_PICTURES]
        engine = choose_engine(
            FeatureReader(network),
            preprocessing,
            lambda: torch.stack([view_crop(image, preprocessing, view) for image in some]),
            name=weights_name(backbone) if pretrained else f"random {backbone.name}",
            workspace=workspace,
            pictures=len(missing) if pretrained else 0,
            precision=precision,
        )
        if precision not in (None, engine.choice.precision):  # this machine cannot go on in it
            known, missing = {}, list(images)
        done = len(images) - len(missing)
        yield Progress("features", done, len(images))
        fresh = yield from _compute(engine, missing, view, preprocessing, shelf, pretrained, done)
        known |= fresh
    values = np.stack([known[image.digest] for image in images])
    return FeatureTable(
        digests=tuple(image.digest for image in images),
        values=values,
        last_size=feature_sizes(network)[0],
        engine=engine.choice if engine else None,
    )


def weights_name(backbone: Backbone) -> str:
    """Return one name per set of pretrained weights."""
    return " ".join(filter(None, (backbone.name, backbone.source, backbone.digest)))


def cache_key(backbone: Backbone, preprocessing: Preprocessing, view: View) -> str:
    """Return the cache folder's name: whatever changes a feature changes it."""
    facts = {
        "format": CACHE_FORMAT,
        "backbone": [backbone.name, backbone.source, backbone.digest],
        "preprocessing": preprocessing.to_json(),
        "view": [view.augmentations, view.number, view.seed] if view.augmentations else None,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _compute(
    engine: Engine,
    images: Sequence[LabelledImage],
    view: View,
    preprocessing: Preprocessing,
    shelf: Path,
    keep: bool,
    offset: int,
) -> Generator[Progress, None, dict[str, np.ndarray]]:
    """Read and run batches side by side; store what is done in shards."""
    size, precision = engine.choice.batch_size, engine.choice.precision
    batches = [images[start : start + size] for start in range(0, len(images), size)]

    def work(batch: Sequence[LabelledImage]) -> np.ndarray:
        crops = torch.stack([view_crop(image, preprocessing, view) for image in batch])
        return engine(crops)[0]

    rows: dict[str, np.ndarray] = {}
    unsaved: list[str] = []
    start = time.perf_counter()
    with one_thread_each():
        results = in_parallel(work, batches, threads=engine.parallel)
        try:
            for batch, values in zip(batches, results, strict=True):
                rows |= {image.digest: row for image, row in zip(batch, values, strict=True)}
                unsaved += [image.digest for image in batch]
                if keep and len(unsaved) >= SHARD_PICTURES:
                    _store(shelf, precision, {digest: rows[digest] for digest in unsaved})
                    unsaved = []
                left = (time.perf_counter() - start) / len(rows) * (len(images) - len(rows))
                yield Progress("features", offset + len(rows), offset + len(images), left)
        finally:
            results.close()
            if keep and unsaved:
                _store(shelf, precision, {digest: rows[digest] for digest in unsaved})
    return rows


def view_crop(image: LabelledImage, preprocessing: Preprocessing, view: View) -> torch.Tensor:
    """Return one look at one picture, uint8 (3, S, S)."""
    if view.augmentations:
        return augmented_file(
            image.path,
            view.augmentations,
            preprocessing,
            seed=view.seed,
            epoch=view.number,
            digest=image.digest,
        )
    return crop_file(image.path, preprocessing)


def _fullest(
    shelf: Path, images: Sequence[LabelledImage]
) -> tuple[str | None, dict[str, np.ndarray]]:
    """Return the precision in which most of these pictures are kept, and what is kept in it.

    One table never mixes precisions: each has shards of its own, named after it.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for shard in sorted(shelf.glob("*.npz")):
        rows = found.setdefault(shard.name.partition("-")[0], {})
        try:
            with np.load(shard, allow_pickle=False) as arrays:
                rows |= dict(zip(arrays["digests"].tolist(), arrays["values"], strict=True))
        except (OSError, ValueError, KeyError, BadZipFile):
            shard.unlink(missing_ok=True)  # damaged: compute it again
    kept = {name: sum(image.digest in rows for image in images) for name, rows in found.items()}
    best = max(sorted(kept), key=kept.__getitem__, default=None)
    return (best, found[best]) if best and kept[best] else (None, {})


def _store(shelf: Path, precision: str, rows: dict[str, np.ndarray]) -> None:
    """Write one shard under a name of its own, so that two workers never meet."""
    content = io.BytesIO()
    np.savez(content, digests=np.array(list(rows), "U64"), values=np.stack(list(rows.values())))
    with storage_errors("keeping the features of the pictures"):
        shelf.mkdir(parents=True, exist_ok=True)
    write_atomic(shelf / f"{precision}-{uuid.uuid4().hex}.npz", content.getvalue())

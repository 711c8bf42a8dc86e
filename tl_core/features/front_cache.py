"""What a network's frozen front makes of pictures: computed once, kept on disk, mapped into memory.

Shelves lie beside the cached features and are shared by all runs of a project. It knows files and
arrays; `fronts` knows how a network is cut, an engine computes.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor

from tl_core.backbones.preprocessing import Preprocessing
from tl_core.backbones.tracing import CutNetwork
from tl_core.features.decoding import in_parallel
from tl_core.features.device import one_thread_each
from tl_core.features.engine import Engine, Values
from tl_core.features.extraction import View, view_crop
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.storage import storage_errors

FRONT_FORMAT = 2
SHARD_BYTES = 64 * 2**20
HALF_TOLERANCE = 5e-3  # largest change of logits, relative to the largest, that half may cause


@dataclass(frozen=True)
class Keeping:
    """How a front's values are kept.

    `half`: in half precision. `maps`: which values are maps (n, C, H, W) that the network has in
    memory as (n, H, W, C), the order that convolutions compute fastest in; files have it too.
    `bytes_each`: what one picture takes.
    """

    half: bool
    maps: tuple[bool, ...]
    bytes_each: int


@dataclass(frozen=True)
class FrontValues:
    """Values per picture, mapped from files; `take` brings a batch into memory as float32."""

    maps: tuple[bool, ...]
    shards: list[list[np.ndarray]] = field(default_factory=list)  # per shard, per value: (n, ...)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # digest -> shard, row

    def take(self, digests: Sequence[str]) -> tuple[Tensor, ...]:
        """Return the values of these pictures, each float32 (n, ...)."""
        places = [self.places[digest] for digest in digests]
        batch = []
        for index, is_map in enumerate(self.maps):
            rows = np.stack([self.shards[shard][index][row] for shard, row in places])
            value = torch.from_numpy(rows).float()
            # (n, H, W, C) -> (n, C, H, W), and not a number moves
            batch.append(value.permute(0, 3, 1, 2) if is_map else value)
        return tuple(batch)


def front_key(
    backbone: Backbone,
    preprocessing: Preprocessing,
    view: View,
    *,
    frozen_groups: int,
    features: str,
    kept: Keeping,
    precision: str,
    weights_seed: int | None = None,
) -> str:
    """Return the shelf's name: whatever changes a kept value changes it.

    `weights_seed` draws the weights where none were learnt elsewhere.
    """
    facts = {
        "format": FRONT_FORMAT,
        "versions": [torch.__version__, timm.__version__],
        "backbone": [backbone.name, backbone.source, backbone.digest],
        "preprocessing": preprocessing.to_json(),
        "view": [view.augmentations, view.number, view.seed] if view.augmentations else None,
        "cut": [frozen_groups, features],
        "numbers": [kept.half, kept.maps, precision],
        "random": weights_seed,
    }
    return "front-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


@torch.no_grad()
def keeping(halves: CutNetwork, images: Tensor) -> Keeping:
    """Return how to keep values: in half precision where that leaves the logits as they are."""
    values = halves.front(images)
    exact = halves.back(*values)
    rounded = halves.back(*(value.half().float() for value in values))
    largest = 1 + exact.abs().max()
    close = (rounded - exact).abs().max() < HALF_TOLERANCE * largest
    half = bool(rounded.isfinite().all() and close)
    numbers = sum(value[0].numel() for value in values)
    maps = tuple(
        value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
        for value in values
    )
    return Keeping(half, maps, numbers * (2 if half else 4))


def lacking(shelf: Path, images: Sequence[LabelledImage], kept: Keeping) -> list[LabelledImage]:
    """Return the pictures whose values this shelf does not hold."""
    there = _read(shelf, kept.maps).places
    return [image for image in images if image.digest not in there]


def keep_front_values(
    engine: Engine | None,
    images: Sequence[LabelledImage],
    shelf: Path,
    *,
    preprocessing: Preprocessing,
    view: View,
    kept: Keeping,
) -> Generator[Progress, None, FrontValues]:
    """Return the front's values of `images`, computing only what the shelf lacks.

    `engine` may be None if it lacks nothing.

    Yields:
        Progress of phase "features", in pictures.
    """
    missing = lacking(shelf, images, kept)
    if not missing:
        return _read(shelf, kept.maps)
    kind = np.float16 if kept.half else np.float32
    start, done = time.perf_counter(), 0

    def work(batch: Sequence[LabelledImage]) -> Values:
        crops = torch.stack([view_crop(image, preprocessing, view) for image in batch])
        values = zip(engine(crops), kept.maps, strict=True)
        ordered = (value.transpose(0, 2, 3, 1) if is_map else value for value, is_map in values)
        return tuple(np.ascontiguousarray(value, dtype=kind) for value in ordered)

    size = engine.choice.batch_size
    batches = [missing[i : i + size] for i in range(0, len(missing), size)]
    pending: list[tuple[Sequence[LabelledImage], Values]] = []
    with one_thread_each():
        results = in_parallel(work, batches, threads=engine.parallel)
        try:
            for batch, arrays in zip(batches, results, strict=True):
                pending.append((batch, arrays))
                done += len(batch)
                size = sum(array.nbytes for _, some in pending for array in some)
                if size >= SHARD_BYTES:
                    _write(shelf, pending)
                    pending = []
                left = (time.perf_counter() - start) / done * (len(missing) - done)
                yield Progress("features", len(images) - len(missing) + done, len(images), left)
        finally:
            results.close()
            if pending:
                _write(shelf, pending)
    return _read(shelf, kept.maps)


def _write(shelf: Path, pending: list[tuple[Sequence[LabelledImage], Values]]) -> None:
    """Write one shard under a name of its own; it counts once its folder has its final name."""
    digests = [image.digest for batch, _ in pending for image in batch]
    columns = zip(*(arrays for _, arrays in pending), strict=True)
    part = shelf / f".{uuid.uuid4().hex}"
    with storage_errors("keeping what the frozen layers see"):
        part.mkdir(parents=True)
        try:
            for index, column in enumerate(columns):
                np.save(part / f"{index}.npy", np.concatenate(column))
            (part / "digests.json").write_text(json.dumps(digests), encoding="utf-8")
            os.replace(part, shelf / uuid.uuid4().hex)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _read(shelf: Path, maps: tuple[bool, ...]) -> FrontValues:
    values = FrontValues(maps)
    for shard in sorted(shelf.glob("[!.]*")) if shelf.is_dir() else ():
        try:
            digests = json.loads((shard / "digests.json").read_text(encoding="utf-8"))
            arrays = [np.load(shard / f"{i}.npy", mmap_mode="r") for i in range(len(maps))]
        except (OSError, ValueError):
            shutil.rmtree(shard, ignore_errors=True)  # damaged: compute it again
            continue
        for row, digest in enumerate(digests):
            values.places[digest] = (len(values.shards), row)
        values.shards.append(arrays)
    return values

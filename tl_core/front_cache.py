"""What a network's frozen front makes of pictures: computed once, kept on disk, mapped into memory.

Shelves lie beside the cached features and are shared by all runs of a project. It knows files and
tensors; `fronts` knows how a network is cut.
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

from tl_core.catalogue import Backbone
from tl_core.datasets import LabelledImage
from tl_core.events import Progress
from tl_core.features import View, view_crop
from tl_core.fronts import CutNetwork
from tl_core.inference import one_thread_each
from tl_core.pictures import in_parallel
from tl_core.storage import storage_errors
from tl_core.transforms import Preprocessing, normalise

FRONT_FORMAT = 1
FRONT_BATCH = 4
SHARD_BYTES = 64 * 2**20
HALF_TOLERANCE = 5e-3  # largest change of logits, relative to the largest, that half may cause


@dataclass(frozen=True)
class FrontValues:
    """Values per picture, mapped from files; `take` brings a batch into memory as float32."""

    shards: list[list[np.ndarray]] = field(default_factory=list)  # per shard, per value: (n, ...)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # digest -> shard, row

    def take(self, digests: Sequence[str]) -> tuple[Tensor, ...]:
        """Return the values of these pictures, each float32 (n, ...)."""
        places = [self.places[digest] for digest in digests]
        count = len(self.shards[0])
        return tuple(
            torch.from_numpy(
                np.stack([self.shards[shard][value][row] for shard, row in places])
            ).float()
            for value in range(count)
        )


def front_key(
    backbone: Backbone,
    preprocessing: Preprocessing,
    view: View,
    *,
    frozen_groups: int,
    features: str,
    half: bool,
) -> str:
    """Return the shelf's name: whatever changes a kept value changes it."""
    facts = {
        "format": FRONT_FORMAT,
        "versions": [torch.__version__, timm.__version__],
        "backbone": [backbone.name, backbone.source, backbone.digest],
        "preprocessing": preprocessing.to_json(),
        "view": [view.augmentations, view.number, view.seed] if view.augmentations else None,
        "cut": [frozen_groups, features, half],
    }
    return "front-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def half_is_enough(halves: CutNetwork, images: Tensor) -> bool:
    """Whether values kept in half precision leave the logits of `images` as they are."""
    with torch.no_grad():
        values = halves.front(images)
        exact = halves.back(*values)
        rounded = halves.back(*(value.half().float() for value in values))
    largest = 1 + exact.abs().max()
    return bool(
        rounded.isfinite().all() and (rounded - exact).abs().max() < HALF_TOLERANCE * largest
    )


def bytes_per_picture(halves: CutNetwork, image: Tensor, *, half: bool) -> int:
    """Return what one picture's values take on disk."""
    with torch.no_grad():
        values = halves.front(image)
    return sum(value.numel() for value in values) * (2 if half else 4)


def keep_front_values(
    halves: CutNetwork,
    images: Sequence[LabelledImage],
    shelf: Path,
    *,
    preprocessing: Preprocessing,
    view: View,
    half: bool,
) -> Generator[Progress, None, FrontValues]:
    """Return the front's values of `images`, computing only what the shelf lacks.

    Yields:
        Progress of phase "features", in pictures.
    """
    values = _read(shelf)
    missing = [image for image in images if image.digest not in values.places]
    place = next(halves.back.parameters()).device
    start, done = time.perf_counter(), 0

    @torch.inference_mode()
    def work(batch: Sequence[LabelledImage]) -> list[np.ndarray]:
        crops = torch.stack([view_crop(image, preprocessing, view) for image in batch])
        prepared = normalise(crops.to(place), preprocessing)
        results = halves.front(prepared.contiguous(memory_format=torch.channels_last))
        kind = torch.float16 if half else torch.float32
        return [value.to(kind).cpu().contiguous().numpy() for value in results]

    batches = [missing[i : i + FRONT_BATCH] for i in range(0, len(missing), FRONT_BATCH)]
    threads = torch.get_num_threads() if place.type == "cpu" else 2
    pending: list[tuple[Sequence[LabelledImage], list[np.ndarray]]] = []
    with one_thread_each():
        results = in_parallel(work, batches, threads=threads)
        try:
            for batch, arrays in zip(batches, results, strict=True):
                pending.append((batch, arrays))
                done += len(batch)
                size = sum(array.nbytes for _, kept in pending for array in kept)
                if size >= SHARD_BYTES:
                    _write(shelf, pending)
                    pending = []
                left = (time.perf_counter() - start) / done * (len(missing) - done)
                yield Progress("features", len(images) - len(missing) + done, len(images), left)
        finally:
            results.close()
            if pending:
                _write(shelf, pending)
    return _read(shelf) if missing else values


def _write(shelf: Path, pending: list[tuple[Sequence[LabelledImage], list[np.ndarray]]]) -> None:
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


def _read(shelf: Path) -> FrontValues:
    values = FrontValues()
    for shard in sorted(shelf.glob("[!.]*")) if shelf.is_dir() else ():
        try:
            digests = json.loads((shard / "digests.json").read_text(encoding="utf-8"))
            count = len(list(shard.glob("*.npy")))
            arrays = [np.load(shard / f"{i}.npy", mmap_mode="r") for i in range(count)]
        except (OSError, ValueError):
            shutil.rmtree(shard, ignore_errors=True)  # damaged: compute it again
            continue
        for row, digest in enumerate(digests):
            values.places[digest] = (len(values.shards), row)
        values.shards.append(arrays)
    return values

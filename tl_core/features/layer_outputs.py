"""One more look at every picture, for what a comparison needs, kept on disk.

One reading of the file and one pass give the outputs of all layer groups, the features of the
same network with random weights, the picture at thumbnail size and its colours. It knows the cache
and the order of work; what is made of the numbers is in `baselines` and `layer_curve`.
"""

import copy
import hashlib
import io
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tl_core.backbones.creation import random_network
from tl_core.backbones.group_outputs import GroupEnds
from tl_core.backbones.network import FeatureReader, all_features, has_stages, last_features
from tl_core.backbones.preprocessing import Preprocessing, normalise, preprocessing_for
from tl_core.features.decoding import crop_file, in_parallel
from tl_core.features.device import one_thread_each
from tl_core.features.engine import EngineChoice, choose_engine
from tl_core.features.extraction import View, cache_key
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Progress
from tl_core.workspace.storage import Workspace, storage_errors, write_atomic

FORMAT = "looks 1"
SMALL_SIDE = 64  # pixels, what the small network sees
COLOURS = 4  # steps per channel of the histogram
SHARD_PICTURES = 256


@dataclass(frozen=True)
class Looks:
    """Rows in the order of the pictures asked for.

    `ends` float32 (N, sum of widths): the groups' outputs side by side; `random` float32
    (N, D); `small` uint8 (N, 3, 64, 64); `colours` float32 (N, 64), shares of the picture.
    """

    ends: np.ndarray
    random: np.ndarray
    small: np.ndarray
    colours: np.ndarray


def look(
    network: nn.Module,
    backbone: Backbone,
    images: Sequence[LabelledImage],
    *,
    workspace: Workspace,
    project_id: str,
) -> Generator[Progress, None, Looks]:
    """Return what a comparison needs of each picture, computing only what is not kept.

    Args:
        network: timm model without classifier, with the pretrained weights.
        backbone: Names the cache entry.
        images: Pictures to look at.
        workspace: Keeps the choice of engine, and the features.
        project_id: Whose pictures.

    Raises:
        ImageFileError: If a stored picture cannot be read any more.
        StorageFull: If there is no space for the cache.
    """
    preprocessing = preprocessing_for(network)
    key = cache_key(backbone, preprocessing, View())
    name = hashlib.sha256(f"{FORMAT} {key}".encode()).hexdigest()[:24]
    shelf = workspace.features_dir(project_id) / name
    known = _load(shelf)
    missing = [image for image in images if image.digest not in known]
    if missing:
        sample = torch.stack([crop_file(one.path, preprocessing) for one in missing[:8]])
        choice = choose_engine(
            FeatureReader(network),
            preprocessing,
            lambda: sample,
            name=backbone.name,
            workspace=workspace,
        ).choice
        reading = {
            "ends": _Reader(network, preprocessing, choice, ends=True),
            "random": _Reader(random_network(backbone), preprocessing, choice, ends=False),
        }
        yield from _compute(reading, choice, missing, preprocessing, shelf, known)
    rows = [known[image.digest] for image in images]
    return Looks(**{field.name: np.stack([r[field.name] for r in rows]) for field in fields(Looks)})


class _Reader:
    """Runs a frozen network on uint8 crops, with the precision that was found fast and exact.

    It gives the stages' and the last layer's features; with `ends`, the groups' outputs.
    """

    def __init__(
        self, network: nn.Module, preprocessing: Preprocessing, choice: EngineChoice, *, ends: bool
    ) -> None:
        self._preprocessing = preprocessing
        self._place = {"device": choice.device, "dtype": getattr(torch, choice.precision)}
        self._network = copy.deepcopy(network).eval()
        self._network.to(**self._place, memory_format=torch.channels_last)
        self._ends = GroupEnds(self._network) if ends else None

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> np.ndarray:
        images = normalise(crops, self._preprocessing)
        images = images.to(**self._place, memory_format=torch.channels_last)
        if self._ends:
            features = torch.cat(self._ends(self._network, images), dim=1)
        elif has_stages(self._network):
            features = all_features(self._network, images)
        else:
            features = last_features(self._network, images)
        return features.cpu().numpy()


def shrunk(crops: Tensor) -> np.ndarray:
    """Return uint8 crops (N, 3, S, S) at thumbnail size, uint8 (N, 3, 64, 64)."""
    size = (SMALL_SIDE, SMALL_SIDE)
    small = interpolate(crops.float(), size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).numpy()


def colour_shares(pictures: np.ndarray) -> np.ndarray:
    """Return colour histograms, float32 (N, 64), of uint8 pictures (N, 3, H, W); rows sum to 1."""
    steps = pictures.astype(np.int64) * COLOURS // 256
    bins = (steps[:, 0] * COLOURS + steps[:, 1]) * COLOURS + steps[:, 2]  # (N, H, W)
    counts = [np.bincount(one.ravel(), minlength=COLOURS**3) for one in bins]
    return np.stack(counts).astype(np.float32) / bins[0].size


def _compute(
    reading: dict[str, _Reader],
    choice: EngineChoice,
    images: Sequence[LabelledImage],
    preprocessing: Preprocessing,
    shelf: Path,
    known: dict[str, dict[str, np.ndarray]],
) -> Generator[Progress, None, None]:
    size = choice.batch_size
    batches = [images[start : start + size] for start in range(0, len(images), size)]

    def work(batch: Sequence[LabelledImage]) -> dict[str, np.ndarray]:
        crops = torch.stack([crop_file(image.path, preprocessing) for image in batch])
        small = shrunk(crops)
        return {
            **{name: reader(crops) for name, reader in reading.items()},
            "small": small,
            "colours": colour_shares(small),
        }

    unsaved: dict[str, dict[str, np.ndarray]] = {}
    done, start = 0, time.perf_counter()
    threads = torch.get_num_threads() if choice.device == "cpu" else 2
    with one_thread_each():
        results = in_parallel(work, batches, threads=threads)
        try:
            for batch, arrays in zip(batches, results, strict=True):
                for row, image in enumerate(batch):
                    unsaved[image.digest] = {name: a[row] for name, a in arrays.items()}
                done += len(batch)
                if len(unsaved) >= SHARD_PICTURES:
                    _store(shelf, unsaved)
                    known |= unsaved
                    unsaved = {}
                left = (time.perf_counter() - start) / done * (len(images) - done)
                yield Progress("features", done, len(images), left)
        finally:
            results.close()
            if unsaved:
                _store(shelf, unsaved)
                known |= unsaved


def _load(shelf: Path) -> dict[str, dict[str, np.ndarray]]:
    rows: dict[str, dict[str, np.ndarray]] = {}
    for shard in sorted(shelf.glob("*.npz")):
        try:
            with np.load(shard, allow_pickle=False) as arrays:
                values = {field.name: arrays[field.name] for field in fields(Looks)}
                for row, digest in enumerate(arrays["digests"].tolist()):
                    rows[digest] = {name: array[row] for name, array in values.items()}
        except (OSError, ValueError, KeyError, BadZipFile):
            shard.unlink(missing_ok=True)  # damaged: compute it again
    return rows


def _store(shelf: Path, rows: dict[str, dict[str, np.ndarray]]) -> None:
    arrays = {f.name: np.stack([row[f.name] for row in rows.values()]) for f in fields(Looks)}
    content = io.BytesIO()
    np.savez(content, digests=np.array(list(rows), "U64"), **arrays)
    with storage_errors("keeping the features of the pictures"):
        shelf.mkdir(parents=True, exist_ok=True)
    write_atomic(shelf / f"{uuid.uuid4().hex}.npz", content.getvalue())

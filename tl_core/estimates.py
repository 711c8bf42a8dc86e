"""How long a training will take on this machine, before it starts.

What a backbone costs is measured once, briefly, and kept in the workspace's `machine.json`; how
many pictures and steps there will be follows from the settings and from what is cached already.
It knows the order of work in `training`, not the work.
"""

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones import create_backbone
from tl_core.catalogue import Backbone
from tl_core.config import TrainingConfig
from tl_core.datasets import ClassSummary, ImageRecord, image_path, list_classes, list_images
from tl_core.errors import ImageFileError, WeightsUnavailable
from tl_core.features import View, cache_key
from tl_core.fine_tuning import plan
from tl_core.inference import Engine, EngineChoice, device, fastest_engine
from tl_core.layers import freeze_to, layer_groups, train_mode
from tl_core.network import TransferNetwork, feature_sizes
from tl_core.pictures import crop_file
from tl_core.storage import Workspace, write_atomic
from tl_core.transforms import Preprocessing, normalise, preprocessing_for

SAMPLE = 8  # pictures to measure on
STEP_PICTURES = 4  # in a measured training step
QUICK_SECONDS = 0.15  # per picture; slower networks are not timed in several ways
TRAIN_SHARE, REST_SHARE = 0.6, 0.2  # of the pictures, as `datasets` splits them
SOLVER_SECONDS = 2.5e-9  # per picture, feature and class, for one fit of the probe
PROBE_FITS = 60  # features x strengths x folds, and the fits that follow


@dataclass(frozen=True)
class Costs:
    """Seconds per picture on this machine.

    `decode` to read and crop on one core; `forward` through the frozen network, all cores;
    `step` forward, backward and update with the chosen groups thawed.
    """

    decode: float
    forward: float
    step: float


def estimate_seconds(workspace: Workspace, project_id: str, config: TrainingConfig) -> dict:
    """Return the expected seconds of each phase, their total, and on what device.

    Returns:
        `features`, `probe`, `fine_tune`, `evaluate` and `total` in seconds; `device` in words.

    Raises:
        BackboneError: If the architecture is unknown.
        WorkspaceError: If the project is gone.
    """
    classes = list_classes(workspace, project_id)
    pictures = _pictures(classes)
    network, pretrained = _network(workspace, project_id, config)
    fine_tunes = config.strategy in ("fine-tune", "scratch")
    records = list_images(workspace, project_id, excluded=False, limit=1000)
    preprocessing = preprocessing_for(network)
    decode, sample = _read_sample(workspace, project_id, records, preprocessing)
    memory = _Memory(workspace.root / "machine.json")
    costs = Costs(
        decode=decode,
        forward=memory.get(
            f"{config.backbone.name} | forward",
            lambda: _forward_seconds(network, config.backbone, sample, workspace, pretrained),
        ),
        step=_step_seconds(memory, network, config, sample) if fine_tunes else 0.0,
    )
    missing = missing_looks(workspace, project_id, config)
    columns = feature_sizes(network)[1]
    return _seconds(config, costs, pictures, missing, columns, max(2, len(classes)))


def _seconds(
    config: TrainingConfig, costs: Costs, pictures: int, missing: int, columns: int, classes: int
) -> dict:
    """Put the costs together.

    Args:
        config: Settings.
        costs: Seconds per picture.
        pictures: In the project, labelled and included.
        missing: Looks at pictures that are not cached.
        columns: Features per picture, D.
        classes: K.
    """
    fine_tunes = config.strategy in ("fine-tune", "scratch")
    threads = torch.get_num_threads()
    read = costs.decode / threads
    views = 1 + (config.views if config.augmentations and not fine_tunes else 0)
    phases = {"features": missing * (costs.forward + read), "probe": 0.0, "fine_tune": 0.0}
    if config.strategy != "scratch":
        one_fit = SOLVER_SECONDS * pictures * views * columns * classes
        phases["probe"] = 0.3 + PROBE_FITS * one_fit
    phases["evaluate"] = phases["probe"] if not fine_tunes else 0.0
    if fine_tunes:
        epochs, per_epoch = plan(config, max(1, round(TRAIN_SHARE * pictures)))
        stepped = epochs * per_epoch * min(config.batch_size, max(1, pictures))
        looks = stepped if config.augmentations else TRAIN_SHARE * pictures
        validated = (epochs + 1) * REST_SHARE * pictures
        phases["fine_tune"] = stepped * costs.step + looks * read + validated * costs.forward
        phases["evaluate"] = REST_SHARE * pictures * (costs.forward + read)
    total = sum(phases.values())
    return {**phases, "total": total, "device": _device_text()}


class _Memory:
    """Measured seconds by name, for this machine; shared by everything in the workspace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._machine = f"{platform.node()} {device()} {torch.get_num_threads()} threads"

    def get(self, name: str, measure: Callable[[], float]) -> float:
        key = f"{name} | {self._machine}"
        known = self._read()
        if key not in known:
            known = {**known, key: round(measure(), 6)}
            write_atomic(self._path, json.dumps(known, indent=1).encode())
        return known[key]

    def _read(self) -> dict[str, float]:
        try:
            return json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}


def _network(
    workspace: Workspace, project_id: str, config: TrainingConfig
) -> tuple[nn.Module, bool]:
    """Return the backbone, and whether it has its weights: without them it is as fast."""
    folder = workspace.project_dir(project_id)
    if config.strategy != "scratch":
        try:
            return create_backbone(config.backbone, project_dir=folder), True
        except WeightsUnavailable:
            pass  # not downloaded yet
    return create_backbone(config.backbone, pretrained=False), False


def _read_sample(
    workspace: Workspace, project_id: str, records: list[ImageRecord], pre: Preprocessing
) -> tuple[float, Tensor]:
    """Return seconds to read a picture, and crops of some: uint8 (n, 3, S, S)."""
    crops = []
    start = time.perf_counter()
    for record in records[:: max(1, len(records) // SAMPLE)][:SAMPLE]:
        try:
            crops.append(crop_file(image_path(workspace, project_id, record), pre))
        except (ImageFileError, OSError):
            continue  # the training will name it
    seconds = (time.perf_counter() - start) / max(1, len(crops))
    if not crops:
        side = pre.input_size
        crops = [torch.zeros(3, side, side, dtype=torch.uint8)]
    return seconds, torch.stack(crops)


def _forward_seconds(
    network: nn.Module,
    backbone: Backbone,
    sample: Tensor,
    workspace: Workspace,
    pretrained: bool,
) -> float:
    preprocessing = preprocessing_for(network)
    plain = Engine(network, preprocessing, EngineChoice("float32", 1, device(), 0.0))
    plain(sample[:1])  # the first call allocates
    start = time.perf_counter()
    plain(sample[:1])
    seconds = time.perf_counter() - start
    if seconds > QUICK_SECONDS or not pretrained:
        return seconds
    chosen = fastest_engine(
        network,
        preprocessing,
        sample,
        name=backbone.name,
        memory=workspace.root / "engines.json",
    )
    return 1 / chosen.choice.pictures_per_second


def _step_seconds(
    memory: _Memory, network: nn.Module, config: TrainingConfig, sample: Tensor
) -> float:
    last = len(layer_groups(network)) - 1
    frozen = config.frozen_groups
    if frozen is None:
        frozen = 0 if config.strategy == "scratch" else last - 1
    frozen = min(frozen, last)
    name = f"{config.backbone.name} | step, {frozen} groups frozen"
    return memory.get(name, lambda: _measured_step(network, frozen, sample))


def _measured_step(network: nn.Module, frozen: int, sample: Tensor) -> float:
    """Return seconds per picture of one update; a small step, because it may be a large network."""
    preprocessing = preprocessing_for(network)
    whole = TransferNetwork(network, features="last", num_classes=2).to(device())
    freeze_to(whole, frozen)
    train_mode(whole, batch_size=STEP_PICTURES)
    optimiser = torch.optim.AdamW([p for p in whole.parameters() if p.requires_grad], lr=0.0)
    crops = torch.cat([sample] * STEP_PICTURES)[:STEP_PICTURES].to(device())
    images = normalise(crops, preprocessing).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(STEP_PICTURES, device=device()) % 2
    for _attempt in ("allocate", "measure"):
        start = time.perf_counter()
        loss = nn.functional.cross_entropy(whole(images), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss.item()  # waits for a graphics card
    return (time.perf_counter() - start) / STEP_PICTURES


def missing_looks(workspace: Workspace, project_id: str, config: TrainingConfig) -> int:
    """Return how many looks at pictures are not cached yet; more than once at each with views."""
    if config.strategy == "scratch":
        return 0
    views = [View()]
    if config.augmentations and config.strategy != "fine-tune":
        views += [View(config.augmentations, n, config.seed) for n in range(config.views)]
    preprocessing = preprocessing_for(create_backbone(config.backbone, pretrained=False))
    pictures = _pictures(list_classes(workspace, project_id))
    shelves = [cache_key(config.backbone, preprocessing, view) for view in views]
    folder = workspace.features_dir(project_id)
    return sum(max(0, pictures - _cached(folder / shelf)) for shelf in shelves)


def _pictures(classes: list[ClassSummary]) -> int:
    return sum(entry.images - entry.excluded for entry in classes)


def _cached(shelf: Path) -> int:
    digests: set[str] = set()
    for shard in shelf.glob("*.npz"):
        try:
            with np.load(shard, allow_pickle=False) as arrays:
                digests.update(arrays["digests"].tolist())
        except (OSError, ValueError, KeyError):
            continue
    return len(digests)


def _device_text() -> str:
    if device() == "cuda":
        return f"the graphics card ({torch.cuda.get_device_name()})"
    if device() == "mps":
        return "the graphics part of this Mac"
    threads = torch.get_num_threads()
    return f"this computer's processor ({threads} core{'s' if threads > 1 else ''})"

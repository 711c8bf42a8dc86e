"""How long a training will take on this machine, before it starts.

What a backbone costs is measured once, briefly, and kept in the workspace's `machine.json`; how
many pictures and steps there will be follows from the settings and from what is cached already.
It knows the order of work in `training`, not the work.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core import speed
from tl_core.backbones import create_backbone
from tl_core.catalogue import Backbone
from tl_core.config import TrainingConfig
from tl_core.datasets import ClassSummary, image_path, image_set, list_classes, list_images
from tl_core.errors import DatasetError, WeightsUnavailable
from tl_core.features import View, cache_key, weights_name
from tl_core.fine_tuning import TOLERATED, plan, tuning_config
from tl_core.inference import CONVERTING_PAYS, device, fastest_engine
from tl_core.jobs import MOST_OUT_OF_FOLD
from tl_core.layers import layer_groups
from tl_core.network import feature_sizes
from tl_core.storage import Workspace
from tl_core.transforms import Preprocessing, preprocessing_for

SAMPLE = 8  # pictures to measure on
QUICK_SECONDS = 0.15  # per picture; slower networks are not timed in several ways
TRAIN_SHARE, REST_SHARE = 0.6, 0.2  # of the pictures, as `datasets` splits them
SOLVER_SECONDS = 2.5e-9  # per picture, feature and class, for one fit of the probe
FOLDS = 5
FOLDS_SHARE = 2.5  # choosing again in every fold, against choosing once
MEASURING_SHARE = 0.35  # of a step's cost, when nothing is learnt
PROBE_FITS = 60  # features x strengths x folds, and the fits that follow


@dataclass(frozen=True)
class Costs:
    """Seconds per picture on this machine.

    `decode` to read and crop on one core; `forward` through the frozen network, all cores;
    `front` through the layers that stay frozen, in plain float32; `step` forward, backward and
    update of those behind.
    """

    decode: float
    forward: float
    front: float
    step: float


def estimate_seconds(workspace: Workspace, project_id: str, config: TrainingConfig) -> dict:
    """Return the expected seconds of each phase, their total, and on what device.

    Returns:
        `features`, `probe`, `fine_tune`, `evaluate` and `total` in seconds; `trial`, what trying
        fine-tuning takes in a recommended training (part of `fine_tune` if that is allowed);
        `device` in words.

    Raises:
        BackboneError: If the architecture is unknown.
        WorkspaceError: If the project is gone.
    """
    classes = list_classes(workspace, project_id)
    pictures = _pictures(classes)
    costs = measured_costs(workspace, project_id, config)
    return _seconds(
        config,
        costs,
        pictures=pictures,
        missing=missing_looks(workspace, project_id, config),
        columns=_facts(config.backbone).columns,
        classes=max(2, len(classes)),
        trial=trial_seconds(config, costs, _learnt(workspace, project_id, pictures)),
    )


def measured_costs(workspace: Workspace, project_id: str, config: TrainingConfig) -> Costs:
    """Return what this machine needs for the project's pictures, measured now or before."""
    facts = _facts(config.backbone)
    records = list_images(workspace, project_id, excluded=False, limit=1000)
    some = records[:: max(1, len(records) // SAMPLE)][:SAMPLE]
    paths = [image_path(workspace, project_id, record) for record in some]
    decode, sample = speed.read_sample(paths, facts.preprocessing)
    memory = speed.Memory(workspace.root / "machine.json")
    name = config.backbone.name

    def network() -> tuple[nn.Module, bool]:
        return _network(config, workspace.project_dir(project_id))

    (forward,) = memory.get(
        f"{name} | forward", lambda: (_forward_seconds(*network(), config, sample, workspace),)
    )
    front, step = 0.0, 0.0
    tuned = tuning_config(config, facts.groups) if _tries(config) else config
    if tuned.strategy in ("fine-tune", "scratch"):
        frozen = _frozen_groups(tuned, facts.groups)
        front, step = memory.get(
            f"{name} | front and step, {frozen} groups frozen",
            lambda: speed.tuning_seconds(network()[0], frozen, sample),
        )
    return Costs(decode=decode, forward=forward, front=front, step=step)


def trial_seconds(config: TrainingConfig, costs: Costs, pictures: int) -> float:
    """Return what a recommended training needs to try fine-tuning; 0 if it never does.

    Args:
        config: Settings.
        costs: Seconds per picture.
        pictures: To learn from.
    """
    if not _tries(config) or not pictures:
        return 0.0
    tuned = replace(config, strategy="fine-tune")
    views = config.views + 1 if config.augmentations else 1
    looks = views * pictures * (costs.front + costs.decode / torch.get_num_threads())
    if pictures > MOST_OUT_OF_FOLD:
        folds, share = 1, REST_SHARE / (TRAIN_SHARE + REST_SHARE)
    else:
        folds, share = FOLDS, 1 / FOLDS
    learnt = round((1 - share) * pictures)
    turn = _steps_seconds(tuned, costs, learnt, pictures - learnt)
    return looks + folds * turn + _steps_seconds(tuned, costs, pictures, 0)


def _tries(config: TrainingConfig) -> bool:
    return config.strategy == "recommended" and config.tuning_seconds > 0


def _steps_seconds(config: TrainingConfig, costs: Costs, learnt: int, measured: int) -> float:
    """Return seconds to fine-tune on some pictures, and to measure others after every epoch."""
    epochs, per_epoch = plan(config, max(1, learnt))
    stepped = epochs * per_epoch * min(config.batch_size, max(1, learnt))
    return (stepped + (epochs + 1) * measured * MEASURING_SHARE) * costs.step


def _learnt(workspace: Workspace, project_id: str, pictures: int) -> int:
    """Return how many pictures a recommended training learns from."""
    try:
        images = image_set(workspace, project_id)
    except DatasetError:
        return pictures  # something is missing still
    return len(images.images) - (len(images.test) if images.test_given else 0)


def _seconds(
    config: TrainingConfig,
    costs: Costs,
    *,
    pictures: int,
    missing: int,
    columns: int,
    classes: int,
    trial: float,
) -> dict:
    """Put the costs together.

    Args:
        config: Settings.
        costs: Seconds per picture.
        pictures: In the project, labelled and included.
        missing: Looks at pictures that are not cached.
        columns: Features per picture, D.
        classes: K.
        trial: Seconds to try fine-tuning.
    """
    fine_tunes = config.strategy in ("fine-tune", "scratch")
    threads = torch.get_num_threads()
    read = costs.decode / threads
    views = 1 + (config.views if config.augmentations and not fine_tunes else 0)
    phases = {"features": missing * (costs.forward + read), "probe": 0.0, "fine_tune": 0.0}
    if config.strategy != "scratch":
        one_fit = SOLVER_SECONDS * pictures * views * columns * classes
        phases["probe"] = 0.3 + PROBE_FITS * one_fit
    out_of_fold = not fine_tunes and pictures <= MOST_OUT_OF_FOLD
    phases["evaluate"] = FOLDS_SHARE * phases["probe"] if out_of_fold else 0.0
    if fine_tunes:
        views = config.views if config.augmentations else 1
        looks = (views * TRAIN_SHARE + REST_SHARE) * pictures
        steps = _steps_seconds(
            config, costs, round(TRAIN_SHARE * pictures), round(REST_SHARE * pictures)
        )
        phases["fine_tune"] = looks * (costs.front + read) + steps
        phases["evaluate"] = REST_SHARE * pictures * (costs.forward + read)
    elif trial <= TOLERATED * config.tuning_seconds:
        phases["fine_tune"] = trial
    total = sum(phases.values())
    return {**phases, "total": total, "trial": trial, "device": _device_text()}


@dataclass(frozen=True)
class _Facts:
    """What an architecture is like: `groups` layer groups, `columns` features per picture."""

    preprocessing: Preprocessing
    columns: int
    groups: int


@lru_cache(maxsize=32)
def _facts(backbone: Backbone) -> _Facts:
    network = create_backbone(backbone, pretrained=False)
    return _Facts(preprocessing_for(network), feature_sizes(network)[1], len(layer_groups(network)))


def _network(config: TrainingConfig, folder: Path) -> tuple[nn.Module, bool]:
    """Return the backbone, and whether it has its weights: without them it is as fast."""
    if config.strategy != "scratch":
        try:
            return create_backbone(config.backbone, project_dir=folder), True
        except WeightsUnavailable:
            pass  # not downloaded yet
    return create_backbone(config.backbone, pretrained=False), False


def _forward_seconds(
    network: nn.Module,
    pretrained: bool,
    config: TrainingConfig,
    sample: Tensor,
    workspace: Workspace,
) -> float:
    seconds = speed.forward_seconds(network, sample)
    if seconds > QUICK_SECONDS or not pretrained:
        return seconds
    chosen = fastest_engine(
        network,
        preprocessing_for(network),
        sample,
        name=weights_name(config.backbone),
        memory=workspace.root / "engines.json",
        pictures=CONVERTING_PAYS,  # while the person still chooses there is time for it
    )
    return 1 / chosen.choice.pictures_per_second


def _frozen_groups(config: TrainingConfig, groups: int) -> int:
    frozen = config.frozen_groups
    if frozen is None:
        frozen = 0 if config.strategy == "scratch" else groups - 2
    return min(frozen, groups - 1)


def missing_looks(workspace: Workspace, project_id: str, config: TrainingConfig) -> int:
    """Return how many looks at pictures are not cached yet; more than once at each with views."""
    if config.strategy == "scratch":
        return 0
    views = [View()]
    if config.augmentations and config.strategy != "fine-tune":
        views += [View(config.augmentations, n, config.seed) for n in range(config.views)]
    preprocessing = _facts(config.backbone).preprocessing
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

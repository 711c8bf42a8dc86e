"""What work costs on this machine with this backbone: seconds per picture, measured or remembered.

Measured briefly and kept in the machine's memo. It knows backbones and a few
pictures; what a training makes of the costs is in `estimates`.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor, nn

from tl_core.approaches import fine_tuning
from tl_core.approaches.approach import approach_named
from tl_core.backbones import create_backbone
from tl_core.backbones.layer_groups import layer_groups
from tl_core.backbones.network import FeatureReader, feature_sizes
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.errors import WeightsUnavailable
from tl_core.features import speed
from tl_core.features.device import machine_memo
from tl_core.features.engine import CONVERTING_PAYS, choose_engine
from tl_core.features.extraction import weights_name
from tl_core.images import image_path, list_images
from tl_core.runs.catalogue import Backbone
from tl_core.runs.configuration import TrainingConfig
from tl_core.workspace.storage import Workspace

SAMPLE = 8  # pictures to measure on
QUICK_SECONDS = 0.15  # per picture; slower networks are not timed in several ways


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


@dataclass(frozen=True)
class Facts:
    """What an architecture is like: `groups` layer groups, `columns` features per picture."""

    preprocessing: Preprocessing
    columns: int
    groups: int


@lru_cache(maxsize=32)
def facts_of(backbone: Backbone) -> Facts:
    network = create_backbone(backbone, pretrained=False)
    return Facts(preprocessing_for(network), feature_sizes(network)[1], len(layer_groups(network)))


def tries_fine_tuning(config: TrainingConfig) -> bool:
    settings = approach_named(config.strategy).settings
    return "tuning_seconds" in settings and config.tuning_seconds > 0


def measured_costs(workspace: Workspace, project_id: str, config: TrainingConfig) -> Costs:
    """Return what this machine needs for the project's pictures, measured now or before."""
    facts = facts_of(config.backbone)
    records = list_images(workspace, project_id, excluded=False, limit=1000)
    some = records[:: max(1, len(records) // SAMPLE)][:SAMPLE]
    paths = [image_path(workspace, project_id, record) for record in some]
    decode, sample = speed.read_sample(paths, facts.preprocessing)
    memo = machine_memo(workspace)
    name = config.backbone.name

    def network() -> tuple[nn.Module, bool]:
        return _network(config, workspace.project_dir(project_id))

    (forward,) = memo.measured(
        f"{name} | forward",
        lambda: (_forward_seconds(*network(), config, sample, workspace),),
        repeat=True,
    )
    front, step = 0.0, 0.0
    approach = approach_named(config.strategy)
    approach = fine_tuning.APPROACH if tries_fine_tuning(config) else approach
    if approach.step_plan:
        frozen = approach.frozen_groups(config, facts.groups)
        front, step = memo.measured(
            f"{name} | front and step, {frozen} groups frozen",
            lambda: speed.tuning_seconds(network()[0], frozen, sample),
            repeat=True,
        )
    return Costs(decode=decode, forward=forward, front=front, step=step)


def _network(config: TrainingConfig, folder: Path) -> tuple[nn.Module, bool]:
    """Return the backbone, and whether it has its weights: without them it is as fast."""
    if approach_named(config.strategy).pretrained:
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
    chosen = choose_engine(
        FeatureReader(network),
        preprocessing_for(network),
        lambda: sample,
        name=weights_name(config.backbone),
        workspace=workspace,
        pictures=CONVERTING_PAYS,  # while the person still chooses there is time for it
    )
    return 1 / chosen.choice.pictures_per_second

"""What a person chose for one training, as one value, validated once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from tl_core.runs.catalogue import Backbone
from tl_core.workspace.json_values import value_of

OTHER_NAMES = {  # of approaches: in older configurations, and in the literature
    "probe": "recommended",
    "linear_probe": "recommended",
    "fine_tuning": "fine-tune",
    "from_scratch": "scratch",
}
AUGMENTATIONS = ("crop", "flip", "vertical-flip", "rotate", "colour", "blur")

MOST_STEPS = 20_000  # of fine-tuning: hours on a processor, far more than a small set bears


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of one training; the defaults are good choices.

    Args:
        backbone: What to start from.
        strategy: Name of an approach (see `tl_core.approaches`): "recommended" is a linear
            classifier on frozen features; "improve" is that, then fine-tuning on trial, kept if it
            pays; "fine-tune" goes on from the fitted classifier; "scratch" starts without
            pretrained weights.
        options: What the approach alone can be told, by name.
        frozen_groups: The first n layer groups stay frozen; None lets the approach decide.
        augmentations: Names from `AUGMENTATIONS`.
        views: Cached augmented views per picture when a probe uses augmentation, 1 to 16.
        balanced: Whether every class counts equally whatever its size.
        steps: Optimiser updates when fine-tuning; None = chosen from the number of pictures.
        tuning_seconds: How long "improve" may try fine-tuning; if it would take longer by the
            estimate, or with 0, it is not tried. At most a day.
        batch_size: Pictures per update, at least 1.
        classifier_lr: Learning rate of the classifier, which starts from the fitted probe; from
            scratch every group learns at ten times this rate.
        backbone_lr: Learning rate of the last thawed layer group.
        layer_decay: Factor on the learning rate per group further from the classifier, in (0, 1].
        weight_decay: AdamW weight decay.
        seed: Same seed, same machine, same history.
    """

    backbone: Backbone
    strategy: str = "recommended"
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    frozen_groups: int | None = None
    augmentations: tuple[str, ...] = ()
    views: int = 4
    balanced: bool = True
    steps: int | None = None
    tuning_seconds: int = 60
    batch_size: int = 16
    classifier_lr: float = 1e-4
    backbone_lr: float = 1e-4
    layer_decay: float = 0.75
    weight_decay: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the first setting that is out of range."""
        unknown = set(self.augmentations) - set(AUGMENTATIONS)
        checks = {
            "strategy": bool(self.strategy),
            "frozen_groups": self.frozen_groups is None or self.frozen_groups >= 0,
            "augmentations": not unknown,
            "views": 1 <= self.views <= 16,
            "steps": self.steps is None or 1 <= self.steps <= MOST_STEPS,
            "tuning_seconds": 0 <= self.tuning_seconds <= 86_400,
            "batch_size": 1 <= self.batch_size <= 1024,
            "classifier_lr": 0 < self.classifier_lr <= 1,
            "backbone_lr": 0 < self.backbone_lr <= 1,
            "layer_decay": 0 < self.layer_decay <= 1,
            "weight_decay": 0 <= self.weight_decay <= 1,
            "seed": 0 <= self.seed < 2**32,
        }
        for name, fits in checks.items():
            if not fits:
                raise ValueError(f"{name} is {getattr(self, name)!r}, which is out of range")


def config_to_json(config: TrainingConfig) -> dict:
    return asdict(config)


def config_from_json(data: dict) -> TrainingConfig:
    """Inverse of `config_to_json`; what a newer version has added is left out.

    Raises:
        ValueError, KeyError, TypeError: If a setting is missing or out of range.
    """
    found = value_of(TrainingConfig, data)
    return replace(found, strategy=OTHER_NAMES.get(found.strategy, found.strategy))

"""The named ways to train, and how they and the number of frozen layer groups stay in step.

Pure: a configuration goes in, a configuration comes out. K stands for the number of layer
groups, the classifier included.
"""

from dataclasses import dataclass, replace

from tl_core.runs.configuration import TrainingConfig


@dataclass(frozen=True)
class Preset:
    """A named way to train; `caption` says in a sentence when it is the right one."""

    id: str
    label: str
    caption: str


PRESETS = (
    Preset(
        "recommended",
        "Recommended: linear probing, and fine-tuning if it pays",
        "Linear probing first: done in seconds, and hard to beat with up to a few hundred "
        "pictures. Then the last stage is fine-tuned on trial, and that is kept only if it gets "
        "clearly more of your pictures right.",
    ),
    Preset(
        "probe",
        "Linear probing only",
        "Everything but the classifier stays frozen, and nothing else is tried. Done in seconds.",
    ),
    Preset(
        "last-stage",
        "Fine-tune the last stage",
        "The last stage is trained further too. Worth a try when your pictures look unlike "
        "everyday photographs.",
    ),
    Preset(
        "everything",
        "Fine-tune everything",
        "All layers are trained further. Slowest; helps most with many pictures of an unusual "
        "kind.",
    ),
    Preset(
        "scratch",
        "From scratch, for comparison",
        "Forgets what the network knows and starts with random weights. With few pictures it is "
        "nearly always worse: see how much.",
    ),
    Preset("own", "My own choice", "Set the number of frozen layer groups with the slider."),
)
STRATEGY_NAMES = {
    "recommended": "Recommended",
    "probe": "Linear probing",
    "fine-tune": "Fine-tuning",
    "scratch": "From scratch",
}


def frozen_groups(config: TrainingConfig, total: int) -> int:
    """Return how many of `total` layer groups stay frozen, the strategy's own default included."""
    if config.strategy in ("recommended", "probe"):
        return total - 1
    if config.frozen_groups is not None:
        return min(config.frozen_groups, total - 1)
    return max(total - 2, 0) if config.strategy == "fine-tune" else 0


def preset_of(config: TrainingConfig, total: int) -> str:
    """Return the id of the preset that this configuration amounts to."""
    if config.strategy in ("scratch", "recommended"):
        return config.strategy
    frozen = frozen_groups(config, total)
    named = {total - 1: "probe", 0: "everything", total - 2: "last-stage"}
    return named.get(frozen, "own")


def with_frozen(config: TrainingConfig, frozen: int, total: int) -> TrainingConfig:
    """Return the configuration after the slider moved to `frozen`.

    With random weights there is nothing worth freezing, so freezing leaves "from scratch".
    """
    if frozen >= total - 1:
        kept = config.strategy == "recommended"
        return replace(config, strategy="recommended" if kept else "probe", frozen_groups=None)
    if config.strategy == "scratch" and frozen == 0:
        return config
    return replace(config, strategy="fine-tune", frozen_groups=frozen)


def with_preset(config: TrainingConfig, preset: str, total: int) -> TrainingConfig:
    """Return the configuration after a preset was chosen."""
    if preset == "scratch":
        return replace(config, strategy="scratch", frozen_groups=0)
    if preset == "recommended":
        return replace(config, strategy="recommended", frozen_groups=None)
    frozen = {
        "probe": total - 1,
        "last-stage": max(total - 2, 0),
        "everything": 0,
        "own": max(total // 2, 1),
    }[preset]
    plain = replace(config, strategy="fine-tune", frozen_groups=frozen)
    return with_frozen(plain, frozen, total)


def strategy_text(config: TrainingConfig) -> str:
    """Return the strategy in a few words, as a list of runs shows it."""
    if config.strategy != "fine-tune" or config.frozen_groups is None:
        return STRATEGY_NAMES[config.strategy]
    if config.frozen_groups == 0:
        return "Fine-tuning, everything"
    return f"Fine-tuning, {config.frozen_groups} groups frozen"

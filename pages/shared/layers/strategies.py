"""The approaches in words, and how they and the number of frozen layer groups stay in step.

Pure: a configuration goes in, a configuration comes out. `known` holds the facts of every approach
that there is, by name; K stands for the number of layer groups, the classifier included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tl_core.runs.approach import ApproachFacts
from tl_core.runs.configuration import TrainingConfig

Known = Mapping[str, ApproachFacts]


@dataclass(frozen=True)
class Preset:
    """An approach with a number of frozen groups; `caption` says when it is the right one.

    `frozen` gives that number for K groups; None leaves it to the approach.
    """

    id: str
    strategy: str
    label: str
    caption: str = ""
    frozen: Callable[[int], int] | None = None

    def groups(self, known: Known, config: TrainingConfig, total: int) -> int:
        """Return how many of `total` layer groups this preset freezes."""
        frozen = self.frozen(total) if self.frozen else None
        return known[self.strategy].frozen_groups(replace(config, frozen_groups=frozen), total)


LINEAR_PROBE = Preset(
    "recommended",
    "recommended",
    "Linear probing, the default",
    "Only the classifier is trained; all of the backbone stays frozen. Takes seconds, and is hard "
    "to beat with up to about 100 pictures per class.",
)
OWN_CHOICE = Preset(
    "own",
    "fine-tune",
    "My own choice",
    "Choose the number of frozen layer groups with the slider.",
    lambda total: max(total // 2, 1),
)
PRESETS = (
    LINEAR_PROBE,
    Preset(
        "improve",
        "improve",
        "Fine-tuning on trial",
        "Linear probing, then the last stage is fine-tuned on trial. The result is kept only if "
        "it is clearly more accurate on your pictures.",
    ),
    Preset(
        "two_scales",
        "two_scales",
        "More exact: two scales",
        "Linear probing that looks at every picture twice, once larger. Takes about three times as "
        "long, in training and in every prediction; usually gains a point.",
    ),
    Preset(
        "last-stage",
        "fine-tune",
        "Fine-tune the last stage",
        "Also trains the last stage of the backbone. Worth a try when your pictures are unlike "
        "everyday photographs.",
        lambda total: max(total - 2, 0),
    ),
    Preset(
        "everything",
        "fine-tune",
        "Fine-tune all layers",
        "Trains all layers. Slowest; helps most with many pictures of an unusual kind.",
        lambda _total: 0,
    ),
    Preset(
        "scratch",
        "scratch",
        "From scratch, for comparison",
        "Starts from random weights instead of the pretrained ones. With few pictures it is "
        "nearly always worse: see by how much.",
    ),
    OWN_CHOICE,
)
STRATEGY_NAMES = {
    "recommended": "Linear probing",
    "probe": "Linear probing",
    "improve": "Fine-tuning on trial",
    "two_scales": "Two scales",
    "fine-tune": "Fine-tuning",
    "scratch": "From scratch",
    "domain_adaptation": "Domain adaptation",
    "self_supervised": "Learning from unlabelled pictures",
    "anomaly_detection": "Anomaly detection",
    "multi_task": "Several questions",
}


def presets(known: Known) -> dict[str, Preset]:
    """Return what can be chosen, by id; an approach without words of its own has its name.

    Approaches that need more than labels are offered by the command line only.
    """
    known = {name: facts for name, facts in known.items() if facts.needs == ("labels",)}
    worded = [preset for preset in PRESETS if preset.strategy in known]
    others = known.keys() - {preset.strategy for preset in PRESETS}
    worded += [Preset(name, name, name.replace("_", " ").capitalize()) for name in sorted(others)]
    return {preset.id: preset for preset in worded}


def frozen_groups(config: TrainingConfig, total: int, known: Known) -> int:
    """Return how many of `total` layer groups stay frozen, the approach's default included."""
    return known[config.strategy].frozen_groups(config, total)


def preset_of(config: TrainingConfig, total: int, known: Known) -> str:
    """Return the id of the preset that this configuration amounts to."""
    alike = [one for one in presets(known).values() if one.strategy == config.strategy]
    if len(alike) == 1:
        return alike[0].id
    frozen = frozen_groups(config, total, known)
    named = [one for one in alike if one.groups(known, config, total) == frozen]
    if frozen >= total - 1:
        return LINEAR_PROBE.id
    return next((one.id for one in named if one is not OWN_CHOICE), OWN_CHOICE.id)


def with_frozen(config: TrainingConfig, frozen: int, total: int, known: Known) -> TrainingConfig:
    """Return the configuration after the slider moved to `frozen`.

    With random weights there is nothing worth freezing, so freezing leaves "from scratch".
    """
    facts = known[config.strategy]
    if frozen == facts.frozen_groups(config, total) and (frozen == 0 or not facts.step_plan):
        return config
    if frozen >= total - 1:
        kept = config.strategy if not facts.step_plan else LINEAR_PROBE.strategy
        return replace(config, strategy=kept, frozen_groups=None)
    return replace(config, strategy=OWN_CHOICE.strategy, frozen_groups=frozen)


def with_preset(config: TrainingConfig, preset: str, total: int, known: Known) -> TrainingConfig:
    """Return the configuration after a preset was chosen."""
    chosen = presets(known)[preset]
    frozen = chosen.frozen(total) if chosen.frozen else None
    if frozen is not None and frozen >= total - 1:  # a network of two groups
        chosen, frozen = LINEAR_PROBE, None
    return replace(config, strategy=chosen.strategy, frozen_groups=frozen, options={})


def strategy_text(config: TrainingConfig) -> str:
    """Return the approach in a few words, as a list of runs shows it."""
    name = STRATEGY_NAMES.get(config.strategy, config.strategy)
    if config.frozen_groups is None:
        return name
    if config.frozen_groups == 0:
        return f"{name}, all layers"
    return f"{name}, {config.frozen_groups} groups frozen"

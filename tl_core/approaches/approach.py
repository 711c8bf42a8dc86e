"""The contract of a way to transfer, and where the ways that there are stand.

An approach is an `Approach` in a module of this package: its facts, and a generator of events
that ends in a `Model`. Whoever runs it keeps the last `Fitted` model, and stops it by not asking
for more.
"""

import importlib
import pkgutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Protocol

from torch import nn

import tl_core.approaches
from tl_core.approaches.task import Task
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import Unlike
from tl_core.errors import RunError
from tl_core.features.engine import EngineChoice
from tl_core.images import ImageSet, image_set
from tl_core.runs.approach import ApproachFacts
from tl_core.runs.configuration import OTHER_NAMES, TrainingConfig
from tl_core.runs.events import Event
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.storage import Workspace


class Model(Protocol):
    """Something that a `Predictor` can use, and that can say how good it is.

    `strategy_used` names what made it; `engine` computed its features, if any; `trial_gain` is
    what fine-tuning on trial gained, a fraction, and `trial_kept` whether this is its model;
    `learning_seconds` what its layers took to learn,
    before an interruption as well.
    """

    strategy_used: str
    engine: EngineChoice | None
    trial_gain: float | None
    trial_kept: bool
    learning_seconds: float

    def network(self) -> TransferNetwork:
        """Return the network with the best weights so far."""

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure it on pictures that it was not fitted on."""

    def unlike(self) -> Unlike | None:
        """Return what notices pictures unlike those that it learnt from."""


@dataclass(frozen=True)
class Fitted:
    """From here on there is a model: the training may end at any time with this one."""

    model: Model


Steps = Iterator[Event | Fitted]


def as_it_is(backbone: nn.Module) -> nn.Module:
    return backbone


def labelled(workspace: Workspace, project_id: str, config: TrainingConfig) -> ImageSet:
    return image_set(workspace, project_id, seed=config.seed)


@dataclass(frozen=True, kw_only=True)
class Approach(ApproachFacts):
    """A way to transfer; `train` yields what happens, and `Fitted` whenever there is a model.

    `image_set` returns the pictures that it takes; other than labelled ones where it needs them.
    `adapt` returns the backbone that it reads, a timm model without classifier.
    """

    adapt: Callable[[nn.Module], nn.Module] = as_it_is

    image_set: Callable[[Workspace, str, TrainingConfig], ImageSet] = labelled
    train: Callable[[Task], Steps]

    @property
    def facts(self) -> ApproachFacts:
        """What travels to the pages: all but the work."""
        names = ApproachFacts.__dataclass_fields__
        return ApproachFacts(**{name: getattr(self, name) for name in names})


@cache
def approaches() -> dict[str, Approach]:
    """Return every approach of this package by its name."""
    package = tl_core.approaches
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    values = [value for module in modules for value in vars(module).values()]
    found = [value for value in values if isinstance(value, Approach)]
    return {approach.name: approach for approach in found}


def approach_named(name: str) -> Approach:
    """Return the approach of this name.

    Raises:
        RunError: If there is none; the message proposes the closest name.
    """
    known, name = approaches(), OTHER_NAMES.get(name, name)
    if name not in known:
        close = get_close_matches(name, known, n=1, cutoff=0.3)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise RunError(f"Unknown strategy {name!r}. {hint}Available: {', '.join(known)}.")
    return known[name]

"""What a run says while it works: plain values that become one JSON line each.

This module does not know who writes them down (`runs`) or who shows them (the pages).
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

Result = TypeVar("Result")

PHASES = ("download", "features", "probe", "fine_tune", "evaluate", "save", "assess")


@dataclass(frozen=True)
class PhaseStarted:
    """A phase of the run begins; `phase` is one of `PHASES`."""

    phase: str


@dataclass(frozen=True)
class Progress:
    """Within a phase: `done` of `total` items (bytes when downloading), seconds left if known."""

    phase: str
    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class EpochResult:
    """One epoch (or one round of the probe's solver).

    Losses are mean cross-entropy in nats, accuracies fractions in [0, 1], `lr` the
    classifier's learning rate (None for the probe's solver), `seconds` this epoch's duration.
    """

    phase: str
    epoch: int
    total_epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    lr: float | None
    seconds: float


@dataclass(frozen=True)
class Note:
    """One plain sentence for the person watching (what was chosen, what was left alone)."""

    text: str


Event = PhaseStarted | Progress | EpochResult | Note
_TYPES = {cls.__name__: cls for cls in (PhaseStarted, Progress, EpochResult, Note)}


def event_to_json(event: Event) -> dict:
    """Return a JSON-able dict with the event's type under `type`."""
    return {"type": type(event).__name__, **asdict(event)}


def event_from_json(data: dict) -> Event:
    """Inverse of `event_to_json`; fields that this version does not know are dropped."""
    cls = _TYPES[data["type"]]
    known = {f.name for f in fields(cls)}
    return cls(**{name: value for name, value in data.items() if name in known})


def result_of(work: Generator[object, None, Result]) -> Result:
    """Run work to its end without looking at what it says, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value

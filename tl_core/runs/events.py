"""What a run says while it works: plain values, and its log of one JSON line each."""

import json
import os
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

PHASES = (*("download", "features", "probe", "trial", "fine_tune", "evaluate", "save", "assess"),)


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
class CandidateScore:
    """What a classifier on some features gets right of pictures whose groups it was not fitted on.

    `features` is "last" or "stages", `amount` that of regularisation, `accuracy` a fraction.
    """

    phase: str
    features: str
    amount: float
    accuracy: float


@dataclass(frozen=True)
class EpochResult:
    """One epoch of an optimisation.

    Losses are mean cross-entropy in nats, accuracies fractions in [0, 1], `lr` the classifier's
    learning rate, `seconds` this epoch's duration. Epoch 0 is the state before the first step: it
    has been measured, but has no training loss and accuracy.
    """

    phase: str
    epoch: int
    total_epochs: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float
    validation_accuracy: float
    lr: float
    seconds: float


@dataclass(frozen=True)
class Note:
    """One plain sentence for the person watching (what was chosen, what was left alone)."""

    text: str


Event = PhaseStarted | Progress | CandidateScore | EpochResult | Note
_TYPES = {cls.__name__: cls for cls in (PhaseStarted, Progress, CandidateScore, EpochResult, Note)}


def event_to_json(event: Event) -> dict:
    """Return a JSON-able dict with the event's type under `type`."""
    return {"type": type(event).__name__, **asdict(event)}


def event_from_json(data: dict) -> Event:
    """Inverse of `event_to_json`; fields that this version does not know are dropped."""
    cls = _TYPES[data["type"]]
    known = {f.name for f in fields(cls)}
    return cls(**{name: value for name, value in data.items() if name in known})


def append_event(run_dir: Path, event: Event) -> None:
    """Add one line to the run's log; the folder must be there.

    A line that a killed process left half written is closed first.
    """
    line = json.dumps({"time": round(time.time(), 3), **event_to_json(event)}).encode()
    with (run_dir / "events.jsonl").open("ab+") as log:
        if log.seek(0, os.SEEK_END):
            log.seek(-1, os.SEEK_END)
            if log.read(1) != b"\n":
                line = b"\n" + line
        log.write(line + b"\n")


def read_events(run_dir: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Return the events after byte `offset` of the log and the offset to go on from.

    A line still being written is left for the next time, a damaged one is left out. After a
    resume an epoch can occur twice; the later one counts.
    """
    try:
        with (run_dir / "events.jsonl").open("rb") as log:
            log.seek(offset)
            block = log.read()
    except FileNotFoundError:
        return [], offset
    whole, newline, _rest = block.rpartition(b"\n")
    events = []
    for line in whole.splitlines():
        try:
            events.append(event_from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError):  # half a line, or written by another version
            continue
    return events, offset + len(whole) + len(newline)


def result_of(work: Generator[object, None, Result]) -> Result:
    """Run work to its end without looking at what it says, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def passed_on(
    work: Generator[Event, None, Result], change: Callable[[Event], Event | None]
) -> Generator[Event, None, Result]:
    """Yield what work yields, as `change` returns it (None is left out), and return its result."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value
        if (changed := change(event)) is not None:
            yield changed

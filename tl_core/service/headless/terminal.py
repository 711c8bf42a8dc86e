"""What a command says while it works, on the standard error; and files that it writes."""

import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tl_core.errors import DatasetError
from tl_core.images import Skipped
from tl_core.runs.events import (
    EpochResult,
    Event,
    Note,
    PhaseStarted,
    Progress,
    passed_on,
    result_of,
)
from tl_core.workspace.storage import storage_errors, write_atomic

_PHASES = {
    "download": "Downloading",
    "features": "Computing features",
    "probe": "Fitting a linear probe on frozen features",
    "trial": "Testing whether fine-tuning the last layers helps",
    "fine_tune": "Training the network's layers",
    "evaluate": "Evaluating",
    "save": "Saving",
    "assess": "Comparing with baselines",
    "health": "Looking for what is wrong with the pictures",
}


def show(events: Iterable[Event]) -> Any:
    """Let a generator work, say on the standard error how far it is, and return its result."""
    return result_of(passed_on(iter(events), _show))


def _show(event: Event) -> None:
    match event:
        case PhaseStarted(phase):
            say(_PHASES[phase])
        case Note(text):
            say(f"  {text}")
        case Progress(_, done, total, left) if sys.stderr.isatty():
            more = f", {left:.0f} s left" if left else ""
            print(f"  {done} of {total}{more}   ", end="\r", file=sys.stderr, flush=True)
        case EpochResult(phase="fine_tune") as result:
            say(f"  {epoch_line(result)}")


def epoch_line(result: EpochResult) -> str:
    """Say what is known after an epoch; before the first one there is no training loss."""
    when = f"epoch {result.epoch} of {result.total_epochs}" if result.epoch else "at the start"
    numbers = {
        "loss": result.train_loss,
        "validation loss": result.validation_loss,
        "validation accuracy": result.validation_accuracy,
    }
    measured = {name: value for name, value in numbers.items() if value is not None}
    known = [f"{name} {value:.3f}" for name, value in measured.items() if not math.isnan(value)]
    return f"{when}: {', '.join(known) or 'not measured'}"


def list_skipped(skipped: Iterable[Skipped]) -> None:
    for entry in skipped:
        say(f"skipped {entry.name}: {entry.reason}")


def say(text: str | None) -> None:
    if text:
        print(text, file=sys.stderr, flush=True)


def write(path: Path, content: bytes) -> None:
    try:
        with storage_errors(f"writing {path}"):
            write_atomic(path, content)
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be written ({error.strerror}). Check its folder."
        ) from error

"""A run's event log: one JSON object per line, only ever added to, readable after a kill."""

import json
import os
import time
from pathlib import Path

from tl_core.runs.events import Event, event_from_json, event_to_json


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

"""What a run is: its row as a value, its states, and whether its process is still there."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from tl_core.errors import RunError
from tl_core.runs.results.intervals import wilson_interval
from tl_core.workspace.database import RunRow, utc_now
from tl_core.workspace.liveness import is_alive

RUN_KINDS = ("train", "assess", "rank", "download-weights", "download-sample")
STATES = ("queued", "running", "stopping", "done", "stopped", "failed", "lost")
ACTIVE_STATES = ("queued", "running", "stopping")
CLAIMED_STATES = ("running", "stopping")

HEARTBEAT_SECONDS = 1.0  # a worker's heartbeat is at most about this old
LOST_AFTER_SECONDS = 1.4  # with its process gone on this machine, a run this silent is lost
LOST_ELSEWHERE_AFTER_SECONDS = 60.0  # the same for a worker on another machine

LOST_MESSAGE = (
    "The process ended unexpectedly: the computer was switched off or out of memory, or somebody "
    "ended the process. Resume to continue from the last saved state."
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A row of the table of runs; times are UTC, `accuracy` in [0, 1] on `n_test` pictures.

    `accuracy_low` is the lower end of its 95 % interval.
    """

    id: str
    project_id: str
    kind: str
    state: str
    config: dict
    created: datetime
    started: datetime | None
    finished: datetime | None
    message: str | None
    accuracy: float | None
    accuracy_low: float | None
    n_test: int | None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def at_least(self) -> float:
        """What the accuracy is at least, as far as it is known; 0 without a result."""
        if self.accuracy is None or not self.n_test:
            return 0.0
        if self.accuracy_low is not None:
            return self.accuracy_low
        return wilson_interval(self.accuracy * self.n_test, self.n_test)[0]  # of an earlier version


def best_run(runs: Iterable[Run]) -> Run | None:
    """Return the run whose accuracy is at least the highest, one that was not stopped if there is.

    So what 160 pictures say counts for more than what 4 say. None without a result.
    """
    measured = [run for run in runs if not run.active and run.at_least]
    return max(measured, key=lambda run: (run.state == "done", run.at_least), default=None)


@cache
def this_machine() -> str:
    return socket.gethostname()


def run_of(row: RunRow) -> Run:
    """Return the run as it is now: one whose process is gone is lost, whatever its row says."""
    run = Run(**{field.name: getattr(row, field.name) for field in fields(Run)})
    return replace(run, **_lost(row)) if _is_dead(row) else run


def find_row(opened: Session, run_id: str) -> RunRow:
    row = opened.get(RunRow, run_id)
    if row is None:
        raise RunError(
            "This run no longer exists. It may have been deleted in another window. Choose "
            "another one on the Training page."
        )
    return row


def write_down_lost(opened: Session) -> None:
    """Let the rows say which runs are lost, before somebody acts on what they say."""
    for row in opened.scalars(select(RunRow).where(RunRow.state.in_(CLAIMED_STATES))):
        if _is_dead(row):
            for name, value in _lost(row).items():
                setattr(row, name, value)


def _lost(row: RunRow) -> dict[str, object]:
    return {"state": "lost", "finished": row.heartbeat, "message": LOST_MESSAGE}


def _is_dead(row: RunRow) -> bool:
    if row.state not in CLAIMED_STATES:
        return False
    silent = (utc_now() - row.heartbeat).total_seconds() if row.heartbeat else float("inf")
    if row.host != this_machine():
        return silent > LOST_ELSEWHERE_AFTER_SECONDS
    return silent > LOST_AFTER_SECONDS and not is_alive(row.pid, row.pid_started)

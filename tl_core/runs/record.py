"""What a run is: its row as a value, its states, and whether its worker is still there."""

import socket
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from tl_core.errors import RunError
from tl_core.runs.processes import is_alive
from tl_core.workspace.database import RunRow, session, utc_now
from tl_core.workspace.storage import Workspace

RUN_KINDS = ("train", "assess", "rank", "download-weights", "download-sample")
STATES = ("queued", "running", "stopping", "done", "stopped", "failed", "lost")
ACTIVE_STATES = ("queued", "running", "stopping")
CLAIMED_STATES = ("running", "stopping")

PULSE_SECONDS = 1.0  # a worker's heartbeat is at most about this old
SILENT_SECONDS = 1.4  # with its process gone on this machine, a run this silent is lost
SILENT_ELSEWHERE_SECONDS = 60.0  # the same for a worker on another machine

LOST_MESSAGE = (
    "The process doing this ended unexpectedly: the computer was switched off, ran out of "
    "memory, or somebody ended it. Resume to go on from the last saved state."
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A row of the table of runs; times are UTC, `accuracy` in [0, 1] on `n_test` pictures."""

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
    n_test: int | None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES


@cache
def this_machine() -> str:
    return socket.gethostname()


def run_of(row: RunRow) -> Run:
    return Run(**{field.name: getattr(row, field.name) for field in fields(Run)})


def find_row(opened: Session, run_id: str) -> RunRow:
    row = opened.get(RunRow, run_id)
    if row is None:
        raise RunError(
            "This run does not exist (any more). It may have been deleted in another window. "
            "Choose another one on the training page."
        )
    return row


def find_lost(workspace: Workspace) -> None:
    with session(workspace, write=False) as opened:
        dead = any(_is_dead(row) for row in _claimed(opened))
    if dead:
        with session(workspace) as opened:
            mark_lost(opened)


def mark_lost(opened: Session) -> None:
    for row in _claimed(opened):
        if _is_dead(row):
            row.state, row.finished, row.message = "lost", utc_now(), LOST_MESSAGE


def _claimed(opened: Session) -> list[RunRow]:
    return list(opened.scalars(select(RunRow).where(RunRow.state.in_(CLAIMED_STATES))))


def _is_dead(row: RunRow) -> bool:
    silent = (utc_now() - row.heartbeat).total_seconds() if row.heartbeat else float("inf")
    if row.host != this_machine():
        return silent > SILENT_ELSEWHERE_SECONDS
    return silent > SILENT_SECONDS and not is_alive(row.pid, row.pid_started)

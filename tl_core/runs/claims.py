"""The worker's side of a run: claim it, show signs of life, write down how it ended."""

from sqlalchemy import func, select

from tl_core.errors import RunError
from tl_core.runs.record import (
    ACTIVE_STATES,
    CLAIMED_STATES,
    HEARTBEAT_SECONDS,
    STATES,
    Run,
    find_row,
    run_of,
    this_machine,
    write_down_lost,
)
from tl_core.workspace.database import RunRow, session, utc_now
from tl_core.workspace.liveness import this_process
from tl_core.workspace.storage import Workspace


def claim_next(workspace: Workspace, kinds: tuple[str, ...], *, limit: int = 1) -> Run | None:
    """Take the oldest queued run of these kinds for this process, trainings first.

    It happens in one transaction.

    Args:
        workspace: Where to look.
        kinds: From `RUN_KINDS`.
        limit: At most so many runs of these kinds may be at work, whoever does them.

    Returns:
        The run, now running, or None when there is nothing to do.
    """
    if not count_runs(workspace, kinds, ("queued",)):  # looking must not lock out those who write
        return None
    with session(workspace) as opened:
        write_down_lost(opened)
        working = select(func.count()).where(
            RunRow.kind.in_(kinds), RunRow.state.in_(CLAIMED_STATES)
        )
        if opened.scalar(working) >= limit:
            return None
        waiting = select(RunRow).where(RunRow.kind.in_(kinds), RunRow.state == "queued")
        row = opened.scalars(
            waiting.order_by(RunRow.kind != "train", RunRow.created)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        claim_row(row)
        return run_of(row)


def count_runs(workspace: Workspace, kinds: tuple[str, ...], states: tuple[str, ...]) -> int:
    """Return how many runs of these kinds are in one of these states, over all projects."""
    wanted = select(RunRow).where(RunRow.kind.in_(kinds), RunRow.state.in_(states))
    with session(workspace, write=False) as opened:
        return sum(run_of(row).state in states for row in opened.scalars(wanted))


def heartbeat(workspace: Workspace, run_id: str) -> bool:
    """Say that this process still works on the run; return whether it should stop.

    Cheap enough to be called several times a second.

    Raises:
        RunError: If the run is gone, or is no longer this process's.
    """
    pid, started = this_process()
    with session(workspace, write=False) as opened:
        row = find_row(opened, run_id)
    if (row.pid, row.pid_started) != (pid, started):
        raise RunError("Another process has taken this run over.")
    fresh = row.heartbeat and (utc_now() - row.heartbeat).total_seconds() < HEARTBEAT_SECONDS
    if row.state in CLAIMED_STATES and fresh:
        return row.stop_requested
    with session(workspace) as opened:
        row = find_row(opened, run_id)
        if row.pid == pid:
            row.heartbeat = utc_now()
            if row.state == "lost":  # after the computer slept, say
                row.state, row.message = "running", None
        return row.stop_requested


def is_mine(workspace: Workspace, run_id: str) -> bool:
    """Whether this process has claimed the run."""
    with session(workspace, write=False) as opened:
        row = find_row(opened, run_id)
        return row.state in CLAIMED_STATES and (row.pid, row.pid_started) == this_process()


def finish_run(
    workspace: Workspace,
    run_id: str,
    state: str,
    *,
    message: str | None = None,
    traceback: str | None = None,
    accuracy: float | None = None,
    accuracy_low: float | None = None,
    n_test: int | None = None,
) -> Run | None:
    """Write down how a run ended; return None when it is no longer ours or is gone."""
    if state not in STATES or state in ACTIVE_STATES:
        raise ValueError(f"state is {state!r}; expected an end state")
    with session(workspace) as opened:
        row = opened.get(RunRow, run_id)
        if row is None or row.pid not in (None, this_process()[0]):
            return None
        row.state, row.finished = state, utc_now()
        row.message, row.traceback = message, traceback
        row.accuracy, row.accuracy_low, row.n_test = accuracy, accuracy_low, n_test
        return run_of(row)


def release_run(workspace: Workspace, run_id: str) -> None:
    """Queue a run of this process again, so that a training goes first."""
    with session(workspace) as opened:
        row = opened.get(RunRow, run_id)
        if row is None or row.pid != this_process()[0]:
            return
        row.state, row.stop_requested = "queued", False
        row.host = row.pid = row.pid_started = row.heartbeat = None


def claim_row(row: RunRow) -> None:
    row.state, row.stop_requested = "running", False
    row.started = row.heartbeat = utc_now()
    row.host = this_machine()
    row.pid, row.pid_started = this_process()

"""The person's side of a run: start, look, stop, resume, delete."""

import json
import secrets
import shutil
from collections import defaultdict

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tl_core.errors import RunError, WorkspaceError
from tl_core.runs.claims import claim_row
from tl_core.runs.record import (
    ACTIVE_STATES,
    RUN_KINDS,
    Run,
    best_run,
    find_row,
    run_of,
    write_down_lost,
)
from tl_core.workspace.database import ProjectRow, RunRow, session, utc_now
from tl_core.workspace.json_values import write_json
from tl_core.workspace.reserve import with_reserve
from tl_core.workspace.storage import Workspace, storage_errors

CONFIG = "config.json"  # in a run's folder: as it was asked for


def start_run(
    workspace: Workspace,
    project_id: str,
    *,
    config: dict,
    kind: str = "train",
    claimed: bool = False,
) -> Run:
    """Queue a run, or return the one that is already active.

    A project has at most one active training, and at most one active download of the same thing.

    Args:
        workspace: Where the project is.
        project_id: What is trained on, or where a download goes.
        config: JSON-able; for a training `config.config_to_json`, else see `downloads`.
        kind: One of `RUN_KINDS`.
        claimed: Hand the run to this process at once, so that no worker takes it.

    Raises:
        WorkspaceError: If the project is gone.
        StorageFull: If the disk is full.
    """
    if kind not in RUN_KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {RUN_KINDS}")
    config = json.loads(json.dumps(config))  # as it will be read back, lists for tuples
    with session(workspace) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise WorkspaceError(
                "This project no longer exists. Open another one on the home page."
            )
        write_down_lost(opened)
        active = _active(opened, project_id, kind, config)
        if active is not None:
            return run_of(active)
        row = RunRow(
            id=secrets.token_hex(8),
            project_id=project_id,
            kind=kind,
            state="queued",
            config=config,
            created=utc_now(),
        )
        if claimed:
            claim_row(row)
        opened.add(row)
        with storage_errors("starting the run"):
            run_dir = workspace.run_dir(project_id, row.id)
            run_dir.mkdir(parents=True)
            write_json(run_dir / CONFIG, config)
    return run_of(row)


def get_run(workspace: Workspace, run_id: str) -> Run:
    """Return the run as it is now.

    Raises:
        RunError: If there is none with this id.
    """
    with session(workspace, write=False) as opened:
        return run_of(find_row(opened, run_id))


def list_runs(workspace: Workspace, project_id: str, kind: str = "train") -> list[Run]:
    """Return a project's runs of one kind, the newest first."""
    wanted = select(RunRow).where(RunRow.project_id == project_id, RunRow.kind == kind)
    with session(workspace, write=False) as opened:
        return [run_of(row) for row in opened.scalars(wanted.order_by(RunRow.created.desc()))]


def best_runs(workspace: Workspace) -> dict[str, Run]:
    """Return the best training of each project that has one, by the project's id."""
    wanted = select(RunRow).where(RunRow.kind == "train", RunRow.accuracy.is_not(None))
    found = defaultdict(list)
    with session(workspace, write=False) as opened:
        for row in opened.scalars(wanted.order_by(RunRow.created.desc())):
            found[row.project_id].append(run_of(row))
    best = {project_id: best_run(runs) for project_id, runs in found.items()}
    return {project_id: run for project_id, run in best.items() if run}


def request_stop(workspace: Workspace, run_id: str) -> Run:
    """Ask a run to stop; one that still waits stops at once, one that has ended stays as it is."""
    with session(workspace) as opened:
        write_down_lost(opened)
        row = find_row(opened, run_id)
        if row.state == "queued":
            row.state, row.finished = "stopped", utc_now()
            row.message = "It was stopped before it started."
        elif row.state == "running":
            row.state, row.stop_requested = "stopping", True
        return run_of(row)


def resume_run(workspace: Workspace, run_id: str) -> Run:
    """Queue a stopped, failed or lost run again; it goes on from its checkpoint.

    Raises:
        RunError: If it is done, or another run of the project is in its way.
    """
    with session(workspace) as opened:
        write_down_lost(opened)
        row = find_row(opened, run_id)
        if row.state in ACTIVE_STATES:
            return run_of(row)
        if row.state == "done":
            raise RunError("This run is finished; there is nothing to resume. Start a new one.")
        if _active(opened, row.project_id, row.kind, row.config) is not None:
            raise RunError(
                "Another run of this project is in progress. Wait for its end or stop it, "
                "then resume."
            )
        row.state, row.stop_requested = "queued", False
        row.message = row.traceback = row.finished = None
        row.host = row.pid = row.pid_started = row.heartbeat = None
        return run_of(row)


def delete_run(workspace: Workspace, run_id: str) -> None:
    """Remove a run with its model; a worker on it ends quietly. One that is gone is fine."""
    with session(workspace, write=False) as opened:
        row = opened.get(RunRow, run_id)
    if row is None:
        return

    def delete_all() -> None:
        with session(workspace) as opened:
            opened.execute(delete(RunRow).where(RunRow.id == run_id))
        shutil.rmtree(workspace.run_dir(row.project_id, run_id), ignore_errors=True)

    with_reserve(workspace, delete_all)


def run_traceback(workspace: Workspace, run_id: str) -> str | None:
    """Return what the log says about a failed run, for a bug report."""
    with session(workspace, write=False) as opened:
        return find_row(opened, run_id).traceback


def _active(opened: Session, project_id: str, kind: str, config: dict) -> RunRow | None:
    wanted = select(RunRow).where(
        RunRow.project_id == project_id, RunRow.kind == kind, RunRow.state.in_(ACTIVE_STATES)
    )
    for row in opened.scalars(wanted.order_by(RunRow.created)):
        if kind == "train" or row.config == config:
            return row
    return None

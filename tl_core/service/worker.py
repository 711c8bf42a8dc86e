"""The process that executes queued runs, one after the other, whoever started it.

It outlives the server, waits a while for the next run, then ends. What a run does is in
`execution`.
"""

import argparse
import time
from contextlib import suppress
from pathlib import Path

from tl_core import runs
from tl_core.errors import TLCoreError, WorkspaceError
from tl_core.runs import Run
from tl_core.runs.approach import LABELS
from tl_core.runs.events import result_of
from tl_core.runs.processes import give_way
from tl_core.runs.workers import WORKER_KINDS, register_worker, unregister_worker, worker_limit
from tl_core.service.execution import execute
from tl_core.workspace import open_workspace
from tl_core.workspace.liveness import this_process
from tl_core.workspace.storage import Workspace

IDLE_SECONDS = 180.0  # keeps torch loaded for whoever trains soon
POLL_SECONDS = 0.25


def work(workspace: Workspace, name: str, *, idle_seconds: float = IDLE_SECONDS) -> None:
    """Execute queued runs until none came for `idle_seconds`."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_seconds:
        run = None
        with suppress(WorkspaceError):  # the database is busy: there is another time
            run = runs.claim_next(workspace, WORKER_KINDS[name], limit=worker_limit(name))
        if run is None:
            time.sleep(POLL_SECONDS)
            continue
        if run.kind == "train":
            _train(workspace, run)
        else:
            for _event in execute(workspace, run):
                _trainings_first(workspace, name)
        idle_since = time.monotonic()


def _trainings_first(workspace: Workspace, name: str) -> None:
    """Train what has been queued meanwhile: nobody waits for a comparison to end."""
    with suppress(WorkspaceError):
        while "train" in WORKER_KINDS[name] and (
            run := runs.claim_next(workspace, ("train",), limit=worker_limit(name))
        ):
            _train(workspace, run)


def _train(workspace: Workspace, run: Run) -> None:
    result_of(execute(workspace, run))
    _compare_after(workspace, run)


def _compare_after(workspace: Workspace, run: Run) -> None:
    """Queue the comparison with what could be had without the pretrained model.

    The training is over and written down: whatever goes wrong here does not touch it.
    """
    with suppress(TLCoreError):
        backbone = run.config.get("backbone")
        if backbone and _comparable(run.config) and runs.get_run(workspace, run.id).state == "done":
            config = {"backbone": backbone, "scratch": False}
            runs.start_run(workspace, run.project_id, kind="assess", config=config)


def _comparable(config: dict) -> bool:
    """Whether a training says something of what pretraining does for the project's classes."""
    from tl_core.approaches.approach import approach_named

    approach = approach_named(config["strategy"])
    return approach.pretrained and LABELS in approach.needs


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tl_core.service.worker", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--identifier", required=True, help="name of the worker, hyphen, anything")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds")
    options = parser.parse_args(arguments)
    give_way()
    workspace = open_workspace(options.workspace)
    name = options.identifier.partition("-")[0]
    while True:
        work(workspace, name, idle_seconds=options.idle)
        unregister_worker(workspace, options.identifier)
        # A run queued just now counted on us: nobody starts a worker while one is registered.
        if not runs.count_runs(workspace, WORKER_KINDS[name], ("queued",)):
            return
        register_worker(workspace, options.identifier, this_process()[0])


if __name__ == "__main__":
    main()

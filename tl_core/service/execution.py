"""One run from its claim to its end: do it, show signs of life, write down what became of it.

`worker` is the process around it; the command line executes a run without one.
"""

import shutil
import time
import traceback
from collections.abc import Iterator

from tl_core import runs
from tl_core.errors import RunError, StorageFull, TLCoreError, WorkspaceError
from tl_core.runs import Run
from tl_core.runs.events import Event
from tl_core.runs.results.report import read_report
from tl_core.service.run_work import WORK, Pulse
from tl_core.workspace import open_project
from tl_core.workspace.storage import Workspace, is_full_disk, storage_full

FINISH_ATTEMPTS = 30  # one a second


def execute(workspace: Workspace, run: Run) -> Iterator[Event]:
    """Do a run that this process has claimed, to its end; yield what it writes to its log.

    Whatever happens ends up in the run's row: the consumer sees no exception of the work.
    """
    state, message, trace = "failed", None, None
    with Pulse(workspace, run.id) as pulse:
        try:
            state, message = yield from WORK[run.kind](workspace, run, pulse)
        except Exception as error:
            trace = traceback.format_exc()
            message = _sentence(error)
            expected = isinstance(error, TLCoreError) and not isinstance(error, StorageFull)
            if pulse.stopping.is_set() and expected:
                state, trace = "stopped", None  # nothing was learnt yet, and the message says so
        if pulse.gone.is_set() or not _still_there(workspace, run):
            _remove_leftovers(workspace, run)
            return
        if state == "queued":
            runs.release_run(workspace, run.id)
            return
        if trace:
            print(f"run {run.id}: {message}\n{trace}", flush=True)
        _finish(workspace, run, state, message=message, trace=trace)


def _sentence(error: Exception) -> str:
    if isinstance(error, TLCoreError):
        return str(error)
    text = str(error)
    # safetensors and torch pass on what the operating system said, but not its error number
    full_disk = isinstance(error, OSError) and is_full_disk(error)
    if full_disk or "No space left" in text or "os error 112" in text:
        return str(storage_full("this run was saving its work"))
    if isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text:
        return (
            "The computer ran out of memory. Close other programs, choose a smaller backbone or "
            "a smaller batch size, and resume."
        )
    return (
        f"Unexpected error ({type(error).__name__}: {text[:200]}). What was saved before is kept; "
        "the details are in the log."
    )


def _finish(
    workspace: Workspace, run: Run, state: str, *, message: str | None, trace: str | None
) -> None:
    report = None
    if run.kind == "train" and state != "failed":
        report = read_report(workspace.run_dir(run.project_id, run.id))
    for attempts_left in reversed(range(FINISH_ATTEMPTS)):
        try:
            runs.finish_run(
                workspace,
                run.id,
                state,
                message=message,
                traceback=trace,
                accuracy=report.evaluation.accuracy if report else None,
                accuracy_low=report.evaluation.interval[0] if report else None,
                n_test=report.evaluation.n if report else None,
            )
            return
        except WorkspaceError:  # a disk that is full at this moment, say
            if not attempts_left:
                raise
            time.sleep(1.0)


def _still_there(workspace: Workspace, run: Run) -> bool:
    try:
        runs.heartbeat(workspace, run.id)
    except RunError:
        return False
    except WorkspaceError:
        pass
    return True


def _remove_leftovers(workspace: Workspace, run: Run) -> None:
    """Remove what was written after somebody deleted the run or its project."""
    try:
        runs.get_run(workspace, run.id)
        return  # another process has taken it over
    except RunError:
        shutil.rmtree(workspace.run_dir(run.project_id, run.id), ignore_errors=True)
    try:
        open_project(workspace, run.project_id)
    except WorkspaceError:
        shutil.rmtree(workspace.project_dir(run.project_id), ignore_errors=True)

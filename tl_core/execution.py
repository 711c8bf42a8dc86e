"""One run from its claim to its end: do it, show signs of life, write down what became of it.

It knows what each kind of run does and what the person is told when it fails; `worker` is the
process around it, and `__main__` executes a run without one.
"""

import shutil
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from tl_core import runs
from tl_core.config import config_from_json
from tl_core.engines import worker_threads
from tl_core.errors import RunError, StorageFull, TLCoreError, WorkspaceError
from tl_core.events import Event
from tl_core.reports import read_report
from tl_core.runs import Run
from tl_core.storage import Workspace, is_full_disk, storage_full
from tl_core.workspace import open_project

BEAT_SECONDS = 0.25
FINISH_ATTEMPTS = 30  # one a second
LOOK_SECONDS = 1.0  # how often a comparison looks whether a training waits

STOPPED_TRAINING = "Stopped as asked. The best state so far was kept and evaluated."
STOPPED_ASSESSING = "Stopped as asked. What was measured until then is kept."
STOPPED_DOWNLOAD = "Stopped as asked. Resume to go on."


class Pulse:
    """A thread that keeps the run's heartbeat going, also through a step that takes long.

    `stopping` is set when somebody asked the run to stop, `gone` when the run was deleted or
    taken over; both are only looked at between events.
    """

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.stopping = threading.Event()
        self.gone = threading.Event()
        self._workspace = workspace
        self._run_id = run_id
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def interrupted(self) -> bool:
        return self.stopping.is_set() or self.gone.is_set()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if runs.heartbeat(self._workspace, self._run_id):
                    self.stopping.set()
            except RunError:
                self.gone.set()
                return
            except (WorkspaceError, SQLAlchemyError):
                continue  # the database is busy or the disk full; the run itself may go on


def execute(workspace: Workspace, run: Run) -> Iterator[Event]:
    """Do a run that this process has claimed, to its end; yield what it writes to its log.

    Whatever happens ends up in the run's row: the consumer sees no exception of the work.
    """
    state, message, trace = "failed", None, None
    with Pulse(workspace, run.id) as pulse:
        try:
            state, message = yield from _WORK[run.kind](workspace, run, pulse)
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


Outcome = Generator[Event, None, tuple[str, str | None]]


def _train(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    import torch

    from tl_core import training

    torch.set_num_threads(worker_threads())
    run_dir = workspace.run_dir(run.project_id, run.id)
    config = config_from_json(run.config)
    job = training.prepare_training(workspace, run.project_id, run.id, config)
    interrupted = yield from _logged(run_dir, training.train(job), until=pulse.interrupted)
    if not pulse.gone.is_set():
        yield from _logged(run_dir, training.finish(job), until=pulse.gone.is_set)
    return ("stopped", STOPPED_TRAINING) if interrupted else ("done", None)


def _assess(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    from tl_core import assessment

    job = assessment.prepare_from_config(workspace, run.project_id, run.id, run.config)
    return (yield from _beside_trainings(workspace, run, pulse, assessment.assess(job)))


def _rank(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    from tl_core import ranking

    events = ranking.rank(workspace, run.project_id, run.id, run.config)
    return (yield from _beside_trainings(workspace, run, pulse, events))


def _beside_trainings(
    workspace: Workspace, run: Run, pulse: Pulse, events: Iterator[Event]
) -> Outcome:
    """Do what nobody waits for as much as for a training: step aside when one is queued."""
    import torch

    torch.set_num_threads(worker_threads())
    looked = time.monotonic()

    def until() -> bool:
        nonlocal looked
        if not pulse.interrupted() and time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            return runs.count_runs(workspace, ("train",), ("queued",)) > 0
        return pulse.interrupted()

    run_dir = workspace.run_dir(run.project_id, run.id)
    if not (yield from _logged(run_dir, events, until=until)):
        return "done", None
    return ("stopped", STOPPED_ASSESSING) if pulse.interrupted() else ("queued", None)


def _download(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    from tl_core import downloads

    events = downloads.DOWNLOADS[run.kind](workspace, run.project_id, run.config)
    run_dir = workspace.run_dir(run.project_id, run.id)
    interrupted = yield from _logged(run_dir, events, until=pulse.interrupted)
    return ("stopped", STOPPED_DOWNLOAD) if interrupted else ("done", None)


_WORK: dict[str, Callable[[Workspace, Run, Pulse], Outcome]] = {
    "train": _train,
    "assess": _assess,
    "rank": _rank,
    "download-weights": _download,
    "download-sample": _download,
}


def _logged(
    run_dir: Path, events: Iterator[Event], *, until: Callable[[], bool]
) -> Generator[Event, None, bool]:
    """Write down and yield events; return whether `until` ended them early."""
    with closing(events):
        for event in events:
            runs.append_event(run_dir, event)
            yield event
            if until():
                return True
    return False


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
            "The memory of this computer was not enough. Close other programs, choose a smaller "
            "backbone or a smaller batch, and resume."
        )
    return (
        f"Something went wrong that should not ({type(error).__name__}: {text[:200]}). What was "
        "saved before is kept; the details are in the log."
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

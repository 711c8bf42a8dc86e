"""What each kind of run does: the events of its work, written to its log, and how it ended.

`Pulse` shows that the run lives, and learns whether somebody asked it to stop.

Heavy imports wait until a run of that kind is at hand. What happens around the work is in
`execution`.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from tl_core import runs
from tl_core.errors import RunError, WorkspaceError
from tl_core.runs import Run
from tl_core.runs.configuration import config_from_json
from tl_core.runs.events import Event, passed_on
from tl_core.runs.workers import worker_threads
from tl_core.service.tally import Tally
from tl_core.workspace.storage import Workspace

BEAT_SECONDS = 0.25  # between two signs of life
LOOK_SECONDS = 1.0  # how often a comparison looks whether a training waits

STOPPED_TRAINING = "Stopped as requested. The best model so far was kept and evaluated."
STOPPED_ASSESSING = "Stopped as requested. What was measured so far is kept."
STOPPED_DOWNLOAD = "Stopped as requested. Resume to continue."

Outcome = Generator[Event, None, tuple[str, str | None]]


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


def _train(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    import torch

    from tl_core.approaches.training import prepare_training
    from tl_core.service.estimates import remember

    torch.set_num_threads(worker_threads())
    run_dir, config = workspace.run_dir(run.project_id, run.id), config_from_json(run.config)
    tally = Tally()
    training = prepare_training(workspace, run.project_id, run_dir, config)
    events = passed_on(training.events(), tally.see)
    interrupted = yield from _logged(run_dir, events, until=pulse.interrupted)
    if not pulse.gone.is_set():
        events = passed_on(training.finish(), tally.see)
        yield from _logged(run_dir, events, until=pulse.gone.is_set)
    if interrupted:
        return "stopped", STOPPED_TRAINING
    if not pulse.gone.is_set():
        remember(workspace, run.project_id, config, tally)
    return "done", None


def _assess(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    from tl_core.assessment.assess import assess
    from tl_core.assessment.inputs import request_of

    request = request_of(workspace, run.project_id, run.id, run.config)
    return (yield from _beside_trainings(workspace, run, pulse, assess(request)))


def _rank(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    from tl_core.assessment import ranking

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
    from tl_core.service import downloads

    events = downloads.DOWNLOADS[run.kind](workspace, run.project_id, run.config)
    run_dir = workspace.run_dir(run.project_id, run.id)
    interrupted = yield from _logged(run_dir, events, until=pulse.interrupted)
    return ("stopped", STOPPED_DOWNLOAD) if interrupted else ("done", None)


WORK: dict[str, Callable[[Workspace, Run, Pulse], Outcome]] = {
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

"""What each kind of run does: the events of its work, written to its log, and how it ended.

Heavy imports wait until a run of that kind is at hand. What happens around the work is in
`execution`.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

from tl_core import runs
from tl_core.runs import Run
from tl_core.runs.configuration import config_from_json
from tl_core.runs.events import Event
from tl_core.runs.workers import worker_threads
from tl_core.service.heartbeat import Pulse
from tl_core.workspace.storage import Workspace

LOOK_SECONDS = 1.0  # how often a comparison looks whether a training waits

STOPPED_TRAINING = "Stopped as asked. The best state so far was kept and evaluated."
STOPPED_ASSESSING = "Stopped as asked. What was measured until then is kept."
STOPPED_DOWNLOAD = "Stopped as asked. Resume to go on."

Outcome = Generator[Event, None, tuple[str, str | None]]


def _train(workspace: Workspace, run: Run, pulse: Pulse) -> Outcome:
    import torch

    from tl_core.approaches.training import prepare_training

    torch.set_num_threads(worker_threads())
    run_dir = workspace.run_dir(run.project_id, run.id)
    training = prepare_training(workspace, run.project_id, run_dir, config_from_json(run.config))
    interrupted = yield from _logged(run_dir, training.events(), until=pulse.interrupted)
    if not pulse.gone.is_set():
        yield from _logged(run_dir, training.finish(), until=pulse.gone.is_set)
    return ("stopped", STOPPED_TRAINING) if interrupted else ("done", None)


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

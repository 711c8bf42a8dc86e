"""Start, follow, stop and resume a run of any kind; everything shown comes from the disk.

A refresh, a second browser or a restarted server shows the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.shared import state
from pages.shared.compute import forget
from pages.shared.elements import drawn_again, errors_shown
from tl_core.errors import TLCoreError
from tl_core.runs import Run, get_run, request_stop, resume_run, start_run, workers
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.events import (
    PHASES,
    CandidateScore,
    EpochResult,
    Note,
    PhaseStarted,
    Progress,
    read_events,
)
from tl_core.workspace import Project

LOOK_EVERY = 1.0  # seconds
STATE_TEXT = {
    "queued": "waiting to start",
    "running": "running",
    "stopping": "stopping",
    "done": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "lost": "interrupted",
}
WAITING_TEXT = "Waiting to start: another run may be in progress"
STOP_TEXT = {  # kind: what stopping keeps
    "train": "The best model so far is kept and tested; you can resume later.",
    "assess": "What has been measured so far is kept.",
    "rank": "What has been measured so far is kept.",
}


@dataclass(frozen=True)
class RunView:
    """What the log of a run says so far; epochs in order, each once, and candidates as well."""

    phases: tuple[str, ...] = ()
    progress: Progress | None = None
    epochs: tuple[EpochResult, ...] = ()
    candidates: tuple[CandidateScore, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def phase(self) -> str | None:
        return self.phases[-1] if self.phases else None

    @property
    def share(self) -> float:
        """How much of the present phase is done, in [0, 1]."""
        progress = self.progress
        return min(progress.done / progress.total, 1.0) if progress and progress.total else 0.0


def run_view(run: Run) -> RunView:
    """Read the run's log; an epoch told twice, after a resume, counts as it was told last."""
    run_dir = state.current_workspace().run_dir(run.project_id, run.id)
    events, _offset = read_events(run_dir)
    phases: list[str] = []
    progress = None
    epochs: dict[tuple[str, int], EpochResult] = {}
    candidates: dict[tuple, CandidateScore] = {}
    notes: dict[str, None] = {}
    for event in events:
        match event:
            case PhaseStarted(phase=phase):
                done = PHASES[: PHASES.index(phase)] if phase in PHASES else PHASES
                phases = [p for p in phases if p in done] + [phase]  # a resumed run starts over
                progress = None
            case Progress():
                progress = event
            case EpochResult():
                epochs[(event.phase, event.epoch)] = event
            case CandidateScore():
                candidates[event.features, event.amount] = event
            case Note(text=text):
                notes[text] = None
    ordered = sorted(
        (epoch for epoch in epochs.values() if epoch.phase == "fine_tune"), key=lambda e: e.epoch
    )
    return RunView(
        tuple(phases), progress, tuple(ordered), tuple(candidates.values()), tuple(notes)
    )


def start(project_id: str, kind: str, config: dict) -> Run:
    """Begin a run; one that is under way with the same settings is joined.

    Raises:
        TLCoreError: If it cannot be started; the message says why.
    """
    workspace = state.current_workspace()
    run = start_run(workspace, project_id, kind=kind, config=config)
    workers.ensure_workers(workspace)
    return run


def start_training(project: Project, config: TrainingConfig) -> None:
    """Begin to train with these settings and make it the run that is shown; for a callback."""
    root = str(state.current_workspace().root)
    with errors_shown():
        # Afterwards the features are cached and the same training takes less time.
        forget("estimate_seconds", root, project.id, config)
        state.show_run(start(project.id, "train", config_to_json(config)).id)


def resume(run: Run) -> None:
    """Queue a run again that was stopped, failed or got lost; for a button's callback."""
    workspace = state.current_workspace()
    with errors_shown():
        resume_run(workspace, run.id)
        workers.ensure_workers(workspace)


def stop(*runs: Run) -> None:
    """Ask runs to end; for a button's callback."""
    with errors_shown():
        for run in runs:
            request_stop(state.current_workspace(), run.id)


def follow(
    run: Run, draw: Callable[[Run], None], *, changed: Callable[[Run], bool] | None = None
) -> None:
    """Draw a run as it is, again and again while it is active.

    The whole page is drawn anew when the run's state changes, so that the rest of it says so too.

    Args:
        run: The run as the page knows it.
        draw: Draws the run as it is now.
        changed: Whether more of its results are there than the page shows.
    """

    def now() -> Run | None:
        try:
            return get_run(state.current_workspace(), run.id)
        except TLCoreError:  # deleted in another window; the page says so
            return None

    def ended() -> bool:
        there = now()
        return not there or there.state != run.state or bool(changed and changed(there))

    def part() -> None:
        if there := now():
            if there.state == "queued":
                workers.ensure_workers(state.current_workspace())
            draw(there)

    drawn_again(part, every=LOOK_EVERY if run.active else None, ended=ended)


def progress_bar(run: Run, share: float, text: str) -> None:
    """Draw how far a run is; what it waits for takes the place of the text."""
    if run.state == "queued":
        share, text = 0.0, WAITING_TEXT
    elif run.state == "stopping":
        text = f"Stopping. {STOP_TEXT.get(run.kind, '')}"
    st.progress(share, text=text)


def stop_button(run: Run, label: str = "Stop") -> None:
    st.button(
        label,
        key=f"stop-{run.id}",
        icon=":material/stop_circle:",
        disabled=run.state == "stopping",
        help=STOP_TEXT.get(run.kind),
        on_click=stop,
        args=(run,),
    )

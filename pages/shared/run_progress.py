"""A run as far as it has come: read from its log, shown live, stopped on request.

Everything shown comes from the disk, so a refresh or a second browser shows the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import errors_shown, note_text
from pages.shared.text import duration, plain
from tl_core.errors import TLCoreError
from tl_core.runs import Run, get_run, read_events, request_stop, workers
from tl_core.runs.events import EpochResult, Note, PhaseStarted, Progress

LOOK_EVERY = 1.0  # seconds
PHASE_TEXT = {
    "download": "Download",
    "features": "Look at every picture",
    "probe": "Fit the classifier",
    "fine_tune": "Fine-tune",
    "evaluate": "Test",
    "save": "Save",
}
DOING_TEXT = {
    "download": "Downloading",
    "features": "Looking at every picture through the network",
    "probe": "Fitting the classifier on what the network sees",
    "fine_tune": "Adjusting the network to your pictures",
    "evaluate": "Testing on pictures that it has never seen",
    "save": "Saving the model",
}
UNIT_TEXT = {"features": " pictures", "fine_tune": " steps"}
STATE_TEXT = {
    "queued": "waiting to start",
    "running": "running",
    "stopping": "stopping",
    "done": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "lost": "interrupted",
}


@dataclass(frozen=True)
class RunView:
    """What the log of a run says so far; epochs in order, each once."""

    phases: tuple[str, ...] = ()
    progress: Progress | None = None
    epochs: tuple[EpochResult, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def phase(self) -> str | None:
        return self.phases[-1] if self.phases else None


def run_view(run: Run) -> RunView:
    """Read the run's log; an epoch told twice, after a resume, counts as it was told last."""
    run_dir = state.current_workspace().run_dir(run.project_id, run.id)
    events, _offset = read_events(run_dir)
    phases: list[str] = []
    progress = None
    epochs: dict[tuple[str, int], EpochResult] = {}
    notes: dict[str, None] = {}
    for event in events:
        match event:
            case PhaseStarted(phase=phase):
                phases = [p for p in phases if p != phase] + [phase]
                progress = None
            case Progress():
                progress = event
            case EpochResult():
                epochs[(event.phase, event.epoch)] = event
            case Note(text=text):
                notes[text] = None
    ordered = sorted(epochs.values(), key=lambda e: (e.phase == "fine_tune", e.epoch))
    return RunView(tuple(phases), progress, tuple(ordered), tuple(notes))


def follow(run: Run, *, earlier: Sequence[tuple[str, Run]] = (), notes: Sequence[str] = ()) -> None:
    """Draw a run: where it is, how long it takes, Stop, curves; looks again while it is active.

    Args:
        run: The run to show.
        earlier: Name and run whose validation curves are drawn thinly behind.
        notes: Sentences of the finished run; without them, those of its log.
    """
    past = [(name, view.epochs) for name, old in earlier if (view := run_view(old)).epochs]

    @st.fragment(run_every=LOOK_EVERY if run.active else None)
    def look() -> None:
        try:
            now = get_run(state.current_workspace(), run.id)
        except TLCoreError:
            st.rerun()  # deleted in another window; the page says so
        if now.state != run.state:
            st.rerun()  # so that the rest of the page says so too, and looking again ends
        if now.state == "queued":
            workers.ensure_workers(state.current_workspace())
        view = run_view(now)
        if now.active:
            _where_it_is(now, view)
        _curves(now, view, past)
        if said := notes or view.notes:
            st.markdown("**What happened**\n" + "".join(f"\n- {plain(note)}" for note in said))

    look()


def _where_it_is(run: Run, view: RunView) -> None:
    with st.container(border=True, key="card-live"):
        _phase_line(view)
        if run.state == "queued":
            text, share = "Waiting for the training process to start", 0.0
        elif run.state == "stopping":
            text, share = "Stopping: the best state so far is kept and tested", _share(view)
        else:
            text, share = _progress_text(run, view), _share(view)
        st.progress(share, text=text)
        st.button(
            "Stop",
            key=f"stop-{run.id}",
            icon=":material/stop_circle:",
            disabled=run.state == "stopping",
            help="The best state so far is kept, tested and usable; you can resume later.",
            on_click=_stop,  # a callback: `look` may call for another rerun, which loses a click
            args=(run,),
        )


def _stop(run: Run) -> None:
    with errors_shown():
        request_stop(state.current_workspace(), run.id)


def _share(view: RunView) -> float:
    if view.progress is None or not view.progress.total:
        return 0.0
    return min(view.progress.done / view.progress.total, 1.0)


def _progress_text(run: Run, view: RunView) -> str:
    if view.phase is None:
        return "Getting ready"
    text = DOING_TEXT.get(view.phase, view.phase)
    if view.phase == "fine_tune" and run.config.get("strategy") == "recommended":
        text = "Trying whether fine-tuning gets more right (Stop keeps the classifier)"
    if view.progress is None:
        return text
    unit = UNIT_TEXT.get(view.phase, "")
    text += f": {view.progress.done:,} of {view.progress.total:,}{unit}"
    if view.progress.seconds_left is not None:
        text += f", about {duration(view.progress.seconds_left)} left"
    return text


def _phase_line(view: RunView) -> None:
    """Say which phases are behind, which one is at work; in words and signs, not colour alone."""
    parts = []
    for phase in view.phases:
        current = phase == view.phase
        sign, shape = ("●", "tl-badge") if current else ("✓", "tl-badge tl-plain")
        parts.append(f'<span class="{shape}">{sign} {escape(PHASE_TEXT.get(phase, phase))}</span>')
    st.html(" ".join(parts) or '<span class="tl-badge">● Getting ready</span>')


def _curves(run: Run, view: RunView, past: list[tuple[str, Sequence[EpochResult]]]) -> None:
    epochs = view.epochs
    if run.active:
        key = f"held-{run.id}"
        if len(epochs) > 1 and st.toggle(
            "Hold the curves still",
            key=f"hold-{run.id}",
            help="Each new point redraws the curves, which undoes zooming; hold them to look.",
        ):
            if state.widget_value(key) is None:
                state.set_widget_value(key, len(epochs))
            epochs = epochs[: int(state.widget_value(key))]
        else:
            state.set_widget_value(key, None)
    if not epochs:
        if run.active:
            note_text("The curves appear with the first results.")
        return
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        with column:
            chart = charts.curves(epochs, measure=measure, earlier=past)
            charts.show(chart, key=f"curve-{measure}-{run.id}")
    if epochs[0].phase == "probe":
        note_text(
            "In each round the solver corrects the classifier a few times. It finds its way by "
            "trying, so the first rounds may jump; it ends where further rounds change nothing."
        )

"""A training on the page: its phases, how long it takes, Stop, curves."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from pages.shared import charts, state
from pages.shared.elements import note_text
from pages.shared.run_control import RunView, follow, progress_bar, run_view, stop_button
from pages.shared.text import duration
from tl_core.runs import Run
from tl_core.runs.events import EpochResult

PHASE_TEXT = {
    "download": "Download",
    "features": "Compute features",
    "probe": "Fit the classifier",
    "trial": "Try fine-tuning",
    "fine_tune": "Fine-tune",
    "evaluate": "Test",
    "save": "Save",
}
DOING_TEXT = {
    "download": "Downloading",
    "features": "Computing the features of every picture",
    "probe": "Fitting the classifier to the features",
    "trial": "Testing whether fine-tuning is more accurate (Stop keeps the linear probe)",
    "fine_tune": "Training the network on your pictures",
    "evaluate": "Testing on held-out pictures",
    "save": "Saving the model",
}
UNIT_TEXT = {"features": " pictures", "trial": " steps", "fine_tune": " steps"}


def follow_training(
    run: Run, *, earlier: Sequence[tuple[str, Run]] = (), notes: Sequence[str] = ()
) -> None:
    """Draw a training: where it is while it is active, its curves, what happened.

    Args:
        run: The run to show.
        earlier: Name and run whose validation curves are drawn thinly behind.
        notes: Sentences of the finished run; without them, those of its log.
    """
    views = ((name, run_view(old)) for name, old in earlier)
    past = [(name, view.epochs) for name, view in views if len(view.epochs) > 1]

    def draw(now: Run) -> None:
        view = run_view(now)
        if now.active:
            with st.container(border=True, key="card-live"):
                _phase_line(view)
                progress_bar(now, view.share, _progress_text(view))
                stop_button(now)
        _curves(now, view, past)
        if said := notes or view.notes:
            with st.expander("Notes", expanded=now.active, icon=":material/notes:"):
                note_text(*said)

    follow(run, draw)


def _progress_text(view: RunView) -> str:
    if view.phase is None:
        return "Preparing"
    phase = view.progress.phase if view.progress else view.phase  # pictures may come first
    text = DOING_TEXT.get(phase, phase)
    if view.progress is None:
        return text
    unit = UNIT_TEXT.get(phase, "")
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
    st.html(" ".join(parts) or '<span class="tl-badge">● Preparing</span>')


def _curves(run: Run, view: RunView, past: list[tuple[str, Sequence[EpochResult]]]) -> None:
    epochs = view.epochs
    if run.active:
        key = f"held-{run.id}"
        if len(epochs) > 1 and st.toggle(
            "Pause the curves",
            key=f"hold-{run.id}",
            help="Each new point redraws the curves and resets the zoom; pause them to zoom in.",
        ):
            if state.widget_value(key) is None:
                state.set_widget_value(key, len(epochs))
            epochs = epochs[: int(state.widget_value(key))]
        else:
            state.set_widget_value(key, None)
    if view.candidates and run.active:
        charts.show(charts.candidates(view.candidates), key=f"candidates-{run.id}")
    elif view.candidates:
        with st.expander(
            "For the curious: how the classifier was chosen",
            key="part-candidates",
            icon=":material/speed:",
        ):
            charts.show(charts.candidates(view.candidates), key=f"candidates-{run.id}")
    if not any(epoch.epoch for epoch in epochs):  # the state before the first step is no curve
        if run.active and not view.candidates:
            note_text("Results appear here as they arrive.")
        return
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        with column:
            trial = "trial" in view.phases
            chart = charts.curves(epochs, measure=measure, earlier=past, trial=trial)
            charts.show(chart, key=f"curve-{measure}-{run.id}")

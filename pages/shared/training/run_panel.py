"""One run on the page, and the next one that may be started."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_so_far, ask, wait_for_all
from pages.shared.elements import note_text
from pages.shared.journey import EVALUATION, LAYERS, PREDICT
from pages.shared.layers.strategies import strategy_text
from pages.shared.result_cards import result_cards
from pages.shared.results import report_of
from pages.shared.run_choice import MISSING_RESULT
from pages.shared.run_control import STATE_TEXT, resume, start_training
from pages.shared.text import counted, device_text, duration, plain
from pages.shared.training.progress import follow_training
from tl_core.images import ClassSummary, count_learnable, list_questions
from tl_core.runs import Run, delete_run, run_traceback
from tl_core.runs.approach import QUESTIONS
from tl_core.runs.configuration import TrainingConfig
from tl_core.workspace import Project

WATCHED = "watched-run"
OVERLAID = 3  # earlier runs behind the curves; more would be a tangle


def next_training(
    project: Project,
    config: TrainingConfig,
    classes: Sequence[ClassSummary],
    *,
    first: bool,
    again: bool,
    primary: bool,
) -> None:
    """Say what the next training will be and offer to start it.

    Args:
        project: Where it trains.
        config: Its settings.
        classes: Those that take part.
        first: Whether the project has no run yet.
        again: Whether a run with these settings is there already.
        primary: Whether this is what to do next on the page.
    """
    estimate = ask("estimate_seconds", str(state.current_workspace().root), project.id, config)
    seconds = answer_so_far(estimate)
    known = answer_so_far(ask("list_approaches"))
    if known and QUESTIONS in known[config.strategy].needs:
        asked = len(list_questions(state.current_workspace(), project.id)) + (len(classes) > 1)
        amount = counted(asked, "question")
    else:
        pictures = count_learnable(state.current_workspace(), project.id)
        amount = f"{counted(pictures, 'picture')} in {counted(len(classes), 'class')}"
    with st.container(border=True, key="card-next"):
        st.subheader("Ready to train" if first else "Next training", anchor=False)
        parts = [
            strategy_text(config),
            config.backbone.title,
            amount,
        ]
        if seconds:
            where = device_text(seconds["device"], seconds["cores"])
            parts.append(f"about {duration(seconds['total'])} on {where}")
        note_text(" · ".join(parts))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Train again" if again else "Start training",
                key="start",
                type="primary" if primary else "secondary",
                icon=":material/play_arrow:",
                on_click=start_training,
                args=(project, config),
            )
            st.page_link(
                LAYERS,
                label="Change the settings",
                icon=":material/tune:",
                query_params=state.address(),
            )
    wait_for_all([estimate], key="estimate", doing="Estimating the time")


def show_run(
    run: Run, runs: Sequence[Run], names: dict[str, str], *, below: Callable[[], None]
) -> None:
    """Draw one run: what became of it, its result, its curves, what can be done with it.

    Args:
        run: The run to show.
        runs: All of the project, the newest first.
        names: Their short names by id.
        below: Draws what stands below the curves.
    """
    st.subheader(names[run.id], anchor=False)
    report = None if run.active else report_of(run)
    if run.message:
        kind = st.error if run.state == "failed" else st.info
        kind(plain(run.message))
    elif run.state in ("stopped", "lost", "failed"):
        st.info(f"This run was {STATE_TEXT[run.state]}.")
    if run.state == "failed" and (trace := run_traceback(state.current_workspace(), run.id)):
        with st.expander("Details for a bug report", icon=":material/bug_report:"):
            st.code(trace, language=None)
    if run.active:
        state.set_widget_value(WATCHED, run.id)
    if report:
        came = state.widget_value(WATCHED) == run.id  # while somebody waited for it
        with st.container(key="arrived" if came else "result"):
            result_cards(report)
        if came:
            state.set_widget_value(WATCHED, None)
            st.toast("Your model is ready. Try it on a new picture.", icon=":material/celebration:")
    elif run.accuracy is not None and not run.active:
        st.warning(MISSING_RESULT, icon=":material/report:")
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        if report:
            st.page_link(
                PREDICT,
                label="Try the model now",
                icon=":material/photo_camera:",
                query_params=state.address(run=run.id),
            )
            st.page_link(
                EVALUATION,
                label="See the evaluation",
                icon=":material/troubleshoot:",
                query_params=state.address(run=run.id),
            )
        if run.state in ("stopped", "failed", "lost"):
            label = "Resume the run"
            st.button(label, key="resume", icon=":material/resume:", on_click=resume, args=(run,))
        if not run.active:
            with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
                st.write("Its model, curves and result are removed. This cannot be undone.")
                if st.button("Delete permanently", key="delete-run"):
                    delete_run(state.current_workspace(), run.id)
                    state.show_run(None)
                    st.rerun()
    earlier = [(names[old.id].split(" · ")[0], old) for old in runs if old.created < run.created]
    follow_training(run, earlier=earlier[:OVERLAID], notes=report.notes if report else ())
    below()

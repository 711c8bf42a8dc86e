"""Downloads that the person asked for: how far they are, what went wrong, stop, try again."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.text import megabytes, plain
from tl_core.runs import Run, list_runs, read_events, request_stop, start_run
from tl_core.runs.events import Progress
from tl_core.runs.workers import ensure_workers


def start_download(project_id: str, *, kind: str, config: dict) -> Run:
    """Begin a download as a run of its own; one that is under way is joined instead."""
    workspace = state.current_workspace()
    run = start_run(workspace, project_id, kind=kind, config=config)
    ensure_workers(workspace)
    return run


def latest_download(project_id: str, kind: str) -> Run | None:
    return next(iter(list_runs(state.current_workspace(), project_id, kind)), None)


def show_download(project_id: str, kind: str, title: str) -> bool:
    """Show the newest download of this kind while it is under way; True while it is.

    Args:
        project_id: The project that it belongs to.
        kind: "download-weights" or "download-sample".
        title: What is downloaded, in words.
    """
    run = latest_download(project_id, kind)
    if run is None or not run.active:
        return False
    ensure_workers(state.current_workspace())
    st.fragment(_show, run_every=0.7)(project_id, kind, title)
    return True


def _show(project_id: str, kind: str, title: str) -> None:
    run = latest_download(project_id, kind)
    if run is None or not run.active:
        st.rerun()
    progress = _progress(project_id, run)
    share, text = 0.0, f"{plain(title)}: connecting…"
    if run.state == "stopping":
        text = f"{plain(title)}: stopping…"
    elif progress and progress.total:
        share = min(1.0, progress.done / progress.total)
        text = f"{plain(title)}: {megabytes(progress.done)} of {megabytes(progress.total)}"
    st.progress(share, text=text)
    if st.button("Stop the download", key=f"stop-{kind}", disabled=run.state == "stopping"):
        with errors_shown():
            request_stop(state.current_workspace(), run.id)


def _progress(project_id: str, run: Run) -> Progress | None:
    events, _ = read_events(state.current_workspace().run_dir(project_id, run.id))
    return next((event for event in reversed(events) if isinstance(event, Progress)), None)

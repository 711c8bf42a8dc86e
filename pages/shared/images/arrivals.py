"""Pictures on their way into a project: batches and sample sets, and what came of each."""

import secrets
from collections.abc import Sequence
from functools import partial

import streamlit as st

from pages.shared import background, state
from pages.shared.background import Job
from pages.shared.downloads import SAMPLE, downloads, follow_download
from pages.shared.elements import errors_shown
from pages.shared.run_control import start
from pages.shared.text import plain
from tl_core.images import AddProgress, Skipped, SourceFile, add_images
from tl_core.workspace import Workspace
from tl_core.workspace.interrupted import forget_interrupted, interrupted_imports


def start_adding(
    workspace: Workspace, project_id: str, files: Sequence[SourceFile | Skipped]
) -> Job:
    """Begin to add files in the background, beside what is being added already."""
    number = len(files)
    return background.start(
        f"{_prefix(project_id)}{secrets.token_hex(4)}",
        add_images(workspace, project_id, files, total=number),
        doing="Adding pictures",
        said=AddProgress(done=0, total=number, added=0, skipped=()),
    )


def arrivals(project_id: str) -> dict[str, Job]:
    """Return the batches that are under way or whose result nobody has seen yet, by key."""
    return background.jobs_under(_prefix(project_id))


def show_arrivals(project_id: str, *, empty: bool) -> bool:
    """Show what is under way and what came of it; True while something is.

    Args:
        project_id: Where the pictures go.
        empty: Whether there are none yet, so that a sample set that did not come is missed.
    """
    coming = _sample_set(project_id, missed=empty)
    _cut_off(project_id)
    return _batches(project_id) or coming


def _sample_set(project_id: str, *, missed: bool) -> bool:
    run = next(iter(downloads(project_id, SAMPLE)), None)
    if run is not None and run.active:
        follow_download(run)
        return True
    if run is not None and run.state != "done" and missed:
        st.warning(plain(run.message or "The download was not completed."))
        if st.button("Try the download again", icon=":material/download:", key="sample-again"):
            with errors_shown():
                start(project_id, SAMPLE, run.config)
                st.rerun()
    return False


def _cut_off(project_id: str) -> None:
    """Say which imports ended with the app, until that is confirmed."""
    workspace = state.current_workspace()
    found = interrupted_imports(workspace, project_id)
    if not found:
        return
    totals = [one.total for one in found if one]
    what = f"{sum(totals):,} files" if totals and all(totals) else "pictures"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"Adding {what} was cut off when the app ended. The pictures that were finished are "
            "here. Add the same files again: what is here already is skipped.",
            icon=":material/report:",
        )
        st.button(
            "OK", key="seen-cut-off", on_click=forget_interrupted, args=(workspace, project_id)
        )


def _batches(project_id: str) -> bool:
    found = arrivals(project_id)
    active = not all(job.finished for job in found.values())
    for key, job in found.items():
        if not job.finished:
            background.show(job, partial(_progress, key))
    if not active:
        for key, job in found.items():
            _result(key, job)
    return active


def _prefix(project_id: str) -> str:
    return f"add-{project_id}-"


def _progress(key: str, job: Job) -> None:
    done, total = job.said.done, job.said.total
    share = min(1.0, done / max(1, total))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text=f"{job.doing}: {done:,} of {total:,} files")
        if st.button("Stop", key=f"stop-{key}", icon=":material/stop:", type="tertiary"):
            job.stop = True


def _result(key: str, job: Job) -> None:
    """Say what came of a batch: in passing when all went well, else until it is confirmed."""
    added, skipped = job.said.added, len(job.said.skipped)
    left = max(0, job.said.total - job.said.done)
    if not skipped and not job.error and not left:
        background.forget(key)
        st.toast(f"{_count(added)} added.", icon=":material/check:")
        return
    text = f"{_count(added)} added."
    if left and not job.error:
        text += f" Stopped: {_count(left, 'file')} not read."
    if skipped:
        text += (
            f" {_count(skipped, 'file')} skipped; the list at the end of the page gives the "
            "reasons."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(f"{job.error or ''} {text}"), icon=":material/info:")
        st.button("OK", key=f"seen-{key}", on_click=background.forget, args=(key,))


def _count(number: int, noun: str = "picture") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

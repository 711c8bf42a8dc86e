"""When the list of projects is damaged or gone: the backup, or a new list from the folders."""

import streamlit as st

from pages.shared import background, state
from pages.shared.background import Job
from pages.shared.elements import errors_shown, note_text, show_error
from pages.shared.journey import HOME
from pages.shared.text import plain
from tl_core.errors import DatabaseDamaged
from tl_core.images import AddProgress
from tl_core.runs.rebuilding import rebuild
from tl_core.workspace import Workspace
from tl_core.workspace.opening import workspace_at
from tl_core.workspace.recovery import (
    backup_to_open,
    begin_new_list,
    open_backup,
    unlisted_projects,
)

_KEY = "rebuild"


def damaged_list(error: DatabaseDamaged) -> None:
    """Say that the list of projects cannot be read, and offer what can be done."""
    st.title("The list of projects is damaged", anchor=False)
    show_error(error)
    _offer(workspace_at(), backup=True, fresh=True)


def missing_projects(workspace: Workspace, *, listed: bool) -> None:
    """Say which projects lie in the workspace and are not listed; nothing where all are.

    Args:
        workspace: Where to look.
        listed: Whether some projects are; a backup would replace them.
    """
    job = background.job_of(_KEY)
    if job is not None and not job.finished:
        background.show(job, _progress)
        return
    if job is not None and job.error:
        st.error(plain(job.error))
    missing = len(unlisted_projects(workspace))
    if missing:
        count, whose = (
            ("1 project lies", "Its") if missing == 1 else (f"{missing} projects lie", "Their")
        )
        st.warning(
            f"{count} in the workspace and not in the list: the list (tl.db) was damaged, deleted "
            f"or moved. {whose} pictures and models are there.",
            icon=":material/report:",
        )
        _offer(workspace, backup=not listed, fresh=False)


def _offer(workspace: Workspace, *, backup: bool, fresh: bool) -> None:
    found = backup_to_open(workspace) if backup else None
    first = "primary" if fresh else "secondary"  # home has a primary button of its own
    with st.container(horizontal=True, vertical_alignment="center"):
        if found:
            made = f"{found.made.astimezone():%d %B %Y, %H:%M}"
            label = f"Open the backup of {made}"
            if st.button(label, key="open-backup", type=first, icon=":material/history:"):
                with errors_shown():
                    open_backup(workspace)
                    state.say_later("The backup is open.")
                    st.rerun()
        if st.button(
            "Rebuild the list from the folders",
            key="rebuild-list",
            type="secondary" if found else first,
            icon=":material/build:",
        ):
            with errors_shown():
                if fresh:
                    begin_new_list(workspace)
                _start(workspace)
                st.switch_page(HOME)
    if found:
        count = "1 project" if found.projects == 1 else f"{found.projects} projects"
        note_text(f"The backup lists {count}; what was changed after it is missing there.")
    note_text(
        "Rebuilding finds projects, pictures, trained models, and the labels that a training "
        "used. Other labels, file names and groups were in the list alone. The old list is kept "
        "beside the new one."
    )


def _start(workspace: Workspace) -> None:
    nothing = AddProgress(done=0, total=None, added=0, skipped=())
    background.start(_KEY, rebuild(workspace), doing="Rebuilding the list", said=nothing)


def _progress(job: Job) -> None:
    done, total = job.said.done, job.said.total
    text = f"{job.doing}: {done:,} of {total:,} pictures" if total else f"{job.doing}…"
    st.progress(min(1.0, done / total) if total else 0.0, text=text)

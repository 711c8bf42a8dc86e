"""Which project and run are open: the bridge between the address, the session and the disk.

The only file that spells `session_state`. It holds the open project's id, the open run's id,
small counters that reset widgets, and nothing that could be read from the disk instead.
"""

from typing import NoReturn, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.shared.journey import HOME
from tl_core.errors import DatabaseDamaged, TLCoreError
from tl_core.workspace import Project, Workspace, open_project, open_workspace

Stored = TypeVar("Stored")


def current_workspace() -> Workspace:
    return open_workspace()


def project_or_none() -> Project | None:
    """Return the project named in the address, else the one opened last in this tab."""
    project_id = st.query_params.get("project") or st.session_state.get("project")
    if not project_id:
        return None
    try:
        project = open_project(current_workspace(), project_id)
    except DatabaseDamaged:
        raise  # no project can be opened, and there is more to say about that
    except TLCoreError:
        st.session_state.pop("project", None)
        return None
    _remember(project.id)
    return project


def current_project() -> Project:
    """Return the open project, or say that there is none, with the way home, and stop."""
    project = project_or_none()
    if project is None:
        st.info("No project is open here. It may have been deleted, or the address is incomplete.")
        st.page_link(HOME, label="Choose or create a project", icon=":material/arrow_back:")
        st.stop()
    return project


def current_run_id() -> str | None:
    """Return the run named in the address, else the one looked at last in this tab."""
    return st.query_params.get("run") or st.session_state.get("run")


def show_run(run_id: str | None) -> None:
    """Make this the run that the address names; None forgets it."""
    st.session_state["run"] = run_id
    if run_id:
        st.query_params["run"] = run_id
    else:
        st.query_params.pop("run", None)


def address(project_id: str | None = None, **params: str) -> dict[str, str]:
    """Return the query parameters that a link to another page carries.

    Args:
        project_id: The project to open; None keeps the open one.
        params: Further parameters, such as ``run``.
    """
    open_id = st.query_params.get("project") or st.session_state.get("project")
    found = {"project": project_id or open_id, "run": None}
    if project_id in (None, open_id):
        found["run"] = current_run_id()
    return {name: value for name, value in (found | params).items() if value}


def go(page: str, *, project_id: str | None = None, **params: str) -> NoReturn:
    """Leave for another page of the app, with project and run in the address."""
    target = address(project_id, **params)
    _remember(target.get("project"), run_id=target.get("run"))
    st.switch_page(page, query_params=target)


def forget_project() -> None:
    """Close the open project in this tab (it was deleted)."""
    for name in ("project", "run"):
        st.session_state.pop(name, None)
        st.query_params.pop(name, None)


def fresh_key(name: str) -> str:
    """Return a widget key that changes with every `renew(name)`, which empties the widget."""
    return f"{name}-{st.session_state.get(f'fresh-{name}', 0)}"


def renew(name: str) -> None:
    """Empty the widget; uploads that it held are let go (whoever still reads one keeps it)."""
    held = st.session_state.get(fresh_key(name))
    for one in held if isinstance(held, list) else [held]:
        if isinstance(one, UploadedFile) and (context := get_script_run_ctx()):
            context.uploaded_file_mgr.remove_file(context.session_id, one.file_id)
    st.session_state[f"fresh-{name}"] = st.session_state.get(f"fresh-{name}", 0) + 1


def turn_to(page: str) -> None:
    """Count the pages that this tab turns to, and forget the uploads of the one before.

    Streamlit would keep them until the session ends.
    """
    context, before = get_script_run_ctx(), st.session_state.get("page")
    if before != page:
        st.session_state["visits"] = visits() + 1
        if context and before:
            context.uploaded_file_mgr.remove_session_files(context.session_id)
    st.session_state["page"] = page


def visits() -> int:
    """Return how many pages this tab has turned to so far."""
    return st.session_state.get("visits", 0)


def say_later(sentence: str) -> None:
    """Keep a sentence for the next script run, which `said` hands out once."""
    st.session_state["said"] = sentence


def said() -> str | None:
    return st.session_state.pop("said", None)


def widget_value(key: str, default: object = None) -> object:
    """Return what a widget with this key holds, for its callbacks."""
    return st.session_state.get(key, default)


def set_widget_value(key: str, value: object) -> None:
    """Set a widget's value; before the widget is drawn or in a callback."""
    st.session_state[key] = value


def show_stored(key: str, value: Stored) -> Stored:
    """Let the widget drawn next under `key` show what is stored: the disk is right, not the tab.

    Returns:
        The same value, for the widget's own default: Streamlit drops what a run has drawn if the
        next one begins at once, and what the next one draws is new to the browser but not to the
        session, so that it begins with its default, and that is stored.
    """
    if widget_value(key) != value:
        set_widget_value(key, value)
    return value


def mark_started() -> None:
    """Note that `app.py` has run in this session; see `layout.enter`."""
    st.session_state["app-started"] = True


def started() -> bool:
    return bool(st.session_state.get("app-started"))


def want_page(page: str) -> None:
    """Remember the page that was asked for before `app.py` had run."""
    st.session_state["wanted"] = (page, st.query_params.to_dict())


def wanted_page() -> tuple[str, dict[str, str]] | None:
    return st.session_state.pop("wanted", None)


def _remember(project_id: str | None, *, run_id: str | None = None) -> None:
    if st.session_state.get("project") != project_id:
        st.session_state["project"] = project_id
        st.session_state["run"] = None
    if run_id:
        st.session_state["run"] = run_id

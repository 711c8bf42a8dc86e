"""The frame of every page: guard, header, progress line, what is missing, the way on."""

import gc
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.glossary import explained
from pages.shared.journey import (
    BACKBONE,
    HOME,
    IMAGES,
    OVERVIEW,
    PAGES,
    STEPS,
    TRAINING,
    steps_done,
    usable_classes,
)
from pages.shared.live.header import live_line
from pages.shared.live.known import Live
from pages.shared.live.try_it import drawer, try_it_button
from pages.shared.text import plain
from tl_core.images import ClassSummary, list_classes
from tl_core.runs import list_runs
from tl_core.runs.catalogue import Backbone
from tl_core.runs.draft import chosen_backbone
from tl_core.workspace import Project

MOST_FILES = 8192
_arrival = st.components.v2.component(
    "arrival", js=(Path(__file__).parent / "arrival.js").read_text(encoding="utf-8")
)
NOTEWORTHY = 40  # newly loaded modules that make setting aside worth its own collection


@st.cache_resource
def allow_many_files() -> None:
    """Raise the limit of open files: a page load takes three of the usual 256 or 1,024."""
    with suppress(ImportError, ValueError, OSError):  # there is none on Windows
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def page_frame(assets: Path) -> None:
    """Set what all pages share: browser tab, style sheet."""
    logo = str(assets / "logo.svg")
    st.set_page_config(page_title="Guided transfer learning", page_icon=logo, layout="wide")
    st.html(assets / "style.css")
    scheme = st.context.theme.type or "light"
    st.html(f"<style>.stDialog {{ color-scheme: {scheme}; }}</style>")


def enter(page: str) -> None:
    """Make sure that `app.py` has run before this page does.

    Streamlit treats a folder called ``pages`` as its older kind of multipage app until some
    session has run `app.py`. The first visitor of a fresh server who comes by a deep link
    would get the page alone, without navigation. Such a visit takes a detour through `app.py`.

    Args:
        page: The page's own path, as in "pages/2_images.py".
    """
    if not state.started():
        state.want_page(page)
        st.switch_page("app.py")


def page_header(step: str | None, title: str, sentence: str | None) -> Live | None:
    """Draw the top of a page: its project's model, progress line, title, what this step is for.

    Args:
        step: The page's path as in `PAGES`; None outside a project.
        title: Written by us, not by a person.
        sentence: One sentence; terms that it marks are explained. None leaves it out.

    Returns:
        The project's live model, for pages that show more of it; None without a project.
    """
    project = state.project_or_none() if step else None
    live = Live(project) if project else None
    if project and live:
        with st.container(key="header", gap=None):
            _project_line(project, live)
            _progress_line(project, step)
    st.title(title, anchor=False)
    if sentence:
        st.html(f'<p class="tl-lead">{explained(sentence)}</p>')
    with st.container(key="arrival"):
        _arrival(key="at-the-top", data={"visit": state.visits()})
    if message := state.said():
        st.toast(plain(message), icon=":material/check:")
    return live


def _project_line(project: Project, live: Live) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="project"):
        st.page_link(HOME, label="Projects", icon=":material/arrow_back:")
        st.html(f'<span class="tl-project tl-name">{escape(project.name)}</span>', width="content")
        with st.container(key="live-line"):
            live_line(live)
        try_it_button(live)
    drawer(live)


def _progress_line(project: Project, step: str) -> None:
    workspace = state.current_workspace()
    done = steps_done(workspace, project)
    training = any(run.active for run in list_runs(workspace, project.id))
    with st.container(horizontal=True, wrap=True, gap=None, key="steps"):
        for number, page in enumerate((OVERVIEW, *STEPS)):
            label, _address = PAGES[page]
            kind = "done" if page in done else "later"
            icon = "check_circle" if kind == "done" else f"counter_{number}"
            help = f"{label}: {'done' if kind == 'done' else 'not yet'}"
            if page == OVERVIEW:
                kind, icon, help = "any", "dashboard", label
            if page == TRAINING and training:
                kind, icon, help = "active", "progress_activity", f"{label}: under way"
            if page == step:
                kind, help = "current", None
            with st.container(key=f"step-{kind}-{number}", width="content"):
                st.page_link(
                    page,
                    label=label,
                    icon=f":material/{icon}:",
                    help=help,
                    query_params=state.address(),
                )


def require(condition: object, sentence: str, page: str, label: str) -> None:
    """Unless the condition holds: say what is missing, link to where it is made, stop."""
    if condition:
        return
    st.info(sentence)
    st.page_link(page, label=label, icon=":material/arrow_back:", query_params=state.address())
    st.stop()


def require_backbone(project: Project) -> Backbone:
    """Return the chosen backbone, or say that there is none, and stop."""
    backbone = chosen_backbone(project)
    require(backbone, "Choose a backbone first.", BACKBONE, "Choose a backbone")
    return backbone


def require_classes(project: Project) -> list[ClassSummary]:
    """Return the classes that a model can learn, at least two, or say what is missing, and stop."""
    classes = usable_classes(list_classes(state.current_workspace(), project.id))
    one = f" There is only one now: “{plain(classes[0].name)}”." if len(classes) == 1 else ""
    require(
        len(classes) >= 2,
        f"You need at least two classes, each with at least two pictures.{one}",
        IMAGES,
        "Add pictures",
    )
    return classes


def next_step(
    page: str,
    label: str,
    *,
    disabled: bool = False,
    help: str | None = None,
    first: Callable[[], None] | None = None,
) -> None:
    """Draw the page's one primary button, which leads on with the project in the address.

    Args:
        page: Where it leads.
        label: What it says.
        disabled: Whether it cannot be pressed yet.
        help: Shown while the pointer rests on it.
        first: Called before it leads on.
    """
    with st.container(key="next-bar"):
        if st.button(
            label,
            key="next-step",
            type="primary",
            icon=":material/arrow_forward:",
            icon_position="right",
            disabled=disabled,
            help=help,
        ):
            with errors_shown():
                if first:
                    first()
                state.go(page)


def spare_modules() -> None:
    """Spare every click the search for garbage among loaded modules; after the page stands there.

    Streamlit collects garbage after each script run. The modules that are loaded never become
    garbage, but looking through them costs most of a click (measured: 60 to 140 ms). What is
    alive when many modules have come is therefore set aside once, for the whole process.
    """
    aside = _set_aside()
    with aside.lock:
        if len(sys.modules) - aside.modules < NOTEWORTHY:
            return
        aside.modules = len(sys.modules)
        gc.collect()
        gc.freeze()


@dataclass
class _SetAside:
    """How many modules there were when they were set aside; shared by all sessions."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    modules: int = 0


@st.cache_resource
def _set_aside() -> _SetAside:
    return _SetAside()

"""What every page is built from: frame, header, progress line, cards, numbers, messages.

Names that people typed or uploaded go through `plain` (markdown) or `html.escape` (HTML), so
that they show as they are.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared import state
from pages.shared.glossary import TERMS
from tl_core.errors import TLCoreError
from tl_core.images import list_classes
from tl_core.runs import list_runs
from tl_core.runs.draft import chosen_backbone, drafted_config
from tl_core.runs.results.answers import was_tried
from tl_core.runs.results.onnx_check import read_parity
from tl_core.workspace import Project

STEPS = (
    ("pages/1_backbone.py", "Backbone"),
    ("pages/2_images.py", "Images"),
    ("pages/3_layers.py", "Layers"),
    ("pages/4_training.py", "Training"),
    ("pages/5_evaluation.py", "Evaluation"),
    ("pages/6_transfer.py", "Transfer"),
    ("pages/7_predict.py", "Predict"),
    ("pages/8_export.py", "Export"),
)
_ROOT = Path(__file__).parents[2]
_ICONS = {"done": "check_circle", "later": "circle"}
_BREAK = "\u2060"  # word joiner: keeps ":smile:", "->" and "www." from being read as markup


def page_frame(assets: Path) -> None:
    """Set what all pages share: browser tab, logo, style sheet."""
    logo = str(assets / "logo.svg")
    st.set_page_config(page_title="Guided transfer learning", page_icon=logo, layout="wide")
    st.logo(logo, size="large")
    st.html(assets / "style.css")


def page_header(step: str | None, title: str, sentence: str) -> None:
    """Draw the top of a page: progress line, title, what this step is for.

    Args:
        step: The page's path as in `STEPS`; None outside the journey.
        title: Written by us, not by a person.
        sentence: One sentence.
    """
    project = state.project_or_none() if step else None
    if project:
        _project_line(project)
        _progress_line(project, step)
    st.title(title, anchor=False)
    st.html(f'<p class="tl-lead">{escape(sentence)}</p>')
    if message := state.said():
        st.toast(plain(message), icon=":material/check:")


def steps_done(project: Project) -> set[str]:
    """Return the pages of the steps that are finished, computed from what is on disk."""
    workspace = state.current_workspace()
    filled = [c for c in list_classes(workspace, project.id) if c.images - c.excluded >= 2]
    runs = list_runs(workspace, project.id)
    trained = any(run.accuracy is not None for run in runs)
    folders = [workspace.run_dir(project.id, run.id) for run in runs]
    compared = any(run.state == "done" for run in list_runs(workspace, project.id, "assess"))
    facts = {
        "pages/1_backbone.py": chosen_backbone(project) is not None,
        "pages/2_images.py": len(filled) >= 2,
        "pages/3_layers.py": drafted_config(project) is not None or bool(runs),
        "pages/4_training.py": trained,
        "pages/5_evaluation.py": trained,
        "pages/6_transfer.py": compared,
        "pages/7_predict.py": any(was_tried(folder) for folder in folders),
        "pages/8_export.py": any(read_parity(folder) for folder in folders),
    }
    return {page for page, done in facts.items() if done}


def _project_line(project: Project) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="project"):
        st.page_link(state.HOME, label="Projects", icon=":material/arrow_back:")
        st.html(f'<span class="tl-project tl-name">{escape(project.name)}</span>')


def _progress_line(project: Project, step: str) -> None:
    done = steps_done(project)
    with st.container(horizontal=True, wrap=True, gap=None, key="steps"):
        for number, (page, label) in enumerate(STEPS, start=1):
            if not (_ROOT / page).exists():
                continue
            kind = "current" if page == step else "done" if page in done else "later"
            icon = "check_circle" if kind == "done" else f"counter_{number}"
            with st.container(key=f"step-{kind}-{number}", width="content"):
                st.page_link(
                    page,
                    label=label,
                    icon=f":material/{icon}:",
                    help={"done": f"{label}: done", "later": f"{label}: not yet"}.get(kind),
                    query_params=state.address(),
                )


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


def card(key: str, *, chosen: bool = False) -> DeltaGenerator:
    """Return a bordered container in the app's card style; `key` is unique on the page."""
    suffix = "-chosen" if chosen else ""
    return st.container(border=True, key=f"card-{key}{suffix}", height="stretch")


def number_card(label: str, value: str, note: str | None = None) -> None:
    """Show one number with its label and, below, what it was measured on, line by line."""
    st.html(_number_html(label, value, note))


def number_cards(*cards: tuple[str, str] | tuple[str, str, str], wide: bool = False) -> None:
    """Show several numbers side by side, all of one height; each as for `number_card`.

    `wide` gives room to long notes.
    """
    shape = "tl-numbers tl-wide" if wide else "tl-numbers"
    st.html(f'<div class="{shape}">{"".join(_number_html(*card) for card in cards)}</div>')


def _number_html(label: str, value: str, note: str | None = None) -> str:
    lines = (note or "").splitlines()
    below = "".join(f'<div class="tl-note">{escape(line)}</div>' for line in lines)
    return (
        f'<div class="tl-number"><div class="tl-label">{escape(label)}</div>'
        f'<div class="tl-value">{escape(value)}</div>{below}</div>'
    )


def name_text(name: str, *, note: str | None = None, clip: bool = True) -> None:
    """Show a name that a person gave, literally, with a muted line below it."""
    shape = "tl-name tl-clip" if clip else "tl-name"
    below = f'<div class="tl-note">{escape(note)}</div>' if note else ""
    title = escape(name, quote=True)
    st.html(f'<div class="{shape}" dir="auto" title="{title}">{escape(name)}</div>{below}')


def note_text(*lines: str) -> None:
    """Show muted lines of plain text."""
    st.html(f'<div class="tl-note">{"<br>".join(escape(line) for line in lines)}</div>')


def badges(*texts: str, quiet: tuple[str, ...] = ()) -> None:
    """Show short labels in a row; `quiet` ones without colour."""
    parts = [f'<span class="tl-badge">{escape(text)}</span>' for text in texts]
    parts += [f'<span class="tl-badge tl-plain">{escape(text)}</span>' for text in quiet]
    st.html(" ".join(parts))


def term(name: str) -> str:
    """Return the one-sentence explanation of a term, for a widget's `help`."""
    return TERMS[name]


def explain(*names: str) -> None:
    """Draw the terms that first appear here; each opens to its explanation."""
    parts = [
        f"<details><summary>{escape(name)}</summary><p>{escape(TERMS[name])}</p></details>"
        for name in names
    ]
    st.html(f'<div class="tl-terms"><span>New words:</span>{"".join(parts)}</div>')


def plain(text: str) -> str:
    """Return text that Streamlit's markdown shows literally."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text.replace("\n", " "))
    return re.sub(r"([:\-<>=]|w(?=w))", rf"\1{_BREAK}", escaped)


def show_error(error: TLCoreError) -> None:
    """Show trouble that the person can do something about."""
    st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a `TLCoreError` raised inside instead of passing it on."""
    try:
        yield
    except TLCoreError as error:
        show_error(error)


def megabytes(size: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size, 1e5) / 1e6:.{size < 1e7:d}f} MB"


def millions(count: int) -> str:
    """Return a count of parameters as people read it."""
    return f"{count / 1e6:.{count < 1e7:d}f} million"


def duration(seconds: float) -> str:
    """Return a time span as people say it."""
    if seconds < 1.5:
        return "a second"
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"

"""Adding pictures in the background, so that a click elsewhere interrupts nothing.

A thread of the server works through the files; pages look at how far it is. The table of
imports is shared by all visitors: two tabs see the same progress.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.images import AddProgress, Skipped, SourceFile, add_images
from tl_core.workspace import Workspace

_LOG = logging.getLogger(__name__)


@dataclass
class Import:
    """One batch of files on its way into a project; written by its thread only."""

    total: int
    progress: AddProgress | None = None
    error: str | None = None
    finished: bool = False
    seen: bool = False


@dataclass
class _Table:
    lock: threading.Lock = field(default_factory=threading.Lock)
    imports: dict[str, list[Import]] = field(default_factory=dict)


@st.cache_resource
def _table() -> _Table:
    return _Table()


def start_import(
    workspace: Workspace, project_id: str, files: Sequence[SourceFile | Skipped]
) -> Import:
    """Begin to add files; they are added after those of an earlier batch."""
    batch = Import(total=len(files))
    table = _table()
    with table.lock:
        earlier = [entry for entry in table.imports.get(project_id, []) if not entry.seen]
        table.imports[project_id] = [*earlier, batch]
    arguments = (workspace, project_id, files, batch)
    threading.Thread(target=_work, args=arguments, name="import", daemon=True).start()
    return batch


def imports_of(project_id: str) -> list[Import]:
    """Return the batches that are under way or whose result nobody has seen yet."""
    return [entry for entry in _table().imports.get(project_id, []) if not entry.seen]


def _work(
    workspace: Workspace,
    project_id: str,
    files: Iterable[SourceFile | Skipped],
    batch: Import,
) -> None:
    try:
        for progress in add_images(workspace, project_id, files, total=batch.total):
            batch.progress = progress
    except TLCoreError as error:
        batch.error = str(error)
    except Exception:
        _LOG.exception("adding pictures failed")
        batch.error = (
            "Adding pictures stopped because of a mistake in this program; the log says more. "
            "What was added before is kept."
        )
    finally:
        batch.finished = True


def show_imports(project_id: str) -> bool:
    """Show how far the batches are, then what came of them; True while one is under way."""
    batches = imports_of(project_id)
    active = any(not batch.finished for batch in batches)
    if batches:
        st.fragment(_show, run_every=0.5 if active else None)(project_id, active)
    return active


def _show(project_id: str, was_active: bool) -> None:
    batches = imports_of(project_id)
    for batch in batches:
        if not batch.finished:
            done = batch.progress.done if batch.progress else 0
            share = min(1.0, done / max(1, batch.total))
            st.progress(share, text=f"Adding pictures: {done:,} of {batch.total:,} files")
    if any(not batch.finished for batch in batches):
        return
    if was_active:
        st.rerun()
    for batch in batches:
        _show_result(batch)


def _show_result(batch: Import) -> None:
    """Say what came of a batch: in passing when all went well, else until it is confirmed."""
    added = batch.progress.added if batch.progress else 0
    skipped = len(batch.progress.skipped) if batch.progress else 0
    if not skipped and not batch.error:
        batch.seen = True
        st.toast(f"{_count(added)} added.", icon=":material/check:")
        return
    text = f"{_count(added)} added."
    if skipped:
        text += f" {_count(skipped, 'file')} left out; the list at the end of the page says why."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(f"{batch.error or ''} {text}"), icon=":material/info:")
        if st.button("OK", key=f"seen-{id(batch)}"):
            batch.seen = True
            st.rerun()


def _count(number: int, noun: str = "picture") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

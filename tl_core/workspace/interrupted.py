"""Imports that were cut off by the end of their process: said to the person, and swept up after.

An import writes pictures first and their rows after them, a batch at a time; while it works, a
file in the project's folder says so. Whatever it has written without a row goes when it ends, or
when the workspace is next opened.
"""

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from tl_core.workspace.database import ImageRow, session
from tl_core.workspace.json_values import read_json
from tl_core.workspace.liveness import is_alive, this_process
from tl_core.workspace.storage import TEMPORARY, Workspace, storage_errors, write_unsynced

_SILENT_ELSEWHERE = 600.0  # seconds after which an import on another machine counts as cut off
_AT_ONCE = 500  # digests in a query


@dataclass(frozen=True, kw_only=True)
class Import:
    """Who adds pictures, and how many files, if known; its file is as old as the import."""

    total: int | None
    host: str
    pid: int
    pid_started: float


@contextmanager
def importing(workspace: Workspace, project_id: str, total: int | None) -> Iterator[set[str]]:
    """Say that pictures are being added; at the end those without a row go.

    Yields:
        A set for the digests of pictures whose files are written and whose rows are not.

    Raises:
        StorageFull: If the disk is full.
    """
    pid, started = this_process()
    now = Import(total=total, host=socket.gethostname(), pid=pid, pid_started=started)
    marker = _markers(workspace, project_id) / f"{secrets.token_hex(4)}.json"
    with storage_errors("adding pictures"):
        marker.parent.mkdir(parents=True, exist_ok=True)
        write_unsynced(marker, json.dumps(asdict(now)).encode())
    unsaved: set[str] = set()
    try:
        yield unsaved
    finally:
        _remove_unlisted(workspace, project_id, _files_of(workspace, project_id, unsaved))
        marker.unlink(missing_ok=True)


def interrupted_imports(workspace: Workspace, project_id: str) -> list[Import | None]:
    """Return the imports that were cut off and not confirmed yet; None for an unreadable one."""
    return [found for _, found in _cut_off(workspace, project_id)]


def forget_interrupted(workspace: Workspace, project_id: str) -> None:
    """Say no more of the imports that were cut off."""
    sweep(workspace, project_id)
    for marker, _ in _cut_off(workspace, project_id):
        marker.unlink(missing_ok=True)


def sweep_all(workspace: Workspace) -> None:
    """Remove what cut-off imports have left in any project."""
    for project_id in {path.parents[1].name for path in workspace.projects_dir.glob("*/adding/*")}:
        with contextlib.suppress(OSError):
            sweep(workspace, project_id)


def sweep(workspace: Workspace, project_id: str) -> None:
    """Remove what cut-off imports have written since they began, unless somebody adds just now."""
    cut_off = _cut_off(workspace, project_id)
    if not cut_off or len(cut_off) < len(list(_markers(workspace, project_id).glob("*.json"))):
        return
    since, found = min(marker.stat().st_mtime for marker, _ in cut_off), []
    for folder in (workspace.images_dir(project_id), workspace.thumbnails_dir(project_id)):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found += [Path(one.path) for one in entries if one.stat().st_mtime >= since]
    _remove_unlisted(workspace, project_id, found)


def _cut_off(workspace: Workspace, project_id: str) -> list[tuple[Path, Import | None]]:
    markers = sorted(_markers(workspace, project_id).glob("*.json"))
    read = [(marker, read_json(marker, Import)) for marker in markers]
    return [(marker, found) for marker, found in read if not _is_under_way(marker, found)]


def _is_under_way(marker: Path, found: Import | None) -> bool:
    if found is None:
        return False
    if found.host == socket.gethostname():
        return is_alive(found.pid, found.pid_started)
    try:
        return time.time() - marker.stat().st_mtime < _SILENT_ELSEWHERE
    except OSError:  # it has just ended
        return True


def _markers(workspace: Workspace, project_id: str) -> Path:
    return workspace.project_dir(project_id) / "adding"


def _files_of(workspace: Workspace, project_id: str, digests: set[str]) -> list[Path]:
    folders = (workspace.images_dir(project_id), workspace.thumbnails_dir(project_id))
    return [path for folder in folders for one in digests for path in folder.glob(f"{one}.*")]


def _remove_unlisted(workspace: Workspace, project_id: str, files: list[Path]) -> None:
    """Remove those of these files whose picture has no row, and those that are half written."""
    digests = sorted({path.stem for path in files if path.suffix != TEMPORARY})
    listed: set[str] = set()
    for first in range(0, len(digests), _AT_ONCE):
        which = ImageRow.digest.in_(digests[first : first + _AT_ONCE])
        wanted = select(ImageRow.digest).where(ImageRow.project_id == project_id, which)
        with session(workspace, write=False) as opened:
            listed |= set(opened.scalars(wanted))
    for path in files:
        if path.stem not in listed:
            path.unlink(missing_ok=True)

"""Open a workspace: make its folders and tables, sweep up after deleted projects."""

import contextlib
import os
import shutil
import time
from functools import lru_cache
from pathlib import Path

from sqlalchemy.engine import URL

from tl_core.errors import WorkspaceError
from tl_core.workspace.connection import database_file, database_url, engine_for
from tl_core.workspace.interrupted import sweep_all
from tl_core.workspace.reserve import keep_reserve
from tl_core.workspace.schema import create_tables
from tl_core.workspace.storage import TEMPORARY, Workspace, storage_errors

_HALF_WRITTEN = (  # by processes that were killed; an import's own are swept up by `interrupted`
    *(f".*{TEMPORARY}", f"*/.*{TEMPORARY}", f"projects/*/.*{TEMPORARY}"),
    *(f"projects/*/runs/*/.*{TEMPORARY}", f"projects/*/features/*/.*{TEMPORARY}"),
    *(f"projects/*/weights/.*{TEMPORARY}", "projects/*/weights/upload-*"),
)
_KEPT_SECONDS = 3600.0  # a process that has not noticed yet may still write


def open_workspace(root: Path | None = None) -> Workspace:
    """Open the workspace at `root`, made if need be; cheap when repeated.

    Args:
        root: Folder; by default the environment's TL_WORKSPACE, else ``./workspace``.

    Raises:
        WorkspaceError: If the folder or its database cannot be made.
    """
    workspace = workspace_at(root)
    if not workspace.projects_dir.is_dir() or _is_empty(database_file(workspace)):
        reopen(workspace)  # they were removed under us
    _prepare(workspace, database_url(workspace))
    return workspace


def workspace_at(root: Path | None = None) -> Workspace:
    """Return the workspace that `open_workspace` opens, whatever state it is in."""
    chosen = Path(root or os.environ.get("TL_WORKSPACE") or "workspace")
    return Workspace(Path(os.path.abspath(chosen.expanduser())))


def reopen(workspace: Workspace) -> None:
    """Let go of the database, so that `open_workspace` looks at it as a new process does."""
    _prepare.cache_clear()
    engine_for(database_url(workspace)).dispose()


def _is_empty(file: Path | None) -> bool:
    try:
        return file is not None and file.stat().st_size == 0
    except OSError:
        return True


@lru_cache(maxsize=64)
def _prepare(workspace: Workspace, _url: URL) -> None:
    try:
        with storage_errors("making the workspace"):
            workspace.projects_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"The workspace folder '{workspace.root}' cannot be created ({error.strerror}). "
            "Choose another folder with TL_WORKSPACE, or correct its permissions."
        ) from error
    create_tables(workspace)
    _remove_leftovers(workspace)
    sweep_all(workspace)
    _remove_half_written(workspace)
    keep_reserve(workspace)


def deletion_marker(workspace: Workspace, project_id: str) -> Path:
    """Return the empty file that says: this project's folder is to go."""
    return workspace.projects_dir / ".deleted" / project_id


def _remove_leftovers(workspace: Workspace) -> None:
    markers = deletion_marker(workspace, "any").parent
    for marker in list(markers.iterdir()) if markers.is_dir() else []:
        if marker.is_dir():  # a folder that was moved here and could not be emptied
            shutil.rmtree(marker, ignore_errors=True)
            continue
        folder = workspace.project_dir(marker.name)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process may be sweeping too
            if not folder.exists() and time.time() - marker.stat().st_mtime > _KEPT_SECONDS:
                marker.unlink()


def _remove_half_written(workspace: Workspace) -> None:
    for pattern in _HALF_WRITTEN:
        for path in workspace.root.glob(pattern):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                    path.unlink()

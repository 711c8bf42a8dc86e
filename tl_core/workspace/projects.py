"""Projects: create, list, open, rename, delete, and what was chosen in them."""

import contextlib
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tl_core.errors import StorageFull, WorkspaceError
from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, session
from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.names import printable
from tl_core.workspace.opening import deletion_marker
from tl_core.workspace.reserve import with_reserve
from tl_core.workspace.storage import Workspace, storage_errors

MAX_PROJECT_NAME_LENGTH = 100  # characters
_FACTS = "project.json"


@dataclass(frozen=True)
class _Facts:
    """What a project's folder says of it."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """One image set and its runs.

    `backbone` and `config`, the draft of the next training, are JSON that `runs.draft` reads.
    """

    id: str
    name: str
    created: datetime
    backbone: dict | None
    config: dict | None


@dataclass(frozen=True, kw_only=True)
class ProjectSummary:
    """What a list of projects shows."""

    id: str
    name: str
    created: datetime
    classes: int
    images: int
    thumbnail: Path | None


def create_project(workspace: Workspace, name: str) -> Project:
    row = ProjectRow(id=secrets.token_hex(10), name=_clean_name(name))
    with storage_errors("making the project"):
        for folder in (workspace.images_dir(row.id), workspace.thumbnails_dir(row.id)):
            folder.mkdir(parents=True, exist_ok=True)
    _keep_name(workspace, row.id, row.name)
    with session(workspace) as opened:
        opened.add(row)
    return _project(row)


def known_name(workspace: Workspace, project_id: str) -> str | None:
    """Return the name that stands in a project's folder, None if there is none."""
    found = read_json(workspace.project_dir(project_id) / _FACTS, _Facts)
    return found.name if found else None


def list_projects(workspace: Workspace) -> list[ProjectSummary]:
    """Return all projects, the newest first."""
    with session(workspace, write=False) as opened:
        rows = opened.scalars(select(ProjectRow).order_by(ProjectRow.created.desc())).all()
        classes = _per_project(opened, func.count(ClassRow.id), ClassRow.project_id)
        images = _per_project(opened, func.count(ImageRow.id), ImageRow.project_id)
        first = _per_project(opened, func.min(ImageRow.id), ImageRow.project_id)
        chosen = ImageRow.id.in_(list(first.values()))
        covers = opened.execute(select(ImageRow.project_id, ImageRow.digest).where(chosen))
        digests = {key: digest for key, digest in covers}
    return [
        ProjectSummary(
            id=row.id,
            name=row.name,
            created=row.created,
            classes=classes.get(row.id, 0),
            images=images.get(row.id, 0),
            thumbnail=_thumbnail(workspace, row.id, digests.get(row.id)),
        )
        for row in rows
    ]


def open_project(workspace: Workspace, project_id: str) -> Project:
    """Return the project.

    Raises:
        WorkspaceError: If there is none with this id.
    """
    with session(workspace, write=False) as opened:
        return _project(_row(opened, project_id))


def rename_project(workspace: Workspace, project_id: str, name: str) -> None:
    name = _clean_name(name)
    with session(workspace) as opened:
        _row(opened, project_id).name = name
    with contextlib.suppress(OSError, StorageFull):
        _keep_name(workspace, project_id, name)


def change_choices(
    workspace: Workspace,
    project_id: str,
    change: Callable[[dict | None, dict | None], tuple[dict | None, dict | None]],
) -> None:
    """Replace the chosen backbone and the drafted settings, both JSON, in one transaction."""
    with session(workspace) as opened:
        row = _row(opened, project_id)
        row.backbone, row.config = change(row.backbone, row.config)


def delete_project(workspace: Workspace, project_id: str) -> None:
    """Delete the project with all its pictures and runs; one that is gone already is fine.

    A training in progress finds its row gone at the next heartbeat and ends. Files that are
    still open elsewhere are removed when the workspace is next opened.
    """
    with session(workspace, write=False) as opened:
        if opened.get(ProjectRow, project_id) is None:
            return
    with_reserve(workspace, partial(_delete, workspace, project_id))


def _delete(workspace: Workspace, project_id: str) -> None:
    folder = workspace.project_dir(project_id)
    with session(workspace) as opened:
        opened.execute(delete(ProjectRow).where(ProjectRow.id == project_id))
    marker = deletion_marker(workspace, project_id)
    doomed = marker.with_name(f"{project_id}.removed")
    with contextlib.suppress(OSError):  # a full disk must not keep anyone from making space
        marker.parent.mkdir(exist_ok=True)
        marker.touch()
    with contextlib.suppress(OSError):  # Windows refuses while a file in it is open
        folder.rename(doomed)  # so that nobody goes on writing into it while it is emptied
    for left in (doomed, folder):
        shutil.rmtree(left, ignore_errors=True)


def _keep_name(workspace: Workspace, project_id: str, name: str) -> None:
    """Write it into the folder as well, for the day on which the database is gone."""
    write_json(workspace.project_dir(project_id) / _FACTS, _Facts(name))


def _row(opened: Session, project_id: str) -> ProjectRow:
    row = opened.get(ProjectRow, project_id)
    if row is None:
        raise WorkspaceError(
            "This project no longer exists. It may have been deleted in another window. Open "
            "another one on the home page."
        )
    return row


def _project(row: ProjectRow) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        created=row.created,
        backbone=row.backbone,
        config=row.config,
    )


def _clean_name(name: str) -> str:
    cleaned = printable(name)
    if not cleaned:
        raise WorkspaceError("A project needs a name. Type one, such as what it classifies.")
    if len(cleaned) > MAX_PROJECT_NAME_LENGTH:
        raise WorkspaceError(
            f"This project name is {len(cleaned)} characters long; "
            f"use at most {MAX_PROJECT_NAME_LENGTH}."
        )
    return cleaned


def _per_project(opened: Session, value: Any, key: Any) -> dict[str, int]:
    return {
        project_id: found for project_id, found in opened.execute(select(key, value).group_by(key))
    }


def _thumbnail(workspace: Workspace, project_id: str, digest: str | None) -> Path | None:
    return workspace.thumbnails_dir(project_id) / f"{digest}.webp" if digest else None

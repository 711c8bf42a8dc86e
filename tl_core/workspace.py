"""Projects: create, open, list, rename, delete, and what was chosen in them.

Light: rows and folders only. Pictures are in `datasets`, trainings in `runs`.
"""

import os
import secrets
import shutil
import time
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tl_core.catalogue import Backbone, backbone_from_json, backbone_to_json
from tl_core.config import TrainingConfig, config_from_json, config_to_json
from tl_core.database import (
    ClassRow,
    ImageRow,
    ProjectRow,
    RunRow,
    create_tables,
    database_url,
    engine_for,
    session,
)
from tl_core.errors import WorkspaceError
from tl_core.storage import Workspace, storage_errors

__all__ = [
    "Project",
    "ProjectSummary",
    "Workspace",
    "create_project",
    "delete_project",
    "list_projects",
    "open_project",
    "open_workspace",
    "rename_project",
    "save_backbone",
    "save_config",
    "storage_errors",
]

MAX_NAME = 100  # characters
_DELETED = ".deleted"  # markers of projects whose folder may not be wholly gone yet
_KEEP_MARKER = 3600.0  # seconds; a worker that has not noticed yet may still write


@dataclass(frozen=True, kw_only=True)
class Project:
    """One image set and its runs; `config` is the draft of the next training."""

    id: str
    name: str
    created: datetime
    backbone: Backbone | None
    config: TrainingConfig | None


@dataclass(frozen=True, kw_only=True)
class ProjectSummary:
    """What a list of projects shows; `best_accuracy` in [0, 1] on `best_n` pictures."""

    id: str
    name: str
    created: datetime
    classes: int
    images: int
    thumbnail: Path | None
    best_accuracy: float | None
    best_n: int | None


def open_workspace(root: Path | None = None) -> Workspace:
    """Open the workspace at `root`, made if need be; cheap when repeated.

    Args:
        root: Folder; by default the environment's TL_WORKSPACE, else ``./workspace``.

    Raises:
        WorkspaceError: If the folder or its database cannot be made.
    """
    chosen = Path(root or os.environ.get("TL_WORKSPACE") or "workspace")
    workspace = Workspace(Path(os.path.abspath(chosen.expanduser())))
    if not workspace.projects_dir.is_dir():
        _prepare.cache_clear()  # the folder was removed under us
        engine_for(database_url(workspace)).dispose()
    _prepare(workspace, database_url(workspace))
    return workspace


@lru_cache(maxsize=64)
def _prepare(workspace: Workspace, _url: str) -> None:
    try:
        with storage_errors("making the workspace"):
            workspace.projects_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"The workspace folder '{workspace.root}' cannot be made ({error.strerror}). Choose "
            "another folder with TL_WORKSPACE, or correct its permissions."
        ) from error
    create_tables(workspace)
    _remove_leftovers(workspace)


def create_project(workspace: Workspace, name: str) -> Project:
    row = ProjectRow(id=secrets.token_hex(10), name=_clean_name(name))
    with storage_errors("making the project"):
        for folder in (workspace.images_dir(row.id), workspace.thumbnails_dir(row.id)):
            folder.mkdir(parents=True, exist_ok=True)
    with session(workspace) as opened:
        opened.add(row)
    return _project(row)


def open_project(workspace: Workspace, project_id: str) -> Project:
    """Return the project.

    Raises:
        WorkspaceError: If there is none with this id.
    """
    with session(workspace, write=False) as opened:
        row = opened.get(ProjectRow, project_id)
    if row is None:
        raise _missing()
    return _project(row)


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
        finished = select(RunRow.project_id, RunRow.accuracy, RunRow.n_test).where(
            RunRow.kind == "train", RunRow.accuracy.is_not(None)
        )
        best = {
            key: (accuracy, n)
            for key, accuracy, n in opened.execute(finished.order_by(RunRow.accuracy))
        }
    return [
        ProjectSummary(
            id=row.id,
            name=row.name,
            created=row.created,
            classes=classes.get(row.id, 0),
            images=images.get(row.id, 0),
            thumbnail=_thumbnail(workspace, row.id, digests.get(row.id)),
            best_accuracy=best.get(row.id, (None, None))[0],
            best_n=best.get(row.id, (None, None))[1],
        )
        for row in rows
    ]


def rename_project(workspace: Workspace, project_id: str, name: str) -> None:
    _update(workspace, project_id, name=_clean_name(name))


def save_backbone(workspace: Workspace, project_id: str, backbone: Backbone) -> None:
    """Store the choice; in the draft it replaces the old one, whose layers no longer apply."""
    config = open_project(workspace, project_id).config
    values: dict = {"backbone": backbone_to_json(backbone)}
    if config is not None:
        config = replace(config, backbone=backbone, frozen_groups=None)
        values["config"] = config_to_json(config)
    _update(workspace, project_id, **values)


def save_config(workspace: Workspace, project_id: str, config: TrainingConfig) -> None:
    """Store the draft of the next training."""
    _update(workspace, project_id, config=config_to_json(config))


def delete_project(workspace: Workspace, project_id: str) -> None:
    """Delete the project with all its pictures and runs; one that is gone already is fine.

    A training in progress finds its row gone at the next heartbeat and ends. Files that are
    still open elsewhere are removed when the workspace is next opened.
    """
    folder = workspace.project_dir(project_id)
    with session(workspace) as opened:
        row = opened.get(ProjectRow, project_id)
        if row is None:
            return
        opened.delete(row)
    marker = workspace.projects_dir / _DELETED / project_id
    try:
        marker.parent.mkdir(exist_ok=True)
        marker.touch()
    except OSError:  # a full disk must not keep anyone from making space
        pass
    shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(workspace: Workspace) -> None:
    markers = workspace.projects_dir / _DELETED
    for marker in list(markers.iterdir()) if markers.is_dir() else []:
        folder = workspace.project_dir(marker.name)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() and time.time() - marker.stat().st_mtime > _KEEP_MARKER:
            marker.unlink(missing_ok=True)


def _update(workspace: Workspace, project_id: str, **values: object) -> None:
    with session(workspace) as opened:
        row = opened.get(ProjectRow, project_id)
        if row is None:
            raise _missing()
        for column, value in values.items():
            setattr(row, column, value)


def _missing() -> WorkspaceError:
    return WorkspaceError(
        "This project does not exist (any more). It may have been deleted in another window. "
        "Open another one on the home page."
    )


def _project(row: ProjectRow) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        created=row.created,
        backbone=backbone_from_json(row.backbone) if row.backbone else None,
        config=config_from_json(row.config) if row.config else None,
    )


def _per_project(opened: Session, value: Any, key: Any) -> dict[str, int]:
    return {
        project_id: found for project_id, found in opened.execute(select(key, value).group_by(key))
    }


def _thumbnail(workspace: Workspace, project_id: str, digest: str | None) -> Path | None:
    return workspace.thumbnails_dir(project_id) / f"{digest}.webp" if digest else None


def _clean_name(name: str) -> str:
    printable = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cs"})
    cleaned = unicodedata.normalize("NFC", " ".join(printable.split()))
    if not cleaned:
        raise WorkspaceError("A project needs a name. Type one, for example what it should tell.")
    if len(cleaned) > MAX_NAME:
        raise WorkspaceError(
            f"This project name is {len(cleaned)} characters long; use at most {MAX_NAME}."
        )
    return cleaned

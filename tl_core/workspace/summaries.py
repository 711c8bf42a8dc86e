"""The list of projects, each with what a card shows; a handful of queries for all of them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, RunRow, session
from tl_core.workspace.storage import Workspace


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


def _per_project(opened: Session, value: Any, key: Any) -> dict[str, int]:
    return {
        project_id: found for project_id, found in opened.execute(select(key, value).group_by(key))
    }


def _thumbnail(workspace: Workspace, project_id: str, digest: str | None) -> Path | None:
    return workspace.thumbnails_dir(project_id) / f"{digest}.webp" if digest else None

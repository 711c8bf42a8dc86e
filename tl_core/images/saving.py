"""Rows for pictures whose files are on the disk; what a project knows of its pictures' bytes."""

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from tl_core.errors import WorkspaceError
from tl_core.images.files.decoding import PictureFacts
from tl_core.images.files.sources import Skipped
from tl_core.images.labels.classes import add_class
from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, SkippedRow, session
from tl_core.workspace.names import printable
from tl_core.workspace.storage import Workspace, storage_errors, sync_files


@dataclass(frozen=True)
class Stored:
    """A picture whose files are on disk and whose row is not there yet."""

    name: str
    class_name: str | None
    split: str | None
    group: str | None
    facts: PictureFacts
    files: tuple[Path, Path]  # original and thumbnail
    has_row: bool  # its row was there, its files were not or were damaged
    place: str | None = None


@dataclass(frozen=True)
class First:
    """Where a picture was seen first; with its original, if that was before this import."""

    name: str
    class_name: str | None
    original: Path | None = None


def known_pictures(workspace: Workspace, project_id: str) -> dict[str, First]:
    """Return all pictures of the project by digest; also makes sure of its folders.

    Raises:
        WorkspaceError: If the project does not exist.
    """
    with session(workspace, write=False) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise project_gone()
        known = _first_seen(opened, workspace, project_id)
    with storage_errors("adding pictures"):
        for folder in (workspace.images_dir(project_id), workspace.thumbnails_dir(project_id)):
            folder.mkdir(parents=True, exist_ok=True)
    return known


def save_batch(
    workspace: Workspace, project_id: str, outcomes: list[Stored | Skipped]
) -> tuple[int, list[Skipped]]:
    """Write one batch; return how many pictures went in and what did not.

    Raises:
        WorkspaceError: If the project was deleted meanwhile.
    """
    if not outcomes:
        return 0, []
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    try:  # a row must never outlive its files
        sync_files([path for one in stored for path in one.files])
    except FileNotFoundError as error:
        raise project_gone() from error
    with session(workspace) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise project_gone()
        digests = ImageRow.digest.in_([one.facts.digest for one in stored])  # of one batch: few
        there = _first_seen(opened, workspace, project_id, digests)
        new, put_back, left_out = [], 0, []
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                left_out.append(replace(outcome, name=printable(outcome.name)))
            elif outcome.facts.digest in there and outcome.has_row:
                put_back += 1
            elif outcome.facts.digest in there:  # another window was faster
                digest = outcome.facts.digest
                left_out.append(
                    copy_of(outcome.name, outcome.class_name, outcome.split, digest, there[digest])
                )
            else:
                new.append(outcome)
        _insert(opened, project_id, new)
        if left_out:
            rows = [{"project_id": project_id, **vars(one)} for one in left_out]
            opened.execute(insert(SkippedRow), rows)
    return len(new) + put_back, left_out


def _insert(opened: Session, project_id: str, new: list[Stored]) -> None:
    classes = {
        row.name: row.id
        for row in opened.scalars(select(ClassRow).where(ClassRow.project_id == project_id))
    }
    for name in dict.fromkeys(one.class_name for one in new if one.class_name is not None):
        if name not in classes:
            classes[name] = add_class(opened, project_id, name).id
    rows = [
        {
            "project_id": project_id,
            "digest": one.facts.digest,
            "extension": one.facts.extension,
            "name": printable(one.name) or one.facts.digest[:8],
            "width": one.facts.width,
            "height": one.facts.height,
            "class_id": classes.get(one.class_name),
            "excluded": False,
            "split_given": one.split,
            "group": one.group,
            "place": one.place,
        }
        for one in new
    ]
    if rows:
        opened.execute(insert(ImageRow), rows)


def _first_seen(
    opened: Session, workspace: Workspace, project_id: str, *which: ColumnElement
) -> dict[str, First]:
    """Return the project's pictures by digest."""
    wanted = (
        select(ImageRow.digest, ImageRow.extension, ImageRow.name, ClassRow.name)
        .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(ImageRow.project_id == project_id, *which)
    )
    folder = workspace.images_dir(project_id)
    return {
        digest: First(name, class_name, folder / f"{digest}.{extension}")
        for digest, extension, name, class_name in opened.execute(wanted)
    }


def copy_of(
    name: str, class_name: str | None, split: str | None, digest: str, first: First
) -> Skipped:
    """Say that a file has the same bytes as the picture with this digest."""
    return Skipped(printable(name), _duplicate(class_name, first), digest, class_name, split)


def _duplicate(class_name: str | None, first: First) -> str:
    same = f"exactly the same picture as '{printable(first.name)}'"
    if first.class_name is None:
        return f"{same}, which has no class yet"
    if class_name is None or class_name == first.class_name:
        return f"{same} in class '{first.class_name}'"
    return (
        f"{same}, which is in class '{first.class_name}' and stays there; "
        f"if '{class_name}' is right, move it"
    )


def project_gone() -> WorkspaceError:
    return WorkspaceError("The project was deleted while pictures were being added.")

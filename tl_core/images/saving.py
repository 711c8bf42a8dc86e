"""Rows of new pictures: what is there already, and one transaction per batch."""

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tl_core.errors import WorkspaceError
from tl_core.images.decoding import PictureFacts
from tl_core.images.labels import add_class
from tl_core.images.queries import chunks
from tl_core.images.sources import Skipped
from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, SkippedRow, session
from tl_core.workspace.names import printable
from tl_core.workspace.storage import Workspace, storage_errors


@dataclass(frozen=True)
class Stored:
    """A picture whose files are on disk and whose row is not there yet."""

    name: str
    class_name: str | None
    split: str | None
    facts: PictureFacts


@dataclass(frozen=True)
class First:
    """Where a picture was seen first."""

    name: str
    class_name: str | None


def known_pictures(workspace: Workspace, project_id: str) -> dict[str, First]:
    """Return all pictures of the project by digest; also makes sure of its folders.

    Raises:
        WorkspaceError: If the project does not exist.
    """
    with session(workspace, write=False) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise project_gone()
        wanted = (
            select(ImageRow.digest, ImageRow.name, ClassRow.name)
            .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
            .where(ImageRow.project_id == project_id)
        )
        known = {digest: First(*first) for digest, *first in opened.execute(wanted)}
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
    with session(workspace) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise project_gone()
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        there = _rows_there(opened, project_id, [one.facts.digest for one in stored])
        new, left_out = [], []
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                left_out.append(Skipped(printable(outcome.name), outcome.reason))
            elif outcome.facts.digest in there:  # another window was faster
                reason = duplicate_reason(outcome.class_name, there[outcome.facts.digest])
                left_out.append(Skipped(printable(outcome.name), reason))
            else:
                new.append(outcome)
        _insert(opened, project_id, new)
        if left_out:
            rows = [{"project_id": project_id, **vars(one)} for one in left_out]
            opened.execute(insert(SkippedRow), rows)
    return len(new), left_out


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
        }
        for one in new
    ]
    if rows:
        opened.execute(insert(ImageRow), rows)


def _rows_there(opened: Session, project_id: str, digests: list[str]) -> dict[str, First]:
    found = {}
    for chunk in chunks(digests):
        wanted = (
            select(ImageRow.digest, ImageRow.name, ClassRow.name)
            .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
            .where(ImageRow.project_id == project_id, ImageRow.digest.in_(chunk))
        )
        found.update((digest, First(*first)) for digest, *first in opened.execute(wanted))
    return found


def duplicate_reason(class_name: str | None, first: First) -> str:
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
    return WorkspaceError("The project was deleted while pictures were added to it.")

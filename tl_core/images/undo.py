"""Remember what a change replaced, and put it back.

A change keeps the names of the classes and the labels of the pictures that it touched, as they
were before. Taking it back restores exactly those and leaves everything else alone; pictures that
it brought go again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError
from tl_core.images.groups.joining import restore_groups
from tl_core.images.queries import (
    chunks,
    class_row,
    thumbnail_path,
    update_images,
    write_answers,
)
from tl_core.workspace.database import ChangeRow, ClassRow, ImageRow, RunRow, session
from tl_core.workspace.storage import Workspace

KEPT_CHANGES = 100  # per project


def last_change(workspace: Workspace, project_id: str) -> str | None:
    """Say what `undo_last` would take back, or None."""
    with session(workspace, write=False) as opened:
        row = _last(opened, project_id)
        return row.description if row else None


def undo_last(workspace: Workspace, project_id: str) -> str | None:
    """Take back the last change of this project, whoever made it, and say which it was.

    Raises:
        DatasetError: If a name that it would bring back belongs to another class by now.
    """
    with session(workspace) as opened:
        row = _last(opened, project_id)
        if row is None:
            return None
        gone = _delete_added(opened, project_id, row.before.get("added", []))
        replaced = _restore_classes(opened, project_id, row.before["classes"])
        _restore_images(opened, project_id, row.before["images"], replaced)
        restore_groups(opened, project_id, row.before.get("groups"))
        for question, answer, ids in row.before.get("answers", ()):
            write_answers(opened, project_id, question, answer, ids)
        opened.flush()
        _delete_created(opened, project_id, row.before["classes"])
        opened.delete(row)
        description = row.description
        if _someone_reads(opened, project_id):
            gone = []
    _remove_files(workspace, project_id, gone)
    return description


def delete_place(workspace: Workspace, project_id: str, place: str) -> None:
    """Delete the pictures of another place; this cannot be undone."""
    with session(workspace) as opened:
        wanted = select(ImageRow.id).where(
            ImageRow.project_id == project_id, ImageRow.place == place
        )
        gone = _delete_added(opened, project_id, list(opened.scalars(wanted)))
        if _someone_reads(opened, project_id):
            gone = []
    _remove_files(workspace, project_id, gone)


def _remove_files(
    workspace: Workspace, project_id: str, pictures: Iterable[tuple[str, str]]
) -> None:
    for digest, extension in pictures:
        (workspace.images_dir(project_id) / f"{digest}.{extension}").unlink(missing_ok=True)
        thumbnail_path(workspace, project_id, digest).unlink(missing_ok=True)


def remember(
    opened: Session,
    project_id: str,
    description: str,
    *,
    classes: Iterable[ClassRow] = (),
    created: Iterable[ClassRow] = (),
    image_ids: Iterable[int] = (),
    added: Sequence[int] = (),
    groups: dict | None = None,
    answers: Sequence[list] = (),
) -> None:
    """Store the present state of these rows; call it before they change.

    Args:
        description: What is being done: "rename class 'a' to 'b'".
        classes: Classes about to change or to go.
        created: Classes that the change itself has just made.
        image_ids: Pictures about to change their class or to be excluded.
        added: Pictures that the change itself has just brought; undoing deletes them.
        groups: From `groups.joining.groups_before`.
        answers: What `queries.write_answers` takes to put answers to questions back.
    """
    images = defaultdict(list)
    for chunk in chunks(sorted(image_ids)):
        wanted = select(ImageRow.id, ImageRow.class_id, ImageRow.excluded).where(
            ImageRow.project_id == project_id, ImageRow.id.in_(chunk)
        )
        for image_id, class_id, excluded in opened.execute(wanted):
            images[class_id, excluded].append(image_id)
    before = {
        "classes": [[row.id, row.name] for row in classes] + [[row.id, None] for row in created],
        "images": [[*state, ids] for state, ids in images.items()],
    }
    if added:
        before["added"] = list(added)
    if groups is not None:
        before["groups"] = groups
    if answers:
        before["answers"] = list(answers)
    opened.add(ChangeRow(project_id=project_id, description=description, before=before))
    _forget_old(opened, project_id)


def _last(opened: Session, project_id: str) -> ChangeRow | None:
    wanted = select(ChangeRow).where(ChangeRow.project_id == project_id)
    return opened.scalar(wanted.order_by(ChangeRow.id.desc()).limit(1))


def _forget_old(opened: Session, project_id: str) -> None:
    kept = (
        select(ChangeRow.id)
        .where(ChangeRow.project_id == project_id)
        .order_by(ChangeRow.id.desc())
        .limit(KEPT_CHANGES)
    )
    opened.flush()
    opened.execute(
        delete(ChangeRow).where(ChangeRow.project_id == project_id, ChangeRow.id.not_in(kept))
    )


def _delete_added(opened: Session, project_id: str, ids: Sequence[int]) -> list[tuple[str, str]]:
    """Delete pictures and return digest and extension of each, whose files may go."""
    gone = []
    for chunk in chunks(ids):
        mine = (ImageRow.project_id == project_id, ImageRow.id.in_(chunk))
        gone += opened.execute(select(ImageRow.digest, ImageRow.extension).where(*mine)).all()
        opened.execute(delete(ImageRow).where(*mine))
    return gone


def _someone_reads(opened: Session, project_id: str) -> bool:
    """Whether a run is under way, which may be reading pictures; files then stay where they are."""
    under_way = RunRow.project_id == project_id, RunRow.finished.is_(None)
    return bool(opened.scalar(select(func.count(RunRow.id)).where(*under_way)))


def _restore_classes(
    opened: Session, project_id: str, before: list[tuple[int, str | None]]
) -> dict[int, int]:
    """Return which class now stands for one whose name was taken again after its deletion."""
    replaced = {}
    for class_id, name in before:
        if name is None:
            continue
        row, namesake = opened.get(ClassRow, class_id), class_row(opened, project_id, name)
        if row is None and namesake is not None:
            replaced[class_id] = namesake.id
        elif row is None:
            opened.add(ClassRow(id=class_id, project_id=project_id, name=name))
        elif namesake is not None and namesake.id != class_id:
            raise DatasetError(
                f"This cannot be undone: there is a new class '{name}' now. Rename that one "
                "first, then undo again."
            )
        else:
            row.name = name
        opened.flush()
    return replaced


def _restore_images(
    opened: Session, project_id: str, before: list, replaced: dict[int, int]
) -> None:
    for class_id, excluded, ids in before:
        class_id = replaced.get(class_id, class_id)
        if class_id is not None and opened.get(ClassRow, class_id) is None:
            class_id = None  # it went in a change that is no longer remembered
        update_images(opened, project_id, ids, class_id=class_id, excluded=excluded)


def _delete_created(opened: Session, project_id: str, before: list) -> None:
    for class_id in [class_id for class_id, name in before if name is None]:
        inside = select(func.count(ImageRow.id)).where(ImageRow.class_id == class_id)
        row = opened.get(ClassRow, class_id)
        if row is not None and row.project_id == project_id and not opened.scalar(inside):
            opened.delete(row)

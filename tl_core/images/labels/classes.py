"""Classes and labels: rows, not file moves; one transaction and one undo step per action."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError, WorkspaceError
from tl_core.images.queries import chunks, class_row, require_class, update_images
from tl_core.images.records import clean_class_name, pictures
from tl_core.images.undo import remember
from tl_core.workspace.database import ClassRow, ImageRow, session
from tl_core.workspace.storage import Workspace


def create_class(workspace: Workspace, project_id: str, name: str) -> str:
    """Make an empty class and return its name as stored; one that exists already is fine."""
    name = clean_class_name(name)
    with session(workspace) as opened:
        if class_row(opened, project_id, name) is None:
            row = add_class(opened, project_id, name)
            remember(opened, project_id, f"create class '{name}'", created=[row])
    return name


def rename_class(workspace: Workspace, project_id: str, old: str, new: str) -> str:
    """Give a class another name and return it as stored.

    Raises:
        DatasetError: If `old` does not exist or `new` is taken or not usable.
    """
    new = clean_class_name(new)
    with session(workspace) as opened:
        row = require_class(opened, project_id, old)
        if new == row.name:
            return new
        if class_row(opened, project_id, new) is not None:
            raise DatasetError(
                f"There is already a class '{new}'. Choose another name, or merge the two classes."
            )
        remember(opened, project_id, f"rename class '{old}' to '{new}'", classes=[row])
        row.name = new
    return new


def merge_classes(workspace: Workspace, project_id: str, names: Sequence[str], into: str) -> None:
    """Move all pictures of `names` into the class `into`, which may be one of them or new.

    Raises:
        DatasetError: If one of `names` does not exist or `into` is not usable.
    """
    into = clean_class_name(into)
    with session(workspace) as opened:
        rows = [require_class(opened, project_id, name) for name in dict.fromkeys(names)]
        target = class_row(opened, project_id, into)
        created = [] if target else [add_class(opened, project_id, into)]
        target = target or created[0]
        gone = [row for row in rows if row.id != target.id]
        if not gone:
            return
        listed = ", ".join(f"'{row.name}'" for row in gone)
        image_ids = _images_of(opened, project_id, [row.id for row in gone])
        remember(
            opened,
            project_id,
            f"merge {listed} into '{into}'",
            classes=gone,
            created=created,
            image_ids=image_ids,
        )
        update_images(opened, project_id, image_ids, class_id=target.id)
        for row in gone:
            opened.delete(row)


def delete_class(workspace: Workspace, project_id: str, name: str) -> None:
    """Remove a class; its pictures stay in the project, without a class."""
    with session(workspace) as opened:
        row = require_class(opened, project_id, name)
        image_ids = _images_of(opened, project_id, [row.id])
        remember(opened, project_id, f"delete class '{name}'", classes=[row], image_ids=image_ids)
        update_images(opened, project_id, image_ids, class_id=None)
        opened.delete(row)


def assign_class(
    workspace: Workspace, project_id: str, image_ids: Iterable[int], class_name: str | None
) -> int:
    """Move pictures into a class (None: into no class); return how many really moved.

    Raises:
        DatasetError: If there is no such class.
    """
    with session(workspace) as opened:
        target = require_class(opened, project_id, class_name).id if class_name else None
        moving = _differing(opened, project_id, image_ids, class_id=target)
        if moving:
            where = f"to '{class_name}'" if class_name else "out of their class"
            remember(opened, project_id, f"move {pictures(len(moving))} {where}", image_ids=moving)
            update_images(opened, project_id, moving, class_id=target)
    return len(moving)


def set_excluded(
    workspace: Workspace, project_id: str, image_ids: Iterable[int], excluded: bool
) -> int:
    """Take pictures out of training and evaluation, or back in; return how many changed."""
    with session(workspace) as opened:
        changing = _differing(opened, project_id, image_ids, excluded=excluded)
        if changing:
            verb = "exclude" if excluded else "include"
            remember(opened, project_id, f"{verb} {pictures(len(changing))}", image_ids=changing)
            update_images(opened, project_id, changing, excluded=excluded)
    return len(changing)


def add_class(opened: Session, project_id: str, name: str) -> ClassRow:
    """Add a class inside a transaction; `name` is clean and free."""
    row = ClassRow(project_id=project_id, name=name)
    opened.add(row)
    try:
        opened.flush()
    except IntegrityError as error:
        raise WorkspaceError(
            f"The class '{name}' was not created: the project was deleted, or another window has "
            "just created it. Reload the page."
        ) from error
    return row


def _images_of(opened: Session, project_id: str, class_ids: list[int]) -> list[int]:
    wanted = select(ImageRow.id).where(
        ImageRow.project_id == project_id, ImageRow.class_id.in_(class_ids)
    )
    return list(opened.scalars(wanted))


def _differing(
    opened: Session, project_id: str, image_ids: Iterable[int], **values: object
) -> list[int]:
    """Return those of the pictures that belong to the project and are not so already."""
    ((column, value),) = values.items()
    found = []
    for chunk in chunks(sorted(set(image_ids))):
        wanted = select(ImageRow.id).where(
            ImageRow.project_id == project_id,
            ImageRow.id.in_(chunk),
            getattr(ImageRow, column).is_distinct_from(value),
        )
        found += opened.scalars(wanted)
    return found

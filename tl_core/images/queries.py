"""Read the image set: pages of pictures, counts, classes, what was skipped.

Everything is answered by an index, so that a page of 5,000 pictures opens like one of 50.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any

from sqlalchemy import Integer, Select, cast, delete, func, insert, select, update
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError
from tl_core.images.files.sources import Skipped
from tl_core.images.records import ClassSummary, ImageRecord
from tl_core.images.splits import TEST
from tl_core.workspace.database import AnswerRow, ClassRow, ImageRow, SkippedRow, session
from tl_core.workspace.storage import Workspace

_VALUES_PER_QUERY = 1000  # values per IN (...); databases limit them


def list_classes(workspace: Workspace, project_id: str) -> list[ClassSummary]:
    """Return all classes by name, also those without pictures."""
    counts = (
        select(
            ImageRow.class_id,
            func.count(ImageRow.id).label("images"),
            func.sum(cast(ImageRow.excluded, Integer)).label("excluded"),
            func.min(ImageRow.id).label("first"),
        )
        .where(ImageRow.project_id == project_id, ImageRow.place.is_(None))
        .group_by(ImageRow.class_id)
        .subquery()
    )
    wanted = (
        select(ClassRow.name, counts.c.images, counts.c.excluded, ImageRow.digest)
        .outerjoin(counts, counts.c.class_id == ClassRow.id)
        .outerjoin(ImageRow, ImageRow.id == counts.c.first)
        .where(ClassRow.project_id == project_id)
    )
    with session(workspace, write=False) as opened:
        rows = opened.execute(wanted).all()
    found = [
        ClassSummary(name=name, images=images or 0, excluded=excluded or 0, thumbnail=digest)
        for name, images, excluded, digest in rows
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), one.name))


def list_images(
    workspace: Workspace,
    project_id: str,
    *,
    class_name: str | EllipsisType | None = ...,
    excluded: bool | None = None,
    place: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> list[ImageRecord]:
    """Return one page of pictures in the order in which they were added.

    Args:
        class_name: Only this class; None for pictures without a class; ``...`` for all.
        excluded: Only excluded ones, only included ones, or (None) both.
        place: Those of another place instead of the project's own.
        offset: How many to leave out at the start.
        limit: How many at most.
    """
    wanted = select(ImageRow, ClassRow.name).outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
    with session(workspace, write=False) as opened:
        wanted = _filtered(opened, wanted, project_id, class_name, excluded, place)
        rows = opened.execute(wanted.order_by(ImageRow.id).offset(offset).limit(limit)).all()
    return [_record(row, name) for row, name in rows]


def count_images(
    workspace: Workspace,
    project_id: str,
    *,
    class_name: str | EllipsisType | None = ...,
    excluded: bool | None = None,
) -> int:
    """Return how many pictures `list_images` would go through."""
    with session(workspace, write=False) as opened:
        wanted = select(func.count(ImageRow.id))
        return opened.scalar(_filtered(opened, wanted, project_id, class_name, excluded)) or 0


def list_digests(
    workspace: Workspace,
    project_id: str,
    *,
    class_name: str | EllipsisType | None = ...,
    excluded: bool | None = None,
) -> list[str]:
    """Return the digests of all pictures that `list_images` would go through, in its order."""
    with session(workspace, write=False) as opened:
        wanted = select(ImageRow.digest).order_by(ImageRow.id)
        wanted = _filtered(opened, wanted, project_id, class_name, excluded)
        return list(opened.scalars(wanted))


def list_places(workspace: Workspace, project_id: str) -> dict[str, tuple[int, int]]:
    """Return other places by name: how many pictures that take part, and how many with a class."""
    wanted = (
        select(ImageRow.place, func.count(ImageRow.id), func.count(ImageRow.class_id))
        .where(
            ImageRow.project_id == project_id,
            ImageRow.place.is_not(None),
            ImageRow.excluded.is_(False),
        )
        .group_by(ImageRow.place)
        .order_by(ImageRow.place)
    )
    with session(workspace, write=False) as opened:
        return {name: (total, known) for name, total, known in opened.execute(wanted)}


def get_images(
    workspace: Workspace, project_id: str, keys: Iterable[str | int]
) -> list[ImageRecord]:
    """Return the pictures with these digests or ids, in this order; unknown ones are left out."""
    keys = list(keys)
    found: dict[str | int, ImageRecord] = {}
    with session(workspace, write=False) as opened:
        for column, kind in ((ImageRow.id, int), (ImageRow.digest, str)):
            for chunk in chunks([key for key in keys if isinstance(key, kind)]):
                wanted = (
                    select(ImageRow, ClassRow.name)
                    .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
                    .where(ImageRow.project_id == project_id, column.in_(chunk))
                )
                for row, name in opened.execute(wanted):
                    found[row.id if kind is int else row.digest] = _record(row, name)
    return [found[key] for key in keys if key in found]


def list_skipped(workspace: Workspace, project_id: str) -> list[Skipped]:
    """Return every file that was left out so far, with its reason, in order."""
    columns = ("name", "reason", "copy_of", "class_name", "split")
    wanted = select(*(getattr(SkippedRow, name) for name in columns))
    wanted = wanted.where(SkippedRow.project_id == project_id)
    with session(workspace, write=False) as opened:
        return [Skipped(*row) for row in opened.execute(wanted.order_by(SkippedRow.id))]


def clear_skipped(workspace: Workspace, project_id: str) -> None:
    with session(workspace) as opened:
        opened.execute(delete(SkippedRow).where(SkippedRow.project_id == project_id))


def image_path(workspace: Workspace, project_id: str, record: ImageRecord) -> Path:
    """Return where the original bytes lie."""
    return workspace.images_dir(project_id) / f"{record.digest}.{record.extension}"


def thumbnail_path(workspace: Workspace, project_id: str, digest: str) -> Path:
    return workspace.thumbnails_dir(project_id) / f"{digest}.webp"


def class_row(opened: Session, project_id: str, name: str) -> ClassRow | None:
    wanted = select(ClassRow).where(ClassRow.project_id == project_id, ClassRow.name == name)
    return opened.scalar(wanted)


def require_class(opened: Session, project_id: str, name: str) -> ClassRow:
    """Raises: DatasetError: If there is no such class."""
    row = class_row(opened, project_id, name)
    if row is None:
        raise DatasetError(
            f"There is no class '{name}'. It may have been renamed or deleted in another window. "
            "Reload the page, or create the class first."
        )
    return row


def update_images(
    opened: Session, project_id: str, image_ids: Iterable[int], **values: object
) -> None:
    """Give these columns of the project's pictures these values."""
    for chunk in chunks(sorted(image_ids)):
        chosen = (ImageRow.project_id == project_id, ImageRow.id.in_(chunk))
        opened.execute(update(ImageRow).where(*chosen).values(**values))


def labelled(project_id: str, *columns: Any) -> Select:
    """Select columns of the project's own pictures that take part, and of their classes."""
    return (
        select(*columns)
        .join(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(
            ImageRow.project_id == project_id,
            ImageRow.excluded.is_(False),
            ImageRow.place.is_(None),
        )
        .order_by(ImageRow.id)
    )


def write_answers(
    opened: Session,
    project_id: str,
    question: str,
    answer: str | None,
    image_ids: Sequence[int] | None,
) -> None:
    """Give pictures, None for all, this answer to a question; None takes theirs back."""
    mine = AnswerRow.project_id == project_id, AnswerRow.question == question
    if image_ids is None:
        opened.execute(delete(AnswerRow).where(*mine))
        return
    for chunk in chunks(image_ids):
        opened.execute(delete(AnswerRow).where(*mine, AnswerRow.image_id.in_(chunk)))
        there = ImageRow.project_id == project_id, ImageRow.id.in_(chunk)
        rows = [
            {"project_id": project_id, "image_id": i, "question": question, "answer": answer}
            for i in (opened.scalars(select(ImageRow.id).where(*there)) if answer else ())
        ]
        if rows:
            opened.execute(insert(AnswerRow), rows)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _VALUES_PER_QUERY):
        yield values[start : start + _VALUES_PER_QUERY]


def _filtered(
    opened: Session,
    wanted: Select,
    project_id: str,
    class_name: str | EllipsisType | None,
    excluded: bool | None,
    place: str | None = None,
) -> Select:
    wanted = wanted.where(ImageRow.project_id == project_id, ImageRow.place == place)
    if class_name is None:
        wanted = wanted.where(ImageRow.class_id.is_(None))
    elif isinstance(class_name, str):
        row = class_row(opened, project_id, class_name)
        wanted = wanted.where(ImageRow.class_id == (row.id if row else -1))
    if excluded is not None:
        wanted = wanted.where(ImageRow.excluded.is_(excluded))
    return wanted


def _record(row: ImageRow, class_name: str | None) -> ImageRecord:
    return ImageRecord(
        id=row.id,
        digest=row.digest,
        extension=row.extension,
        name=row.name,
        width=row.width,
        height=row.height,
        class_name=class_name,
        excluded=row.excluded,
        split=TEST if row.locked else row.split_given,
        group=row.group,
    )

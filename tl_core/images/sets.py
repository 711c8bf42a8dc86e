"""The finished image set that a training takes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError
from tl_core.images.records import ImageSet, LabelledImage, pictures
from tl_core.images.splits import TEST, TRAIN, SplitFacts, draw_splits, given_test
from tl_core.images.subsets import SubsetFacts
from tl_core.workspace.database import ClassRow, ImageRow, session
from tl_core.workspace.storage import Workspace

LEAST_PER_CLASS = 2
_LISTED = 5  # how many classes a sentence lists


def image_set(workspace: Workspace, project_id: str, *, seed: int = 0) -> ImageSet:
    """Return all labelled pictures that are not excluded, each in its split.

    Pictures of the locked test part, and others of their groups, are in `locked` and nowhere else.

    `seed` draws the splits that the person did not bring (see `splits.draw_splits`).

    Raises:
        DatasetError: With fewer than two classes, a class with fewer than two pictures, or a
            class whose pictures are all in the part that the person brought for testing.
    """
    names = select(ClassRow.name).where(ClassRow.project_id == project_id)
    with session(workspace, write=False) as opened:
        found = _rows(opened, project_id)
        class_names = sorted(opened.scalars(names))
    rows = _to_choose_by(found)
    _check_counts(class_names, Counter(row.class_name for row in rows))
    splits, test_given = draw_splits(_split_facts(rows), seed=seed)
    _check_train(class_names, rows, splits)
    label = {name: index for index, name in enumerate(class_names)}
    folder = workspace.images_dir(project_id)

    def placed(row: PictureRow, split: str) -> LabelledImage:
        return LabelledImage(
            digest=row.digest,
            path=folder / f"{row.digest}.{row.extension}",
            name=row.name,
            label=label[row.class_name],
            split=split,
            group=row.group,
        )

    return ImageSet(
        class_names=tuple(class_names),
        images=tuple(placed(row, split) for row, split in zip(rows, splits, strict=True)),
        test_given=test_given,
        locked=tuple(placed(row, TEST) for row in found if row.locked and row.class_name),
    )


class PictureRow(NamedTuple):
    """What the database says of a picture that is not excluded; `class_name` None: no label."""

    digest: str
    extension: str
    name: str
    class_name: str | None
    group: str | None
    split_given: str | None
    locked: bool
    place: str | None = None
    tests: bool = False


def picture_rows(
    workspace: Workspace, project_id: str, *, places: bool = False
) -> tuple[PictureRow, ...]:
    """Return every picture that is not excluded, in the order in which they were added.

    With `places` those of other places as well.

    Pictures of the locked test part, and others of their groups, are `locked`; labelled ones of a
    test part that the person brought have `tests`.
    """
    with session(workspace, write=False) as opened:
        rows = _rows(opened, project_id, places=places)
    if any(row.split_given for row in rows):
        test = given_test(_split_facts(_to_choose_by(rows)))
        rows = [row._replace(tests=row.digest in test) for row in rows]
    return tuple(rows)


def without_labels(
    workspace: Workspace, project_id: str, rows: Iterable[PictureRow]
) -> tuple[LabelledImage, ...]:
    """Return pictures as an extraction takes them, whatever their labels: all have label -1."""
    folder = workspace.images_dir(project_id)
    return tuple(
        LabelledImage(
            digest=row.digest,
            path=folder / f"{row.digest}.{row.extension}",
            name=row.name,
            label=-1,
            split="",
            group=row.group,
        )
        for row in rows
    )


def unlabelled_images(workspace: Workspace, project_id: str) -> tuple[LabelledImage, ...]:
    """Return the pictures that have no label yet; they have label -1."""
    rows = picture_rows(workspace, project_id)
    return without_labels(workspace, project_id, [row for row in rows if row.class_name is None])


def label_facts(workspace: Workspace, project_id: str) -> list[tuple[str, str, str | None]]:
    """Return digest, class and group of the pictures that `image_set` has as `images`."""
    with session(workspace, write=False) as opened:
        rows = _to_choose_by(_rows(opened, project_id))
    return [(row.digest, row.class_name, row.group) for row in rows]


def count_learnable(workspace: Workspace, project_id: str) -> int:
    """Return how many pictures `image_set` has as `images`: with a class, and not locked."""
    return len(label_facts(workspace, project_id))


def subset_facts(workspace: Workspace, project_id: str, *, seed: int = 0) -> list[SubsetFacts]:
    """Return what decides to which subsets the same pictures belong."""
    with session(workspace, write=False) as opened:
        rows = _to_choose_by(_rows(opened, project_id))
    splits, _ = draw_splits(_split_facts(rows), seed=seed)
    return [
        SubsetFacts(row.name, row.class_name, split)
        for row, split in zip(rows, splits, strict=True)
    ]


def _rows(opened: Session, project_id: str, *, places: bool = False) -> list[PictureRow]:
    columns = (ImageRow.digest, ImageRow.extension, ImageRow.name, ClassRow.name)
    wanted = (
        select(*columns, ImageRow.group, ImageRow.split_given, ImageRow.locked, ImageRow.place)
        .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(ImageRow.project_id == project_id, ImageRow.excluded.is_(False))
        .order_by(ImageRow.id)
    )
    if not places:
        wanted = wanted.where(ImageRow.place.is_(None))
    rows = [PictureRow(*row) for row in opened.execute(wanted)]
    if groups := {row.group for row in rows if row.locked and row.class_name} - {None}:
        rows = [row._replace(locked=row.locked or row.group in groups) for row in rows]
    return rows


def _to_choose_by(rows: Iterable[PictureRow]) -> list[PictureRow]:
    return [row for row in rows if row.class_name is not None and not row.locked]


def _split_facts(rows: Iterable[PictureRow]) -> list[SplitFacts]:
    return [SplitFacts(row.digest, row.class_name, row.split_given, row.group) for row in rows]


def _check_counts(class_names: list[str], counts: Counter[str]) -> None:
    if len(class_names) < 2:
        found = f"There is only one class ('{class_names[0]}')" if class_names else "No class yet"
        raise DatasetError(f"{found}; a model needs at least two. Add pictures of another class.")
    small = [name for name in class_names if counts[name] < LEAST_PER_CLASS]
    if len(small) == 1:
        raise DatasetError(
            f"Class '{small[0]}' has {pictures(counts[small[0]])}; each class needs at least "
            f"{LEAST_PER_CLASS}. Add more pictures to it or delete the class."
        )
    if small:
        raise DatasetError(
            f"The classes {_listed(small)} have fewer than {LEAST_PER_CLASS} pictures each. "
            "Add more pictures to them or delete these classes."
        )


def _check_train(class_names: list[str], rows: Sequence[PictureRow], splits: list[str]) -> None:
    train = {row.class_name for row, split in zip(rows, splits, strict=True) if split == TRAIN}
    missing = [name for name in class_names if name not in train]
    if missing:
        raise DatasetError(
            f"No training pictures for {_listed(missing)}: all of them are in the test or "
            "validation folder. Add pictures outside of those folders, or delete the class."
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"

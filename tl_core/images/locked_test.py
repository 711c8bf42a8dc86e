"""A locked test part: put aside once, untouched by every choice, opened by a person, counted.

`image_set` hands its pictures out apart from all others, so nothing can learn or choose by them.
Pictures that belong to a group with one of them stay locked with it.
"""

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError
from tl_core.images.queries import labelled, update_images
from tl_core.images.splits import TEST, VALIDATION
from tl_core.workspace.database import ClassRow, ImageRow, LockedTestRow, session
from tl_core.workspace.storage import Workspace

LEAST_LEFT_PER_CLASS = 2  # pictures of each class to learn from


@dataclass(frozen=True, kw_only=True)
class LockedTest:
    """`own`: the test folder that the person brought; `opened`: how often it was looked at."""

    images: int
    own: bool
    opened: int
    created: datetime | None


def locked_test_state(workspace: Workspace, project_id: str) -> LockedTest | None:
    """Return the locked test part, or None if there is none."""
    with session(workspace, write=False) as opened:
        row = opened.get(LockedTestRow, project_id)
        if row is None:
            return None
        count = opened.scalar(
            select(func.count(ImageRow.id)).where(
                ImageRow.project_id == project_id, ImageRow.locked, ImageRow.excluded.is_(False)
            )
        )
        return LockedTest(images=count or 0, own=row.own, opened=row.opened, created=row.created)


def has_own_test(workspace: Workspace, project_id: str) -> bool:
    """Whether the person brought a test or validation folder, which can be locked as it is."""
    with session(workspace, write=False) as opened:
        return bool(_own_test(opened, project_id))


def draw_locked_test(
    workspace: Workspace, project_id: str, *, fraction: float = 0.2, seed: int = 0
) -> LockedTest:
    """Draw a part of every class by groups, and lock it.

    Args:
        fraction: Of each class, in (0, 0.5].
        seed: Of the draw.

    Raises:
        DatasetError: If there is a locked part already, or no class has enough groups.
    """
    if not 0 < fraction <= 0.5:
        raise DatasetError(
            f"{fraction:.0%} of the pictures cannot be held out. Choose more than 0 and at most "
            "half of them."
        )
    with session(workspace) as opened:
        units = _units(opened, project_id)
        drawn = _draw(units, fraction, random.Random(f"{seed}/locked"))
        if not drawn:
            raise DatasetError(
                "Too few pictures to hold out a test set: a class needs at least three, in at "
                "least two groups. Add pictures first."
            )
        _lock(opened, project_id, drawn, own=False)
    return locked_test_state(workspace, project_id)


def lock_own_test(workspace: Workspace, project_id: str) -> LockedTest:
    """Lock the test folder that the person brought (without one, the validation folder).

    Raises:
        DatasetError: If there is none, or a locked part already.
    """
    with session(workspace) as opened:
        ids = _own_test(opened, project_id)
        if not ids:
            raise DatasetError(
                "There is no test folder among the pictures. Add pictures from a folder named "
                "'test', or hold out a random share."
            )
        _lock(opened, project_id, ids, own=True)
    return locked_test_state(workspace, project_id)


def open_locked_test(workspace: Workspace, project_id: str) -> int:
    """Count that somebody looks at results on the locked part; return how often that makes.

    Raises:
        DatasetError: If there is no locked part.
    """
    with session(workspace) as opened:
        row = opened.get(LockedTestRow, project_id)
        if row is None:
            raise DatasetError("There is no locked test set. Hold one out first.")
        row.opened += 1
        return row.opened


def release_locked_test(workspace: Workspace, project_id: str) -> None:
    """Give the pictures back to training; none locked is fine."""
    with session(workspace) as opened:
        row = opened.get(LockedTestRow, project_id)
        if row is not None:
            opened.delete(row)
        opened.execute(
            update(ImageRow)
            .where(ImageRow.project_id == project_id, ImageRow.locked)
            .values(locked=False)
        )


def _own_test(opened: Session, project_id: str) -> list[int]:
    wanted = select(ImageRow.id, ImageRow.split_given).where(
        ImageRow.project_id == project_id,
        ImageRow.class_id.is_not(None),
        ImageRow.place.is_(None),
    )
    given = opened.execute(wanted).all()
    for part in (TEST, VALIDATION):
        ids = [image_id for image_id, split in given if split == part]
        if ids and len(ids) < len(given):
            return ids
    return []


def _units(opened: Session, project_id: str) -> list[tuple[list[int], Counter[str]]]:
    """Return groups and single pictures that take part, with how many of each class."""
    wanted = labelled(project_id, ImageRow.digest, ImageRow.id, ImageRow.group, ClassRow.name)
    members, classes = defaultdict(list), defaultdict(Counter)
    for digest, image_id, group, class_name in sorted(opened.execute(wanted)):
        key = (group is not None, group or digest)
        members[key].append(image_id)
        classes[key][class_name] += 1
    return [(members[key], classes[key]) for key in members]


def _draw(
    units: list[tuple[list[int], Counter[str]]], fraction: float, rng: random.Random
) -> list[int]:
    """Take whole groups until each class has its share, leaving enough of each to learn from."""
    left: Counter[str] = Counter()
    for _, classes in units:
        left += classes
    lacking = {name: max(1, math.floor(fraction * count + 0.5)) for name, count in left.items()}
    drawn: list[int] = []
    for ids, classes in rng.sample(units, len(units)):
        helps = any(lacking[name] > 0 for name in classes)
        fits = all(
            count <= max(1, lacking[name]) and left[name] - count >= LEAST_LEFT_PER_CLASS
            for name, count in classes.items()
        )
        if helps and fits:
            drawn += ids
            left -= classes
            lacking = {name: count - classes[name] for name, count in lacking.items()}
    return drawn


def _lock(opened: Session, project_id: str, ids: list[int], *, own: bool) -> None:
    if opened.get(LockedTestRow, project_id) is not None:
        raise DatasetError(
            "There is already a locked test set. Unlock it first if you want another one."
        )
    opened.add(LockedTestRow(project_id=project_id, own=own, opened=0))
    update_images(opened, project_id, ids, locked=True)

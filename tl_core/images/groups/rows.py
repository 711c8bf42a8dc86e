"""Write down which pictures belong together, and what it was like before, so that it can return.

Rows only; which groups there should be is decided in `groups`.
"""

from collections.abc import Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tl_core.images.queries import chunks
from tl_core.workspace.database import GroupDecisionRow, GroupRow, ImageRow

COPIES, NAMES, OWN = "copies", "names", "own"


def groups_before(opened: Session, project_id: str, image_ids: Iterable[int]) -> dict:
    """Return the groups of these pictures as they are, for `restore_groups`.

    Args:
        opened: The transaction in which they change.
        project_id: The project.
        image_ids: Pictures about to change their group.
    """
    members: dict[str | None, list[int]] = {}
    for chunk in chunks(sorted(set(image_ids))):
        wanted = select(ImageRow.id, ImageRow.group).where(
            ImageRow.project_id == project_id, ImageRow.id.in_(chunk)
        )
        for image_id, name in opened.execute(wanted):
            members.setdefault(name, []).append(image_id)
    rows = group_rows(opened, project_id)
    known = [rows[name] for name in members if name in rows]
    decisions = select(GroupDecisionRow).where(GroupDecisionRow.project_id == project_id)
    return {
        "images": [[name, ids] for name, ids in members.items()],
        "rows": [[row.name, row.kind, row.accepted] for row in known],
        "decisions": [[row.kind, row.data] for row in opened.scalars(decisions)],
    }


def restore_groups(opened: Session, project_id: str, before: dict | None) -> None:
    """Put the groups back as `groups_before` found them."""
    if before is None:
        return
    for name, kind, accepted in before["rows"]:
        save_group(opened, project_id, name, kind=kind, accepted=accepted)
    for name, ids in before["images"]:
        set_group(opened, project_id, ids, name)
    used = select(ImageRow.group).where(
        ImageRow.project_id == project_id, ImageRow.group.is_not(None)
    )
    unused = GroupRow.name.not_in(used)
    opened.execute(delete(GroupRow).where(GroupRow.project_id == project_id, unused))
    opened.execute(delete(GroupDecisionRow).where(GroupDecisionRow.project_id == project_id))
    for kind, data in before["decisions"]:
        opened.add(GroupDecisionRow(project_id=project_id, kind=kind, data=data))


def group_rows(opened: Session, project_id: str) -> dict[str, GroupRow]:
    """Return what is known of each group, by name."""
    wanted = select(GroupRow).where(GroupRow.project_id == project_id)
    return {row.name: row for row in opened.scalars(wanted)}


def save_group(opened: Session, project_id: str, name: str, *, kind: str, accepted: bool) -> None:
    row = group_rows(opened, project_id).get(name)
    if row is None:
        opened.add(GroupRow(project_id=project_id, name=name, kind=kind, accepted=accepted))
    else:
        row.kind, row.accepted = kind, accepted
    opened.flush()


def remove_group(opened: Session, project_id: str, name: str) -> None:
    opened.execute(delete(GroupRow).where(GroupRow.project_id == project_id, GroupRow.name == name))


def set_group(opened: Session, project_id: str, image_ids: Iterable[int], name: str | None) -> None:
    for chunk in chunks(sorted(image_ids)):
        opened.execute(
            update(ImageRow)
            .where(ImageRow.project_id == project_id, ImageRow.id.in_(chunk))
            .values(group=name)
        )

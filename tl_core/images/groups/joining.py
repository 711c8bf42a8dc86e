"""Which pictures belong together: join them (union-find), write it down, put it back."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tl_core.images.queries import chunks, update_images
from tl_core.workspace.database import GroupDecisionRow, GroupRow, ImageRow

COPIES, NAMES, OWN, RECORDING = "copies", "names", "own", "recording"


class Joining:
    """All pictures of a project with their groups, on the way to larger groups.

    Pictures are named by row id or by digest; both mean the same.
    """

    def __init__(self, rows: Iterable[Sequence]) -> None:
        """Take (id, digest, group name) of every picture."""
        rows = list(rows)
        self.ids = [row[0] for row in rows]
        self._group = {row[0]: row[2] for row in rows}
        self._digest = {row[0]: row[1] for row in rows}
        self._node: dict[Hashable, int] = {row[1]: row[0] for row in rows}
        self._parent = {row[0]: row[0] for row in rows}
        self._parts: dict[int, dict[int, int]] = defaultdict(dict)  # root -> decision -> part
        self._decisions = 0
        first: dict[str, int] = {}
        for image_id, name in self._group.items():
            if name is not None:
                self._parent[self._root(image_id)] = self._root(first.setdefault(name, image_id))

    def keep_apart(self, parts: Sequence[Sequence[str]]) -> None:
        """Never join pictures (digests) of two of these parts."""
        self._decisions += 1
        for number, part in enumerate(parts):
            for digest in part:
                if digest in self._node:
                    self._parts[self._root(self._node[digest])][self._decisions] = number

    def join(self, first: int | str, second: int | str) -> None:
        """Put two pictures and all that belongs to them together, unless they stay apart."""
        if any(item not in self._node and item not in self._parent for item in (first, second)):
            return  # deleted meanwhile
        one, other = (self._root(self._node.get(item, item)) for item in (first, second))
        if one == other:
            return
        mine, theirs = self._parts[one], self._parts[other]
        if any(mine[decision] != theirs[decision] for decision in mine.keys() & theirs.keys()):
            return
        self._parent[one] = other
        self._parts[other] = mine | theirs

    def join_all(self, items: Sequence[int | str]) -> None:
        for item in items[1:]:
            self.join(items[0], item)

    def group_of(self, image_id: int) -> int:
        """Return a number that pictures of one group share."""
        return self._root(image_id)

    def write(self, opened: Session, project_id: str, *, kind: str, accepted: bool) -> int:
        """Store the groups that have grown; return how many pictures have another group now."""
        members = defaultdict(list)
        for image_id in self.ids:
            members[self._root(image_id)].append(image_id)
        known, changed = group_rows(opened, project_id), 0
        for ids in members.values():
            if len(ids) < 2:
                continue
            names = sorted({self._group[i] for i in ids} - {None})
            name = names[0] if names else self._free_name(self._digest[ids[0]])
            moving = [i for i in ids if self._group[i] != name]
            if not moving:
                continue
            update_images(opened, project_id, moving, group=name)
            for gone in names[1:]:
                remove_group(opened, project_id, gone)
            was = known.get(name)
            save_group(opened, project_id, name, kind=was.kind if was else kind, accepted=accepted)
            changed += len(moving)
        return changed

    def _free_name(self, digest: str) -> str:
        """Return a name for the group of this picture, which may have left another one."""
        name, number, taken = f"group-{digest[:16]}", 1, set(self._group.values())
        while name in taken:
            number += 1
            name = f"group-{digest[:16]}-{number}"
        return name

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item


def joining_of(opened: Session, project_id: str) -> Joining:
    """Return all pictures of a project with the groups that they have now."""
    wanted = select(ImageRow.id, ImageRow.digest, ImageRow.group).where(
        ImageRow.project_id == project_id
    )
    return Joining(opened.execute(wanted.order_by(ImageRow.digest)).all())


def decisions(opened: Session, project_id: str, kind: str) -> list[GroupDecisionRow]:
    """Return what the person said no to, the oldest first."""
    wanted = select(GroupDecisionRow).where(
        GroupDecisionRow.project_id == project_id, GroupDecisionRow.kind == kind
    )
    return list(opened.scalars(wanted.order_by(GroupDecisionRow.id)))


def groups_before(opened: Session, project_id: str, image_ids: Iterable[int]) -> dict:
    """Return the groups of pictures about to change theirs, as they are, for `restore_groups`."""
    members: dict[str | None, list[int]] = {}
    for chunk in chunks(sorted(set(image_ids))):
        wanted = select(ImageRow.id, ImageRow.group).where(
            ImageRow.project_id == project_id, ImageRow.id.in_(chunk)
        )
        for image_id, name in opened.execute(wanted):
            members.setdefault(name, []).append(image_id)
    rows = group_rows(opened, project_id)
    known = [rows[name] for name in members if name in rows]
    said = select(GroupDecisionRow).where(GroupDecisionRow.project_id == project_id)
    return {
        "images": [[name, ids] for name, ids in members.items()],
        "rows": [[row.name, row.kind, row.accepted] for row in known],
        "decisions": [[row.kind, row.data] for row in opened.scalars(said)],
    }


def restore_groups(opened: Session, project_id: str, before: dict | None) -> None:
    """Put the groups back as `groups_before` found them."""
    if before is None:
        return
    for name, kind, accepted in before["rows"]:
        save_group(opened, project_id, name, kind=kind, accepted=accepted)
    for name, ids in before["images"]:
        update_images(opened, project_id, ids, group=name)
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

"""Join pictures to groups (union-find), respecting what must stay apart."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from sqlalchemy.orm import Session

from tl_core.images.groups.rows import (
    group_rows,
    remove_group,
    save_group,
    set_group,
)


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

    def write(self, opened: Session, project_id: str, *, kind: str, accepted: bool) -> int:
        """Store the groups that have grown; return how many pictures have another group now."""
        members = defaultdict(list)
        for image_id in self.ids:
            members[self._root(image_id)].append(image_id)
        known, changed = group_rows(opened, project_id), 0
        for ids in members.values():
            names = sorted({self._group[i] for i in ids} - {None})
            moving = [i for i in ids if self._group[i] != (names[0] if names else None)]
            if len(ids) < 2 or not (moving or not names):
                continue
            name = names[0] if names else self._free_name(self._digest[ids[0]])
            set_group(opened, project_id, [i for i in ids if self._group[i] != name], name)
            for gone in names[1:]:
                remove_group(opened, project_id, gone)
            was = known.get(name)
            save_group(opened, project_id, name, kind=was.kind if was else kind, accepted=accepted)
            changed += len(moving) or len(ids)
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

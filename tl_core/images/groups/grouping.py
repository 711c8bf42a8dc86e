"""Groups of pictures that show the same thing: kept together by every split and fold.

Copies that a search found are kept together at once, which is the safe side, and the person may
accept, split or merge them. What the person took apart is never joined again by a search.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError
from tl_core.images.groups.joining import (
    COPIES,
    OWN,
    decisions,
    group_rows,
    groups_before,
    joining_of,
    remove_group,
    save_group,
)
from tl_core.images.queries import get_images, update_images
from tl_core.images.records import ImageRecord
from tl_core.images.undo import remember
from tl_core.workspace.database import GroupDecisionRow, ImageRow, session
from tl_core.workspace.storage import Workspace

MOST_SEARCHED = 20_000  # pictures for copies; every one is compared with every other


@dataclass(frozen=True, kw_only=True)
class PictureGroup:
    """Pictures that stay together.

    `kind`: "copies" found, "names" of files, "own" choice, "recording".
    """

    name: str
    kind: str
    accepted: bool
    images: tuple[ImageRecord, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({one.class_name for one in self.images if one.class_name}))


def list_groups(workspace: Workspace, project_id: str) -> list[PictureGroup]:
    """Return all groups of two and more: those to look at first, then by size."""
    members = defaultdict(list)
    wanted = select(ImageRow.id, ImageRow.group).where(
        ImageRow.project_id == project_id, ImageRow.group.is_not(None)
    )
    with session(workspace, write=False) as opened:
        for image_id, name in opened.execute(wanted.order_by(ImageRow.name)):
            members[name].append(image_id)
        rows = group_rows(opened, project_id)
        facts = {name: (row.kind, row.accepted) for name, row in rows.items()}
    records = {one.id: one for one in get_images(workspace, project_id, _flat(members.values()))}
    found = [
        PictureGroup(
            name=name,
            kind=facts.get(name, (OWN, True))[0],
            accepted=facts.get(name, (OWN, True))[1],
            images=tuple(records[image_id] for image_id in ids if image_id in records),
        )
        for name, ids in members.items()
        if len(ids) > 1
    ]
    return sorted(found, key=lambda group: (group.accepted, -len(group.images), group.name))


def accept_groups(workspace: Workspace, project_id: str, names: Iterable[str]) -> None:
    """Agree that the pictures of each of these groups show the same thing."""
    with session(workspace) as opened:
        members = _members(opened, project_id, names)
        what = f"accept {_groups(len(members))}"
        _remember(opened, project_id, what, _flat(members.values()))
        rows = group_rows(opened, project_id)
        for name in members:
            kind = rows[name].kind if name in rows else OWN
            save_group(opened, project_id, name, kind=kind, accepted=True)


def split_group(
    workspace: Workspace, project_id: str, name: str, image_ids: Iterable[int] | None = None
) -> None:
    """Take a group apart, or only these pictures out of it; no search joins them again.

    Raises:
        DatasetError: If there is no such group.
    """
    with session(workspace) as opened:
        ids = _members(opened, project_id, [name])[name]
        out = set(ids if image_ids is None else image_ids) & set(ids)
        if not out:
            return
        left = [image_id for image_id in ids if image_id not in out]
        what = f"split a group of {len(ids)}" if image_ids is None else f"take {len(out)} out"
        _remember(opened, project_id, f"{what}: pictures of a group", ids)
        digests = _digests(opened, ids)
        parts = [[digests[image_id]] for image_id in sorted(out)]
        parts += [[digests[image_id] for image_id in left]] if left else []
        decision = GroupDecisionRow(project_id=project_id, kind="apart", data={"parts": parts})
        opened.add(decision)
        gone = ids if len(left) < 2 else out
        update_images(opened, project_id, gone, group=None)
        if len(left) < 2:
            remove_group(opened, project_id, name)


def merge_groups(workspace: Workspace, project_id: str, names: Sequence[str]) -> str:
    """Make one group of several and return its name; the person's word, so it is accepted.

    Raises:
        DatasetError: If one of them does not exist.
    """
    with session(workspace) as opened:
        members = _members(opened, project_id, names)
        kept = next(iter(members))
        ids = _flat(members.values())
        _remember(opened, project_id, f"merge {_groups(len(members))} of pictures", ids)
        _forget_apart(opened, project_id, set(_digests(opened, ids).values()))
        update_images(opened, project_id, ids, group=kept)
        for name in members:
            remove_group(opened, project_id, name)
        save_group(opened, project_id, kept, kind=OWN, accepted=True)
    return kept


def keep_copies(workspace: Workspace, project_id: str, pairs: Iterable[tuple[str, str]]) -> int:
    """Keep pictures together that a search found to show the same thing.

    Groups only grow by it. What the person took apart stays apart, whatever lies between.

    `pairs` are digests of two pictures each, the surest pair first. Returns how many pictures
    changed their group.
    """
    with session(workspace) as opened:
        joining = joining_of(opened, project_id)
        for decision in decisions(opened, project_id, "apart"):
            joining.keep_apart(decision.data["parts"])
        for first, second in pairs:
            joining.join(first, second)
        return joining.write(opened, project_id, kind=COPIES, accepted=False)


def _members(opened: Session, project_id: str, names: Iterable[str]) -> dict[str, list[int]]:
    names = list(dict.fromkeys(names))
    wanted = select(ImageRow.id, ImageRow.group).where(
        ImageRow.project_id == project_id, ImageRow.group.in_(names)
    )
    found: dict[str, list[int]] = {name: [] for name in names}
    for image_id, name in opened.execute(wanted.order_by(ImageRow.id)):
        found[name].append(image_id)
    if not names or not all(found.values()):
        raise DatasetError(
            "This group no longer exists. It may have been split or merged in another window. "
            "Reload the page."
        )
    return found


def _remember(opened: Session, project_id: str, what: str, ids: Iterable[int]) -> None:
    remember(opened, project_id, what, groups=groups_before(opened, project_id, ids))


def _forget_apart(opened: Session, project_id: str, digests: set[str]) -> None:
    """Drop that these pictures were taken apart from one another: the person joins them."""
    for decision in decisions(opened, project_id, "apart"):
        parts = [[one for one in part if one not in digests] for part in decision.data["parts"]]
        joined = [one for part in decision.data["parts"] for one in part if one in digests]
        parts = [part for part in [*parts, joined] if part]
        if len(parts) > 1:
            decision.data = {"parts": parts}
        else:
            opened.execute(delete(GroupDecisionRow).where(GroupDecisionRow.id == decision.id))


def _digests(opened: Session, ids: Sequence[int]) -> dict[int, str]:
    found = {}
    for image_id in ids:
        found[image_id] = opened.get(ImageRow, image_id).digest
    return found


def _flat(lists: Iterable[Sequence[int]]) -> list[int]:
    return [item for one in lists for item in one]


def _groups(count: int) -> str:
    return "1 group" if count == 1 else f"{count} groups"

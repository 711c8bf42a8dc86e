"""Groups that file names suggest and the pictures confirm: proposed, accepted, dismissed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from tl_core.images.groups.joining import NAMES, decisions, groups_before, joining_of
from tl_core.images.groups.name_patterns import NamePattern, name_patterns
from tl_core.images.queries import labelled
from tl_core.images.records import pictures
from tl_core.images.undo import remember
from tl_core.workspace.database import ClassRow, GroupDecisionRow, ImageRow, session
from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.storage import Workspace

MUCH = 0.1  # of a class; a proposal that joins more of it is costly


@dataclass(frozen=True, kw_only=True)
class ClassCost:
    """What accepting a proposal does to a class.

    `joined` of its `images` would stand in groups; of `now` independent groups and single pictures
    `left` would remain.
    """

    class_name: str
    images: int
    joined: int
    now: int
    left: int


@dataclass(frozen=True, kw_only=True)
class NameProposal:
    """Pictures (row ids) that names suggest to keep together, and what that costs each class."""

    pattern: NamePattern
    costs: tuple[ClassCost, ...]

    @property
    def costly(self) -> tuple[ClassCost, ...]:
        """The classes of which it joins much, those with the fewest groups left first."""
        found = [cost for cost in self.costs if cost.joined > MUCH * cost.images]
        return tuple(sorted(found, key=lambda cost: (cost.left, cost.class_name)))


def confirm_names(
    workspace: Workspace, project_id: str, groups: Mapping[str, Sequence[Sequence[str]]]
) -> None:
    """Remember the groups (of digests), by kind of pattern, that the pictures themselves confirm.

    Raises:
        StorageFull: If the disk is full.
    """
    path = _confirmed_file(workspace, project_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, groups)


def propose_names(workspace: Workspace, project_id: str) -> list[NameProposal]:
    """Return what names suggest, the pictures confirm, and nobody accepted or dismissed yet."""
    wanted = select(ImageRow.id, ImageRow.name, ImageRow.group, ImageRow.digest).where(
        ImageRow.project_id == project_id,
        ImageRow.excluded.is_(False),
        ImageRow.place.is_(None),
    )
    confirmed = _confirmed(workspace, project_id)
    if not confirmed:
        return []
    with session(workspace, write=False) as opened:
        rows = opened.execute(wanted.order_by(ImageRow.id)).all()
        dismissed = {
            (one.data["kind"], title)
            for one in decisions(opened, project_id, NAMES)
            for title in one.data["titles"]
        }
    group = {image_id: name for image_id, _, name, _ in rows}
    digest = {image_id: digest for image_id, _, _, digest in rows}
    found = []
    for pattern in name_patterns([(image_id, name) for image_id, name, _, _ in rows]):
        left = {}
        for title, ids in pattern.groups.items():
            if (pattern.kind, title) in dismissed:
                continue
            sure = [i for i in ids if (pattern.kind, digest[i]) in confirmed]
            names = {group[image_id] for image_id in sure}
            if len(sure) > 1 and (None in names or len(names) > 1):
                left[title] = sure
        if left:
            found.append(NamePattern(kind=pattern.kind, groups=left))
    return [_proposal(workspace, project_id, pattern) for pattern in found]


def accept_names(workspace: Workspace, project_id: str, pattern: NamePattern) -> None:
    """Make groups of what the file names suggest; groups that share a picture become one."""
    with session(workspace) as opened:
        joining = joining_of(opened, project_id)
        what = f"group {pictures(pattern.images)} by name"
        before = groups_before(opened, project_id, joining.ids)
        remember(opened, project_id, what, groups=before)
        for members in pattern.groups.values():
            joining.join_all(members)
        joining.write(opened, project_id, kind=NAMES, accepted=True)


def dismiss_names(workspace: Workspace, project_id: str, pattern: NamePattern) -> None:
    """Do not propose these groups again."""
    with session(workspace) as opened:
        before = groups_before(opened, project_id, [])
        remember(opened, project_id, "dismiss groups by name", groups=before)
        data = {"kind": pattern.kind, "titles": list(pattern.groups)}
        opened.add(GroupDecisionRow(project_id=project_id, kind=NAMES, data=data))


def _proposal(workspace: Workspace, project_id: str, pattern: NamePattern) -> NameProposal:
    with session(workspace, write=False) as opened:
        joining = joining_of(opened, project_id)
        members = defaultdict(list)
        for image_id, name in opened.execute(labelled(project_id, ImageRow.id, ClassRow.name)):
            members[name].append(image_id)
    now = {name: _groups(joining.group_of, ids) for name, ids in members.items()}
    for ids in pattern.groups.values():
        joining.join_all(ids)
    joined = {image_id for ids in pattern.groups.values() for image_id in ids}
    costs = (
        ClassCost(
            class_name=name,
            images=len(ids),
            joined=len(joined.intersection(ids)),
            now=now[name],
            left=_groups(joining.group_of, ids),
        )
        for name, ids in members.items()
    )
    return NameProposal(pattern=pattern, costs=tuple(cost for cost in costs if cost.joined))


def _groups(group_of: Callable[[int], int], ids: Iterable[int]) -> int:
    return len({group_of(image_id) for image_id in ids})


def _confirmed_file(workspace: Workspace, project_id: str) -> Path:
    return workspace.features_dir(project_id) / "named_sources.json"


def _confirmed(workspace: Workspace, project_id: str) -> set[tuple[str, str]]:
    """Return kind of pattern and digest of every picture in a confirmed group."""
    found = read_json(_confirmed_file(workspace, project_id)) or {}
    return {(kind, one) for kind, groups in found.items() for group in groups for one in group}

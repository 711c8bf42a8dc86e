"""Advice on groups: which folders separate copies, which classes have one source only."""

from collections import defaultdict

from sqlalchemy import select

from tl_core.images.splits import TEST, VALIDATION
from tl_core.workspace.database import ClassRow, ImageRow, session
from tl_core.workspace.storage import Workspace

MOST_SEARCHED = 20_000  # pictures; every one is compared with every other
_NAMED = 3  # how many pictures or classes a sentence lists


def group_advice(workspace: Workspace, project_id: str) -> list[str]:
    """Return plain sentences on groups of pictures, the worst first; none without groups."""
    with session(workspace, write=False) as opened:
        grouped = (
            select(ImageRow.group, ImageRow.name, ImageRow.split_given, ClassRow.name)
            .join(ClassRow, ClassRow.id == ImageRow.class_id)
            .where(
                ImageRow.project_id == project_id,
                ImageRow.excluded.is_(False),
                ImageRow.group.is_not(None),
            )
            .order_by(ImageRow.id)
        )
        rows = opened.execute(grouped).all()
        if not rows:
            return []
        sources = (
            select(ClassRow.name, ImageRow.group)
            .join(ImageRow, ImageRow.class_id == ClassRow.id)
            .where(ImageRow.project_id == project_id, ImageRow.excluded.is_(False))
            .distinct()
        )
        per_class = defaultdict(set)
        alone = select(ClassRow.name).join(ImageRow, ImageRow.class_id == ClassRow.id)
        alone = alone.where(
            ImageRow.project_id == project_id,
            ImageRow.excluded.is_(False),
            ImageRow.group.is_(None),
        )
        for class_name, group in opened.execute(sources):
            per_class[class_name].add(group)
        without_group = set(opened.scalars(alone.distinct()))
    groups = defaultdict(list)
    for group, name, given, class_name in rows:
        groups[group].append((name, given, class_name))
    single = [name for name, found in per_class.items() if len(found) == 1]
    single = sorted(name for name in single if name not in without_group)
    return [*_separated(groups), *_one_source(single), *_two_classes(groups)]


def not_searched(count: int) -> str:
    """Return why no copies are looked for among so many pictures; nothing where they are."""
    if count <= MOST_SEARCHED:
        return ""
    return (
        f"With more than {MOST_SEARCHED:,} pictures, copies and series are not searched for: "
        f"there are {count:,}, and every one would have to be compared with every other. Groups "
        "from file names and those of your own stay together."
    )


def _separated(groups: dict[str, list[tuple]]) -> list[str]:
    sides = {TEST} if any(given == TEST for g in groups.values() for _, given, _ in g) else None
    sides = sides or {VALIDATION}
    examples = []
    for members in groups.values():
        tested = [name for name, given, _ in members if given in sides]
        learnt = [name for name, given, _ in members if given is not None and given not in sides]
        if tested and learnt:
            examples.append(f"'{tested[0]}' and '{learnt[0]}'")
    if not examples:
        return []
    return [
        "Your own folders put pictures that show the same thing on both sides of the test: "
        f"{_listed(examples)}. The measured accuracy will look better than it is; exclude one of "
        "each."
    ]


def _one_source(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = _listed([f"'{name}'" for name in names])
    return [
        f"All pictures of {listed} are one group: copies of one another, or one series. Nothing "
        "can be put aside to measure on there. Add pictures from another source, or split the "
        "group below if they show different things."
    ]


def _two_classes(groups: dict[str, list[tuple]]) -> list[str]:
    examples = []
    for members in groups.values():
        first = {class_name: name for name, _, class_name in reversed(members)}
        if len(first) > 1:
            (a, one), (b, other) = sorted(first.items())[:2]
            examples.append(f"'{one}' ({a}) and '{other}' ({b})")
    if not examples:
        return []
    return [
        f"Pictures that show the same thing have different classes: {_listed(examples)}. "
        "Look whether one of the labels is wrong."
    ]


def _listed(items: list[str]) -> str:
    shown = "; ".join(items[:_NAMED])
    return shown if len(items) <= _NAMED else f"{shown} and {len(items) - _NAMED} more"

"""What stands in the way of a good model: facts on classes, counts, names and groups."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tl_core.images.files.sources import Skipped
from tl_core.images.groups.joining import decisions
from tl_core.images.queries import count_images, labelled, list_classes, list_skipped
from tl_core.images.records import ClassSummary
from tl_core.images.sets import LEAST_PER_CLASS, picture_rows
from tl_core.images.splits import TEST, VALIDATION
from tl_core.workspace.database import ClassRow, GroupDecisionRow, ImageRow, session
from tl_core.workspace.storage import Workspace

FEW_PER_CLASS = 20
MOST_UNREMARKED_CLASSES = 50
LEAST_IMBALANCE = 5  # pictures of the largest class : of the smallest one


@dataclass(frozen=True, kw_only=True)
class PictureName:
    """A picture as a person finds it again."""

    name: str
    class_name: str


@dataclass(frozen=True, kw_only=True)
class HealthFinding:
    """One thing that the person may want to change before training.

    `kind` says what the rest means:

        "no pictures"        none has a class
        "one class"          `classes`
        "many classes"       `counts`: how many
        "separated copies"   `pairs` that the person's folders put on both sides of the test
        "one source"         `classes` of which all pictures are one group
        "conflicting labels" `pairs` of one group in two classes
        "too few"            `classes` that keep training from starting
        "few"                `classes` with less than `FEW_PER_CLASS`
        "imbalance"          `classes`: the largest and the smallest, with their `counts`
        "similar names"      `classes` that differ in capital letters only
        "unlabelled"         `counts`: how many pictures
    """

    kind: str
    classes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    pairs: tuple[tuple[PictureName, PictureName], ...] = ()


def health_findings(workspace: Workspace, project_id: str) -> list[HealthFinding]:
    """Return what stands in the way of a good model, the worst first."""
    classes = list_classes(workspace, project_id)
    unlabelled = count_images(workspace, project_id, class_name=None, excluded=False)
    found = [
        *_on_classes(classes),
        *_on_groups(workspace, project_id),
        *_on_counts(classes),
        *_on_names(classes),
    ]
    if unlabelled:
        found.append(HealthFinding(kind="unlabelled", counts=(unlabelled,)))
    return found


def _on_classes(classes: list[ClassSummary]) -> list[HealthFinding]:
    filled = [one.name for one in classes if one.images > one.excluded]
    if not filled:
        return [HealthFinding(kind="no pictures")]
    if len(filled) == 1:
        return [HealthFinding(kind="one class", classes=tuple(filled))]
    if len(filled) > MOST_UNREMARKED_CLASSES:
        return [HealthFinding(kind="many classes", counts=(len(filled),))]
    return []


def _on_groups(workspace: Workspace, project_id: str) -> list[HealthFinding]:
    """Look at groups of pictures that show the same thing; nothing without groups."""
    columns = (ImageRow.group, ImageRow.split_given, ImageRow.name, ClassRow.name)
    grouped = labelled(project_id, *columns).where(ImageRow.group.is_not(None))
    sources = labelled(project_id, ClassRow.name, ImageRow.group).order_by(None).distinct()
    with session(workspace, write=False) as opened:
        rows = opened.execute(grouped).all()
        groups_of = defaultdict(set)  # by class; None stands for pictures of no group
        for class_name, group in opened.execute(sources) if rows else ():
            groups_of[class_name].add(group)
    members = defaultdict(list)
    for group, given, name, class_name in rows:
        members[group].append((given, PictureName(name=name, class_name=class_name)))
    one_source = sorted(
        name for name, groups in groups_of.items() if len(groups) == 1 and None not in groups
    )
    findings = (
        HealthFinding(kind="separated copies", pairs=_separated(list(members.values()))),
        HealthFinding(kind="one source", classes=tuple(one_source)),
        HealthFinding(kind="conflicting labels", pairs=_conflicting(list(members.values()))),
    )
    return [finding for finding in findings if finding.classes or finding.pairs]


DISMISSED = "health"  # kind of decision


def dismiss_findings(workspace: Workspace, project_id: str, keys: Iterable[str]) -> None:
    """Never show findings with these keys again."""
    with session(workspace) as opened:
        data = {"keys": sorted(keys)}
        opened.add(GroupDecisionRow(project_id=project_id, kind=DISMISSED, data=data))


def dismissed_findings(workspace: Workspace, project_id: str) -> frozenset[str]:
    """Return the keys of all findings that were dismissed."""
    with session(workspace, write=False) as opened:
        rows = decisions(opened, project_id, DISMISSED)
    return frozenset(key for row in rows for key in row.data["keys"])


def restore_findings(workspace: Workspace, project_id: str) -> None:
    """Show all findings again that were dismissed."""
    with session(workspace) as opened:
        for row in decisions(opened, project_id, DISMISSED):
            opened.delete(row)


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Test pictures of the person's folders that are in the training part, too.

    Args:
        total: How many test pictures there are, those left out as copies included.
        exact: Files that were left out because a training picture is exactly the same.
        near: Digests of test pictures in a group with training pictures.
    """

    total: int
    exact: tuple[Skipped, ...]
    near: frozenset[str]

    @property
    def count(self) -> int:
        return len(self.exact) + len(self.near)


def test_overlap(workspace: Workspace, project_id: str) -> Overlap | None:
    """Return which test pictures are in the training part, too; None without a test part.

    Near copies are known as far as they were searched for.
    """
    rows = {row.digest: row for row in picture_rows(workspace, project_id)}
    skipped = list_skipped(workspace, project_id)
    given = {row.split_given for row in rows.values()} | {one.split for one in skipped}
    test = TEST if TEST in given else VALIDATION
    tested = {row.digest for row in rows.values() if row.split_given == test}
    if test not in given or len(tested) == len(rows):
        return None
    learnt = {row.digest: row for row in rows.values() if row.digest not in tested}
    again = [one for one in skipped if one.split == test and one.copy_of in learnt]
    groups = {row.group for row in learnt.values()} - {None}
    near = frozenset(digest for digest in tested if rows[digest].group in groups)
    return Overlap(total=len(tested) + len(again), exact=tuple(again), near=near)


Members = list[list[tuple[str | None, PictureName]]]


def _separated(groups: Members) -> tuple[tuple[PictureName, PictureName], ...]:
    """Return a tested and a learnt picture of each group that the person's folders separate."""
    test = TEST if any(given == TEST for group in groups for given, _ in group) else VALIDATION
    pairs = []
    for group in groups:
        tested = [picture for given, picture in group if given == test]
        learnt = [picture for given, picture in group if given not in (None, test)]
        pairs += zip(tested[:1], learnt[:1], strict=False)
    return tuple(pairs)


def _conflicting(groups: Members) -> tuple[tuple[PictureName, PictureName], ...]:
    pairs = []
    for group in groups:
        first = {picture.class_name: picture for _, picture in reversed(group)}
        if len(first) > 1:
            one, other = sorted(first)[:2]
            pairs.append((first[one], first[other]))
    return tuple(pairs)


def _on_counts(classes: list[ClassSummary]) -> list[HealthFinding]:
    counts = {one.name: one.images - one.excluded for one in classes}
    usable = {name: count for name, count in counts.items() if count >= LEAST_PER_CLASS}
    too_few = tuple(name for name in counts if name not in usable)
    few = tuple(name for name, count in usable.items() if count < FEW_PER_CLASS)
    found = [HealthFinding(kind="too few", classes=too_few)] if too_few else []
    found += [HealthFinding(kind="few", classes=few)] if few else []
    if len(usable) > 1:
        small, large = min(usable, key=usable.__getitem__), max(usable, key=usable.__getitem__)
        if usable[large] >= LEAST_IMBALANCE * usable[small]:
            sizes = (usable[large], usable[small])
            found.append(HealthFinding(kind="imbalance", classes=(large, small), counts=sizes))
    return found


def _on_names(classes: list[ClassSummary]) -> list[HealthFinding]:
    alike = defaultdict(list)
    for one in classes:
        alike[one.name.casefold()].append(one.name)
    return [
        HealthFinding(kind="similar names", classes=tuple(names))
        for names in alike.values()
        if len(names) > 1
    ]

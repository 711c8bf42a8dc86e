"""Which pictures the lines of a label file mean, what they would change, and the change itself."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import select

from tl_core.errors import DatasetError
from tl_core.images.label_files.reading import LabelFile, Line
from tl_core.images.labels.classes import add_class
from tl_core.images.labels.questions import TRUTHS, answers_of, clean_text
from tl_core.images.queries import class_row, update_images
from tl_core.images.records import clean_class_name, pictures
from tl_core.images.undo import remember
from tl_core.workspace.database import ClassRow, ImageRow, session
from tl_core.workspace.storage import Workspace


@dataclass(frozen=True, kw_only=True)
class LabelPlan:
    """What a label file would change.

    Attributes:
        labels: Class by the id of each picture that the file gives one.
        now: Class of each picture, or None.
        new_classes: Classes that there are none of yet, as the file writes them.
        unknown: Names in the file that are no picture here.
        several: Names of more than one picture here, so that it is not known which is meant.
        doubled: Names that the file gives more than one label.
        unusable: Names whose label cannot be the name of a class.
        missing: How many pictures the file does not name.
        alike: Labels that differ only by case or spaces, each group with the class that exists
            or the most frequent of them first.
        answers: By further column of the file, the answer by the id of each picture; columns that
            hold nothing but 0 and 1 answer yes or no.
        answered: The same, as it is now.
    """

    labels: Mapping[int, str]
    now: Mapping[int, str | None]
    new_classes: tuple[str, ...]
    unknown: tuple[str, ...]
    several: tuple[str, ...]
    doubled: tuple[str, ...]
    unusable: tuple[str, ...]
    missing: int
    alike: tuple[tuple[str, ...], ...]
    answers: Mapping[str, Mapping[int, str]]
    answered: Mapping[str, Mapping[int, str]]

    def new_answers(self, question: str) -> dict[int, str]:
        """Return the answers to a question that pictures do not have yet."""
        now = self.answered.get(question, {})
        return {row: one for row, one in self.answers[question].items() if now.get(row) != one}

    def changes(self, becomes: Mapping[str, str] | None = None) -> dict[int, str]:
        """Return the new class of each picture that gets another, spelled as `becomes` says."""
        spelled = {row: (becomes or {}).get(name, name) for row, name in self.labels.items()}
        return {row: name for row, name in spelled.items() if self.now[row] != name}


def plan_labels(workspace: Workspace, project_id: str, file: LabelFile) -> LabelPlan:
    """Find the pictures that a label file means; nothing is changed."""
    columns = (ImageRow.id, ImageRow.name, ImageRow.digest, ClassRow.name)
    wanted = (
        select(*columns)
        .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(ImageRow.project_id == project_id, ImageRow.place.is_(None))
    )
    with session(workspace, write=False) as opened:
        rows = opened.execute(wanted).all()
        classes = list(
            opened.scalars(select(ClassRow.name).where(ClassRow.project_id == project_id))
        )
    now = {row_id: class_name for row_id, _, _, class_name in rows}
    found, unknown, several = _found(file.lines, _Pictures(rows))
    labels, doubled, unusable = {}, [], []
    for row_id, lines in found.items():
        given = {line.label for line in lines if line.label}
        try:
            cleaned = {clean_class_name(label) for label in given}
        except DatasetError:
            unusable.append(lines[0].name)
            continue
        if len(cleaned) > 1:
            doubled.append(lines[0].name)
        elif cleaned:
            labels[row_id] = cleaned.pop()
    answers = _answers(found, doubled, unusable)
    ids = {digest: row_id for row_id, _, digest, _ in rows}
    known = answers_of(workspace, project_id, excluded=None) if answers else {}
    return LabelPlan(
        labels=labels,
        now=now,
        new_classes=tuple(sorted(set(labels.values()) - set(classes))),
        unknown=tuple(unknown),
        several=tuple(several),
        doubled=tuple(doubled),
        unusable=tuple(unusable),
        missing=len(now.keys() - found.keys()),
        alike=alike_names(classes, labels.values()),
        answers=answers,
        answered={
            question: {ids[digest]: one for digest, one in given.items() if digest in ids}
            for question, given in known.items()
        },
    )


def _answers(
    found: Mapping[int, list[Line]], doubled: list[str], unusable: list[str]
) -> dict[str, dict[int, str]]:
    """Return the answers by question; add the names of pictures of which some cannot be used."""
    answers: dict[str, dict[int, str]] = defaultdict(dict)
    for row_id, lines in found.items():
        for column in dict.fromkeys(name for line in lines for name in line.answers):
            given = {line.answers[column] for line in lines if column in line.answers}
            try:
                question = clean_text(column, "question")
                cleaned = {clean_text(one, "answer") for one in given}
            except DatasetError:
                unusable.append(f"{lines[0].name} ({column[:60]})")
                continue
            if len(cleaned) > 1:
                doubled.append(f"{lines[0].name} ({question})")
            else:
                answers[question][row_id] = cleaned.pop()
    for question, given in answers.items():
        said = {one: TRUTHS.get(one.casefold()) for one in set(given.values())}
        if all(said.values()):
            answers[question] = {row_id: said[one] for row_id, one in given.items()}
    return dict(answers)


def alike_names(classes: Iterable[str], labels: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of names that differ only by case or spaces, a class that exists first."""
    classes, counts = set(classes), defaultdict(int)
    for label in labels:
        counts[label] += 1
    groups = defaultdict(set)
    for name in classes | counts.keys():
        groups["".join(name.casefold().split())].add(name)
    return tuple(
        tuple(sorted(names, key=lambda name: (name not in classes, -counts[name], name)))
        for _, names in sorted(groups.items())
        if len(names) > 1 and names & counts.keys()
    )


def give_labels(
    workspace: Workspace, project_id: str, labels: Mapping[int, str], *, named: str = "a file"
) -> int:
    """Give pictures their classes, in one change that can be undone; return how many changed.

    Args:
        labels: Class name by the id of a picture; classes that do not exist are made.
        named: Where the labels come from, for the list of changes.
    """
    by_class = defaultdict(list)
    for row_id, label in labels.items():
        by_class[clean_class_name(label)].append(row_id)
    with session(workspace) as opened:
        now = dict(
            opened.execute(
                select(ImageRow.id, ImageRow.class_id).where(
                    ImageRow.project_id == project_id, ImageRow.place.is_(None)
                )
            ).all()
        )
        created, moving = [], {}
        for label, ids in by_class.items():
            row = class_row(opened, project_id, label)
            if row is None:
                created.append(row := add_class(opened, project_id, label))
            moving[row.id] = [one for one in ids if one in now and now[one] != row.id]
        changing = [one for ids in moving.values() for one in ids]
        if changing or created:
            remember(
                opened,
                project_id,
                f"take {pictures(len(changing))} to the classes of {named}",
                created=created,
                image_ids=changing,
            )
        for class_id, ids in moving.items():
            update_images(opened, project_id, ids, class_id=class_id)
    return len(changing)


class _Pictures:
    """A project's pictures by digest, by whole name and by the ends of names."""

    def __init__(self, rows: Iterable[tuple[int, str, str, str | None]]) -> None:
        self.by_digest: dict[str, int] = {}
        self.by_end: dict[str, list[int]] = defaultdict(list)
        for row_id, name, digest, _ in rows:
            self.by_digest[digest] = row_id
            parts = _parts(name)
            for start in range(len(parts)):
                self.by_end["/".join(parts[start:])].append(row_id)

    def meant(self, line: Line) -> list[int]:
        """Return the pictures whose name ends so; of a longer name, as much as is known here."""
        if line.digest in self.by_digest:
            return [self.by_digest[line.digest]]
        parts = _parts(line.name)
        for start in range(len(parts)):
            if found := self.by_end.get("/".join(parts[start:])):
                return found
        return []


def _parts(name: str) -> list[str]:
    return [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".")]


def _found(
    lines: Iterable[Line], known: _Pictures
) -> tuple[dict[int, list[Line]], list[str], list[str]]:
    """Return lines by picture, and the names that are no picture and those that are several."""
    found: dict[int, list[Line]] = defaultdict(list)
    unknown, several = [], []
    for line in lines:
        meant = known.meant(line)
        if len(meant) == 1:
            found[meant[0]].append(line)
        else:
            (several if meant else unknown).append(line.name)
    return found, unknown, several

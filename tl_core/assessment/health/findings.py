"""What the parts of a health check say, as findings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tl_core.assessment.health.giveaways import Giveaway, giveaways
from tl_core.assessment.health.quality import quality_of
from tl_core.assessment.health.structure import outliers, similar_classes, split_classes
from tl_core.assessment.health.suspects import Credibility
from tl_core.assessment.health.traits import Traits
from tl_core.images import Overlap, PictureRow, Skipped
from tl_core.images.health import LEAST_IMBALANCE
from tl_core.runs.results.health import (
    Finding,
    Suspect,
    counted,
    severity_of,
    single_message,
)

SHOWN = 12  # examples of a class


@dataclass(frozen=True)
class Pictures:
    """N pictures, what is said of their labels, and files that are copies of them.

    Args:
        rows: As the database has them.
        class_names: K.
        labels: Index of each class, int64 (N,), -1 without one.
        said: None where there are no two classes.
        copies: Files that were left out, exactly the same as some of `rows`.
    """

    rows: Sequence[PictureRow]
    class_names: Sequence[str]
    labels: np.ndarray
    said: Credibility | None
    copies: Sequence[Skipped]

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {one.digest: row for row, one in enumerate(self.rows)}

    def suspect(self, row: int) -> Suspect:
        one, label = self.rows[row], int(self.labels[row])
        found = Suspect(one.name, one.digest, one.class_name, split=one.split_given)
        if self.said is None or label < 0 or not self.said.measured[row]:
            return found
        other = self.said.probabilities[row].copy()
        other[label] = -1
        return replace(
            found,
            suggested=self.class_names[int(other.argmax())],
            score=float(self.said.score[row]),
            probability=float(other.max()),
        )

    def suspects(self, rows: Iterable[int]) -> tuple[Suspect, ...]:
        return tuple(self.suspect(int(row)) for row in rows)

    def copy(self, file: Skipped) -> Suspect:
        """Return a file that was left out, with what is said of its own label."""
        row = self.row_of[file.copy_of]
        first = self.suspect(row)
        found = replace(first, file=file.name, digest=None, label=file.class_name, split=file.split)
        if self.said is None or first.suggested is None or file.class_name == first.label:
            return found
        if file.class_name not in self.class_names:
            return replace(found, suggested=None, score=0.0)
        own = self.said.probabilities[row][self.class_names.index(file.class_name)]
        return replace(found, suggested=first.label, score=float(1 - own), probability=0.0)

    def by_suspicion(self) -> list[Suspect]:
        """Return every picture and every copy, the most suspect label first."""
        everything = [*self.suspects(range(len(self.rows))), *map(self.copy, self.copies)]
        return sorted(everything, key=lambda one: (-one.score, one.file))

    @property
    def size(self) -> int:
        return len(self.rows)


def on_copies(pictures: Pictures, groups: Sequence[Sequence[int]]) -> list[Finding]:
    """Return files that are exactly the same, and groups (rows) that show the same thing."""
    of = {}
    for file in pictures.copies:
        of.setdefault(file.copy_of, []).append(pictures.copy(file))
    exact = [(pictures.suspect(pictures.row_of[digest]), *files) for digest, files in of.items()]
    near = [pictures.suspects(rows) for rows in groups if len(rows) > 1]
    return [
        *(_same("duplicate", some, pictures.size, "are exactly the same file") for some in exact),
        *(_same("near_duplicate", some, pictures.size, "show the same thing") for some in near),
    ]


def _same(kind: str, some: tuple[Suspect, ...], size: int, what: str) -> Finding:
    classes = tuple(sorted({one.label for one in some if one.label}))
    message = f"{counted(len(some))} {what}."
    severity = severity_of(kind, len(some) / size)
    if len(classes) > 1:
        names = " and ".join(f"“{name}”" for name in classes)
        message = f"{message[:-1]}, but labelled {names}. At least one label is wrong."
        severity = severity_of("conflict", 0.5 * (kind == "duplicate") + 0.5 * len(some) / size)
    points = 100 / size if len(classes) > 1 else None
    return Finding(
        kind=kind,
        severity=severity,
        message=message,
        pictures=some,
        classes=classes,
        points=points,
    )


def on_overlap(pictures: Pictures, overlap: Overlap | None) -> list[Finding]:
    if overlap is None or not overlap.count:
        return []
    near = [i for i, one in enumerate(pictures.rows) if one.digest in overlap.near]
    exact = [pictures.copy(file) for file in overlap.exact if file.copy_of in pictures.row_of]
    message = f"{overlap.count:,} of {counted(overlap.total, 'test picture')} "
    message += "are in the training folder, too"
    message += f", {len(near):,} of them as near copies" if near else ""
    return [
        Finding(
            kind="overlap",
            severity=severity_of("overlap", overlap.count / overlap.total),
            message=f"{message}. Results on them say nothing about new pictures.",
            pictures=(*exact, *pictures.suspects(near)),
        )
    ]


def on_labels(pictures: Pictures) -> list[Finding]:
    if pictures.said is None or not pictures.said.errors.any():
        return []
    rows = np.flatnonzero(pictures.said.errors)
    rows = rows[np.argsort(-pictures.said.score[rows], kind="stable")]
    share = len(rows) / max(pictures.said.measured.sum(), 1)
    return [
        Finding(
            kind="label",
            severity=severity_of("label", share),
            message=single_message("label", "", len(rows)),
            pictures=pictures.suspects(rows),
            points=100 * share,
        )
    ]


def on_balance(pictures: Pictures) -> list[Finding]:
    counts = np.bincount(pictures.labels[pictures.labels >= 0])
    if len(counts) < 2 or counts.max() < LEAST_IMBALANCE * counts.min():
        return []
    large, small = int(counts.argmax()), int(counts.argmin())
    names = pictures.class_names[large], pictures.class_names[small]
    return [
        Finding(
            kind="imbalance",
            severity=severity_of("imbalance", 1 - LEAST_IMBALANCE * counts[small] / counts[large]),
            message=f"“{names[0]}” has {counted(int(counts[large]))}, “{names[1]}” only "
            f"{counts[small]}. Add pictures of the small classes.",
            pictures=pictures.suspects(np.flatnonzero(pictures.labels == small)[:SHOWN]),
            classes=names,
        )
    ]


def on_giveaways(pictures: Pictures, traits: Traits, groups: np.ndarray) -> list[Finding]:
    some = np.flatnonzero(pictures.labels >= 0)
    if pictures.said is None:
        return []
    found = giveaways(
        Traits(
            {name: values[some] for name, values in traits.numbers.items()},
            {name: values[some] for name, values in traits.texts.items()},
        ),
        pictures.labels[some],
        groups[some],
        len(pictures.class_names),
    )
    return [_giveaway(pictures, one) for one in found]


def _giveaway(pictures: Pictures, found: Giveaway) -> Finding:
    names = tuple(pictures.class_names[label] for label in found.classes)
    told = [
        f"“{name}” ({value})" if value else f"“{name}”"
        for name, value in zip(names, found.values, strict=True)
    ]
    said = pictures.said
    chance = 1 / len(pictures.class_names)
    model = float(said.right[said.measured].mean()) if said.measured.any() else 0.0
    rows = [
        np.flatnonzero(pictures.labels == c)[: max(2, SHOWN // len(names))] for c in found.classes
    ]
    return Finding(
        kind="giveaway",
        severity=severity_of("giveaway", (found.accuracy - chance) / (1 - chance)),
        message=f"The {found.trait} alone tells {', '.join(told)} from the other classes. A guess "
        f"by it is right for {100 * found.accuracy:.0f} % (by chance {100 * chance:.0f} %, the "
        f"model {100 * model:.0f} %).",
        pictures=pictures.suspects(np.concatenate(rows)),
        about=found.trait,
        classes=names,
        points=100 * max(0.0, min(found.accuracy, model) - chance),
    )


def on_classes(pictures: Pictures, last: np.ndarray, groups: np.ndarray) -> list[Finding]:
    """Return classes that look like one, and such that look like two."""
    if pictures.said is None:
        return []
    names, labels, said = pictures.class_names, pictures.labels, pictures.said
    found = []
    for a, b, wrong in similar_classes(said.probabilities, labels, said.measured):
        rows = np.flatnonzero(np.isin(labels, (a, b)))
        rows = rows[np.argsort(-said.score[rows], kind="stable")]
        points = 100 * wrong * len(rows) / max(said.measured.sum(), 1)
        found.append(
            Finding(
                kind="similar_classes",
                severity=severity_of("similar_classes", points / 100),
                message=f"“{names[a]}” and “{names[b]}” look like one class: {100 * wrong:.0f} % "
                "are taken for the other. Merge them, or check what tells them apart.",
                pictures=pictures.suspects(rows[:SHOWN]),
                classes=(names[a], names[b]),
                points=points,
            )
        )
    some = np.flatnonzero(labels >= 0)
    for c, rows in split_classes(last[some], labels[some], groups[some]):
        count = int((labels == c).sum())
        found.append(
            Finding(
                kind="split_class",
                severity=severity_of("split_class", count / pictures.size),
                message=f"“{names[c]}” looks like two kinds of pictures. If that matters to you, "
                "make them two classes; if not, take care that both are tested.",
                pictures=pictures.suspects(some[rows][:SHOWN]),
                classes=(names[c],),
            )
        )
    return found


def on_quality(pictures: Pictures, traits: Traits) -> list[Finding]:
    return [
        Finding(
            kind="quality",
            severity=severity_of("quality", len(rows) / pictures.size),
            message=single_message("quality", about, len(rows)),
            pictures=pictures.suspects(rows),
            about=about,
        )
        for about, rows in quality_of(traits).items()
    ]


def on_outliers(pictures: Pictures, last: np.ndarray, groups: np.ndarray) -> list[Finding]:
    rows = outliers(last, groups)
    if not len(rows):
        return []
    return [
        Finding(
            kind="outlier",
            severity=severity_of("outlier", len(rows) / pictures.size),
            message=single_message("outlier", "", len(rows)),
            pictures=pictures.suspects(rows),
        )
    ]

"""Subsets of a project's pictures that a person may want to compare: two cameras, two classes.

A subset is written as one word and a value, "class:ants", "split:test", "folder:camera A", or as
a pattern of file names alone, "cam1_*".
"""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

KINDS = ("class", "split", "folder", "names")
LEAST_COMPARED = 5  # pictures that a subset needs to be compared
MOST_OFFERED_PER_KIND = 60  # subsets, the largest
SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}
# "cam1_" of "cam1_0007.jpg": a word and what separates it; "DSC" of "DSC0012.jpg": letters
_BEGINNING = re.compile(r"\d*[^\W\d_][^\W_]*[-_ ]|[^\W\d_]+(?=\d)")


@dataclass(frozen=True)
class SubsetFacts:
    """What decides to which subsets a picture belongs; `name` has its folders."""

    name: str
    class_name: str
    split: str | None


@dataclass(frozen=True)
class Subset:
    """`kind` is one of `KINDS`; `value` a class, a split, a folder or a pattern of file names."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def title(self) -> str:
        """How a sentence calls it."""
        if self.kind == "split":
            return f"{SPLITS.get(self.value, self.value)} pictures"
        if self.kind == "names":
            return f"Files “{self.value}”"
        return f"{self.kind.capitalize()} “{self.value}”"

    def holds(self, picture: SubsetFacts) -> bool:
        """Whether a picture belongs to it; in file names capitals do not count."""
        if self.kind == "class":
            return picture.class_name == self.value
        if self.kind == "split":
            return picture.split == self.value
        if self.kind == "folder":
            return picture.name.startswith(f"{self.value}/")
        names = (picture.name.lower(), picture.name.lower().rpartition("/")[2])
        return any(fnmatch.fnmatchcase(name, self.value.lower()) for name in names)


def parse_subset(text: str) -> Subset:
    """Return what a text describes; whatever names no kind is a pattern of file names."""
    kind, colon, value = text.partition(":")
    return Subset(kind, value) if colon and kind in KINDS else Subset("names", text)


def parse_typed_subset(text: str) -> Subset:
    """Return the subset that a person means: without a star, what file names have in common."""
    subset = parse_subset(text.strip())
    plain = subset.kind == "names" and not any(sign in subset.value for sign in "*?[")
    return Subset("names", f"*{subset.value}*") if plain else subset


def offered_subsets(pictures: Iterable[SubsetFacts]) -> list[tuple[Subset, int]]:
    """Return the subsets of these pictures that can be compared, each with how many it has.

    Splits first, then folders that are no classes, beginnings of file names, classes; none that
    holds everything.
    """
    pictures = list(pictures)
    counts = {kind: Counter[str]() for kind in ("split", "folder", "names", "class")}
    for picture in pictures:
        counts["class"][picture.class_name] += 1
        if picture.split in SPLITS:
            counts["split"][picture.split] += 1
        counts["folder"].update(_folders(picture))
        if beginning := _beginning(picture.name):
            counts["names"][f"{beginning}*"] += 1
    return [
        (Subset(kind, value), count)
        for kind, found in counts.items()
        for value, count in found.most_common(MOST_OFFERED_PER_KIND)
        if LEAST_COMPARED <= count < len(pictures)
    ]


def _folders(picture: SubsetFacts) -> Iterator[str]:
    """Yield the folders that a picture lies in, except the one that only names its class."""
    parts = picture.name.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        if parts[:depth] != [picture.class_name]:
            yield "/".join(parts[:depth])


def _beginning(name: str) -> str | None:
    found = _BEGINNING.match(name.rpartition("/")[2])
    return found and found[0]

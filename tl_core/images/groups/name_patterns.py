"""What file names say about where pictures come from: proposals, never more.

"IMG_12_flipLR" and "IMG_12_180deg" were made from one picture; "patient07-1" and "patient07-2"
show one patient. Names of folders count as part of neither.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ENDINGS, PREFIXES = "endings", "prefixes"
MOST_SHARING_A_PREFIX = 0.5  # of the pictures; one that more share names no single source
LEAST_WITH_A_SHARED_PREFIX = 0.5  # of the pictures have a prefix that another one shares

_MADE = (
    r"(?:new)?(?:rot(?:ated?)?[-_]?)?\d{1,3}[-_]?deg(?:rees?)?(?:flip(?:lr|tb|ud|h|v))?"
    r"|(?:new)?flip(?:ped)?[-_]?(?:lr|tb|ud|h|v|horizontal|vertical)?"
    r"|(?:new)?mirror(?:ed)?|rot(?:ated?)?[-_]?\d*|aug(?:mented)?[-_]?\d*"
    r"|new(?:[rgb]{3}|pixel\d+)|copy(?:[-_ ]?\d+)?|copied|edit(?:ed)?|crop(?:ped)?[-_]?\d*"
    r"|resized?[-_]?\d*|scaled?[-_]?\d*|blur(?:red)?[-_]?\d*|noisy?[-_]?\d*|bright\w*|dark\w*"
    r"|small|thumb(?:nail)?|\d{2,4}x\d{2,4}|\(\d{1,2}\)"
)
_ENDING = re.compile(rf"[ _.\-]+(?:{_MADE})$|\(\d{{1,2}}\)$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?P<prefix>.*?)[ _.\-]+[a-z]{0,6}[ _.\-]?\d{1,6}[a-z]?$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NamePattern:
    """Pictures (row ids) whose names say that they come from one source, by what they share.

    `kind` is "endings" (copies of one picture) or "prefixes" (one patient, plot, machine).
    """

    kind: str
    groups: Mapping[str, list[int]]

    @property
    def images(self) -> int:
        return sum(len(ids) for ids in self.groups.values())


def name_patterns(names: Iterable[tuple[int, str]]) -> list[NamePattern]:
    """Return what the names of pictures, as (id, path), suggest; each kind once, or not at all."""
    stems = {image_id: _stem(name) for image_id, name in names}
    sources = {image_id: _without_endings(stem) for image_id, stem in stems.items()}
    found = []
    made = {sources[i] for i, stem in stems.items() if sources[i] != stem}
    copies = _shared({i: source for i, source in sources.items() if source in made})
    if copies:
        found.append(NamePattern(kind=ENDINGS, groups=copies))
    prefixes = _shared({i: prefix for i, s in sources.items() if (prefix := _prefix(s))})
    covered = sum(len(ids) for ids in prefixes.values())
    largest = max((len(ids) for ids in prefixes.values()), default=0)
    if (
        len(prefixes) > 1
        and covered >= LEAST_WITH_A_SHARED_PREFIX * len(stems)
        and largest <= MOST_SHARING_A_PREFIX * len(stems)
    ):
        found.append(NamePattern(kind=PREFIXES, groups=prefixes))
    return found


def _stem(path: str) -> str:
    name = re.split(r"[\\/]", path)[-1]
    return name.rpartition(".")[0] or name


def _without_endings(stem: str) -> str:
    """Return the name of the picture that this one was made from: its own, as a rule."""
    while (shorter := _ENDING.sub("", stem)) != stem and shorter:
        stem = shorter
    return stem


def _prefix(stem: str) -> str | None:
    """Return "patient07" of "patient07-3"; a prefix without a number names no single source."""
    match = _NUMBERED.match(stem)
    prefix = match["prefix"] if match else ""
    return prefix if any(letter.isdigit() for letter in prefix) else None


def _shared(keys: Mapping[int, str]) -> dict[str, list[int]]:
    members = defaultdict(list)
    for image_id, key in keys.items():
        members[key].append(image_id)
    return {key: ids for key, ids in members.items() if len(ids) > 1}

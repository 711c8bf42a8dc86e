"""Draw train, validation and test: stratified, seeded, stable when pictures are added.

A pure function of pictures, groups, classes and seed: nothing is stored. A group of pictures that
show the same thing lies in one part as a whole.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class SplitFacts:
    """What decides the part of a picture; `given` is the split from the person's folders."""

    digest: str
    class_name: str
    given: str | None = None
    group: str | None = None


def draw_splits(pictures: Sequence[SplitFacts], *, seed: int) -> tuple[list[str], bool]:
    """Place every picture.

    A test part that the person brought is kept as it is (without one, a validation part counts
    as test), and the rest is drawn 80/20 into train and validation. Otherwise everything is
    drawn 60/20/20. A seed puts all pictures into one order for ever, and every class is cut at
    its shares along it: a picture that is added moves at most three others of its class.

    A group is placed as a whole; only the person's own folders can separate it. The only group of
    a class goes to train.

    Args:
        pictures: All that take part, each digest once, in any order.
        seed: Of the draw.

    Returns:
        The split of each picture, in order, and whether the test part was given.
    """
    fixed = _fixed(pictures)
    test_given = TEST in fixed.values()
    if test_given:
        shares = {VALIDATION: 0.0 if VALIDATION in fixed.values() else 0.2}
    else:
        shares = {TEST: 0.2, VALIDATION: 0.2}
    placed = fixed | _following(pictures, fixed)
    units = _units((one for one in pictures if one.digest not in placed), seed)
    parts = _place(units, shares)
    placed.update((digest, parts[unit.key]) for unit in units for digest in unit.digests)
    return [placed[picture.digest] for picture in pictures], test_given


def given_test(pictures: Sequence[SplitFacts]) -> frozenset[str]:
    """Return the digests of the test part that the person brought; the same for every seed."""
    fixed = _fixed(pictures)
    if TEST not in fixed.values():
        return frozenset()
    placed = fixed | _following(pictures, fixed)
    return frozenset(digest for digest, split in placed.items() if split == TEST)


def quotas(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Return how many of `count` pictures of a class go where.

    The first one goes to train, the next to the parts in the order of `shares`; parts with a
    share above zero get at least one picture as long as train keeps one.
    """
    result, left = {TRAIN: 0}, count - 1
    for split, share in shares.items():
        result[split] = min(left, max(1, round(share * count))) if share and left > 0 else 0
        left -= result[split]
    result[TRAIN] = count - sum(result.values())
    return result


@dataclass
class _Unit:
    """What is placed as a whole: a group, or one picture; `key` is its first digest."""

    key: str
    digests: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)


def _fixed(pictures: Sequence[SplitFacts]) -> dict[str, str]:
    """Return the splits that the person decided, by digest."""
    given = {picture.given for picture in pictures}
    names = {TEST: TEST, VALIDATION: VALIDATION} if TEST in given else {VALIDATION: TEST}
    fixed = {p.digest: names[p.given] for p in pictures if p.given in names}
    # Everything in "test" means a folder that happens to be called so: nothing to learn from.
    return fixed if len(fixed) < len(pictures) else {}


def _following(pictures: Sequence[SplitFacts], fixed: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of pictures that came without one and belong to a group that has one."""
    leading: dict[str, str] = {}
    for picture in pictures:
        if picture.group is not None and picture.digest in fixed:
            known = leading.get(picture.group)
            leading[picture.group] = TEST if known == TEST else fixed[picture.digest]
    return {
        p.digest: leading[p.group]
        for p in pictures
        if p.group in leading and p.given is None and p.digest not in fixed
    }


def _units(pictures: Iterable[SplitFacts], seed: int) -> list[_Unit]:
    """Return what is to be placed, in the seed's order."""
    units: dict[tuple, _Unit] = {}
    for picture in sorted(pictures, key=lambda p: p.digest):
        name = (0, picture.digest) if picture.group is None else (1, picture.group)
        unit = units.setdefault(name, _Unit(key=picture.digest))
        unit.digests.append(picture.digest)
        unit.classes[picture.class_name] += 1
    return sorted(units.values(), key=lambda unit: _rank(unit.key, seed))


def _rank(digest: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{digest}".encode(), digest_size=16).digest()


def _place(units: list[_Unit], shares: Mapping[str, float]) -> dict[str, str]:
    """Return the part of every unit, by its key."""
    by_class: dict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        for name in unit.classes:
            by_class[name].append(unit)
    parts = {members[0].key: TRAIN for members in by_class.values() if len(members) == 1}
    for name in sorted(by_class):
        _place_class(name, by_class[name], parts, shares)
    for _, members in sorted(by_class.items()):  # all of it came with groups of other classes
        if TRAIN not in {parts[unit.key] for unit in members}:
            smallest = min(members, key=lambda unit: (len(unit.digests), unit.key))
            parts[smallest.key] = TRAIN
    return parts


def _place_class(
    name: str, units: list[_Unit], parts: dict[str, str], shares: Mapping[str, float]
) -> None:
    """Add the parts of those units of a class that have none yet.

    In the seed's order they fill one part after the other. Groups that would make up half of a
    small part or more are placed before, the largest first, where most is lacking. When only as
    many units are left as there are parts without any, each of these parts gets one.
    """
    order = (*shares, TRAIN)
    lacking = quotas(sum(unit.classes[name] for unit in units), shares)
    large = max(1.0, min(lacking.values()) / 2)
    needed = {split for split, count in quotas(len(units), shares).items() if count}
    for unit in units:
        if unit.key in parts:
            lacking[parts[unit.key]] -= unit.classes[name]
            needed.discard(parts[unit.key])
    new = [unit for unit in units if unit.key not in parts]
    new.sort(key=lambda unit: -unit.classes[name] if unit.classes[name] > large else 0)
    for left, unit in zip(range(len(new), 0, -1), new, strict=True):
        count = unit.classes[name]
        open_to = [split for split in order if split in needed] if left <= len(needed) else order
        part = max(open_to, key=lacking.__getitem__)
        if count <= large:
            part = next((split for split in open_to if 2 * lacking[split] >= count), part)
        parts[unit.key] = part
        lacking[part] -= count
        needed.discard(part)

"""Draw train, validation and test: stratified, seeded, stable when pictures are added.

A group of pictures that show the same thing lies in one part as a whole. Pure functions on
values; `sets` reads and stores them.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Placed:
    """A picture with the split from the person's folders and the one drawn earlier, if any."""

    digest: str
    class_name: str
    given: str | None = None
    drawn: str | None = None
    group: str | None = None


def draw_splits(pictures: Sequence[Placed], *, seed: int) -> tuple[list[str], bool]:
    """Place every picture.

    A test part that the person brought is kept as it is (without one, a validation part counts
    as test), and the rest is drawn 80/20 into train and validation. Otherwise everything is
    drawn 60/20/20. Earlier draws stay, new pictures fill up what their class lacks; the same
    pictures and seed give the same result in any order.

    A group is placed as a whole, and again where earlier draws separate it; only the person's
    own folders can (see `separated`). The only group of a class goes to train.

    Args:
        pictures: All that take part, each digest once.
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
    units = _units(pictures, placed)
    earlier = _still_valid(units, test_given=test_given)
    parts = _place(units, earlier, shares, seed)
    placed.update((digest, parts[unit.key]) for unit in units for digest in unit.digests)
    return [placed[picture.digest] for picture in pictures], test_given


def separated(pictures: Sequence[Placed], splits: Sequence[str]) -> dict[str, list[str]]:
    """Return the digests of every group that lies on both sides of the test, by group."""
    members, sides = defaultdict(list), defaultdict(set)
    for picture, split in zip(pictures, splits, strict=True):
        if picture.group is not None:
            members[picture.group].append(picture.digest)
            sides[picture.group].add(split)
    return {group: members[group] for group in members if len(sides[group]) > 1}


def quotas(count: int, shares: dict[str, float]) -> dict[str, int]:
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
    """What is placed as a whole: a group, or one picture."""

    key: str
    digests: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    drawn: set[str | None] = field(default_factory=set)


def _fixed(pictures: Sequence[Placed]) -> dict[str, str]:
    """Return the splits that the person decided, by digest."""
    given = {picture.given for picture in pictures}
    names = {TEST: TEST, VALIDATION: VALIDATION} if TEST in given else {VALIDATION: TEST}
    fixed = {p.digest: names[p.given] for p in pictures if p.given in names}
    # Everything in "test" means a folder that happens to be called so: nothing to learn from.
    return fixed if len(fixed) < len(pictures) else {}


def _following(pictures: Sequence[Placed], fixed: dict[str, str]) -> dict[str, str]:
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


def _units(pictures: Sequence[Placed], placed: Mapping[str, str]) -> list[_Unit]:
    """Return what is to be placed, in an order that does not depend on that of `pictures`."""
    units: dict[tuple, _Unit] = {}
    for picture in sorted(pictures, key=lambda p: p.digest):
        if picture.digest in placed:
            continue
        name = (0, picture.digest) if picture.group is None else (1, picture.group)
        unit = units.setdefault(name, _Unit(key=picture.digest))
        unit.digests.append(picture.digest)
        unit.classes[picture.class_name] += 1
        unit.drawn.add(picture.drawn)
    return sorted(units.values(), key=lambda unit: unit.key)


def _still_valid(units: list[_Unit], *, test_given: bool) -> dict[str, str]:
    """Return the earlier parts by unit, or none if they were drawn for another kind of test.

    A group in which some pictures are new stays where the others are; one that lies in several
    parts is placed again.
    """
    drawn = {split for unit in units for split in unit.drawn}
    if (TEST in drawn) == test_given:
        return {}
    known = {unit.key: unit.drawn - {None} for unit in units}
    return {key: next(iter(parts)) for key, parts in known.items() if len(parts) == 1}


def _place(
    units: list[_Unit], earlier: dict[str, str], shares: dict[str, float], seed: int
) -> dict[str, str]:
    """Return the part of every unit."""
    by_class: dict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        for name in unit.classes:
            by_class[name].append(unit)
    parts = {key: split for key, split in earlier.items() if split in (TRAIN, *shares)}
    parts |= {members[0].key: TRAIN for members in by_class.values() if len(members) == 1}
    for name in sorted(by_class):
        _place_class(name, by_class[name], parts, shares, random.Random(f"{seed}/{name}"))
    for _, members in sorted(by_class.items()):
        if TRAIN not in {parts[unit.key] for unit in members}:
            parts[_smallest(members).key] = TRAIN
    for _, members in sorted(by_class.items()):
        _fill_empty(members, parts, shares)
    return parts


def _place_class(
    name: str,
    units: list[_Unit],
    parts: dict[str, str],
    shares: dict[str, float],
    rng: random.Random,
) -> None:
    """Place the units of a class that have no part yet, the largest first, where most is lacking.

    When only as many are left as there are parts without any, each of these gets one.
    """
    order = (*shares, TRAIN)
    lacking = quotas(sum(unit.classes[name] for unit in units), shares)
    needed = {split for split, count in quotas(len(units), shares).items() if count}
    new = []
    for unit in units:
        if unit.key in parts:
            lacking[parts[unit.key]] -= unit.classes[name]
            needed.discard(parts[unit.key])
        else:
            new.append(unit)
    rng.shuffle(new)
    new.sort(key=lambda unit: -unit.classes[name])
    for left, unit in zip(range(len(new), 0, -1), new, strict=True):
        open_to = [split for split in order if split in needed] if left <= len(needed) else order
        part = max(open_to, key=lacking.__getitem__)
        parts[unit.key] = part
        lacking[part] -= unit.classes[name]
        needed.discard(part)


def _fill_empty(units: list[_Unit], parts: dict[str, str], shares: dict[str, float]) -> None:
    """Move a unit into each part that lacks the class: relabelling and groups may leave it so.

    Groups that span classes stay, so that filling up one class never empties another.
    """
    wanted = quotas(len(units), shares)
    for split in (TRAIN, *shares):
        inside: dict[str, list[_Unit]] = {part: [] for part in (TRAIN, *shares)}
        for unit in units:
            inside[parts[unit.key]].append(unit)
        spare = {part: len(inside[part]) - wanted[part] for part in inside}
        richest = max(spare, key=spare.__getitem__)
        movable = [unit for unit in inside[richest] if len(unit.classes) == 1]
        if wanted[split] and not inside[split] and spare[richest] > 0 and movable:
            parts[_smallest(movable).key] = split


def _smallest(units: list[_Unit]) -> _Unit:
    return min(units, key=lambda unit: (len(unit.digests), unit.key))

"""Draw train, validation and test: stratified, seeded, stable when pictures are added.

Pure functions on values; `sets` reads and stores them.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Placed:
    """A picture with the split from the person's folders and the one drawn earlier, if any."""

    digest: str
    class_name: str
    given: str | None = None
    drawn: str | None = None


def draw_splits(pictures: Sequence[Placed], *, seed: int) -> tuple[list[str], bool]:
    """Place every picture.

    A test part that the person brought is kept as it is (without one, a validation part counts
    as test), and the rest is drawn 80/20 into train and validation. Otherwise everything is
    drawn 60/20/20. Earlier draws stay, new pictures fill up what their class lacks; the same
    pictures and seed give the same result in any order.

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
    placed = dict(fixed)
    earlier = _still_valid(pictures, fixed, test_given=test_given)
    for class_name, members in _by_class(pictures, fixed).items():
        rng = random.Random(f"{seed}/{class_name}")
        placed.update(_draw_class(members, earlier, shares, rng))
    return [placed[picture.digest] for picture in pictures], test_given


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


def _fixed(pictures: Sequence[Placed]) -> dict[str, str]:
    """Return the splits that the person decided, by digest."""
    given = {picture.given for picture in pictures}
    names = {TEST: TEST, VALIDATION: VALIDATION} if TEST in given else {VALIDATION: TEST}
    fixed = {p.digest: names[p.given] for p in pictures if p.given in names}
    # Everything in "test" means a folder that happens to be called so: nothing to learn from.
    return fixed if len(fixed) < len(pictures) else {}


def _still_valid(
    pictures: Sequence[Placed], fixed: dict[str, str], *, test_given: bool
) -> dict[str, str]:
    """Return the earlier draws, or none if they were made for another kind of test part."""
    earlier = {p.digest: p.drawn for p in pictures if p.drawn and p.digest not in fixed}
    return earlier if (TEST in earlier.values()) != test_given else {}


def _by_class(pictures: Sequence[Placed], fixed: dict[str, str]) -> dict[str, list[str]]:
    """Return the digests to place, by class, in an order that does not depend on `pictures`."""
    classes = defaultdict(list)
    for picture in pictures:
        if picture.digest not in fixed:
            classes[picture.class_name].append(picture.digest)
    return {name: sorted(digests) for name, digests in classes.items()}


def _draw_class(
    digests: list[str], earlier: dict[str, str], shares: dict[str, float], rng: random.Random
) -> dict[str, str]:
    parts: dict[str, list[str]] = {TRAIN: [], **{split: [] for split in shares}}
    new = []
    for digest in digests:
        parts.get(earlier.get(digest, ""), new).append(digest)
    rng.shuffle(new)
    wanted = quotas(len(digests), shares)
    for split in (*shares, TRAIN):
        lacking = max(0, wanted[split] - len(parts[split]))
        parts[split] += new[:lacking]
        new = new[lacking:]
    parts[TRAIN] += new
    for split in parts:  # relabelling may have left a part without a picture of this class
        richest = max(parts, key=lambda name: len(parts[name]))
        if wanted[split] and not parts[split] and len(parts[richest]) > 1:
            parts[split].append(parts[richest].pop())
    return {digest: split for split, members in parts.items() for digest in members}

"""Train, validation and test: stratified, seeded, stable."""

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from tl_core.images.splits import (
    TEST,
    TRAIN,
    VALIDATION,
    Placed,
    draw_splits,
    quotas,
    separated,
)

GIVEN = st.sampled_from([None, TRAIN, VALIDATION, TEST])
GROUP = st.sampled_from([None, None, "g1", "g2", "g3"])
SHARES = {TEST: 0.2, VALIDATION: 0.2}


def placed(counts: dict[str, int], given_split: str | None = None) -> list[Placed]:
    return [Placed(f"{name}{n}", name, given_split) for name in counts for n in range(counts[name])]


def drawn(pictures: list[Placed], *, seed: int = 0) -> list[Placed]:
    """Return the pictures as they are stored after a draw."""
    splits, _ = draw_splits(pictures, seed=seed)
    return [replace(p, drawn=split) for p, split in zip(pictures, splits, strict=True)]


def counts(pictures: list[Placed], class_name: str) -> tuple[int, int, int]:
    found = Counter(p.drawn for p in pictures if p.class_name == class_name)
    return found[TRAIN], found[VALIDATION], found[TEST]


def test_sixty_twenty_twenty_in_every_class() -> None:
    pictures = drawn(placed({"a": 50, "b": 10, "c": 5, "d": 3, "e": 2}))
    assert [counts(pictures, name) for name in "abcde"] == [
        (30, 10, 10),
        (6, 2, 2),
        (3, 1, 1),
        (1, 1, 1),
        (1, 0, 1),
    ]


def test_with_a_test_part_the_rest_is_eighty_twenty() -> None:
    pictures = drawn([*placed({"a": 20, "b": 10}), Placed("x", "a", TEST), Placed("y", "b", TEST)])
    assert counts(pictures, "a") == (16, 4, 1) and counts(pictures, "b") == (8, 2, 1)
    assert draw_splits(pictures, seed=0)[1] is True


def test_a_validation_part_alone_counts_as_test() -> None:
    pictures = drawn(placed({"a": 10}, TRAIN) + placed({"b": 4}, VALIDATION))
    assert counts(pictures, "a") == (8, 2, 0) and counts(pictures, "b") == (0, 0, 4)


def test_all_three_parts_given_are_kept() -> None:
    pictures = [Placed(f"{s}{n}", "a", s) for s in (TRAIN, VALIDATION, TEST) for n in range(5)]
    assert [p.drawn for p in drawn(pictures)] == [p.given for p in pictures]


def test_a_train_folder_alone_does_not_leave_the_test_part_empty() -> None:
    assert counts(drawn(placed({"a": 10}, TRAIN)), "a") == (6, 2, 2)


def test_a_folder_that_is_only_called_test_does_not_leave_training_empty() -> None:
    splits, test_given = draw_splits(placed({"a": 10, "b": 10}, TEST), seed=0)
    assert Counter(splits) == {TRAIN: 12, VALIDATION: 4, TEST: 4} and not test_given


def test_a_test_part_that_comes_later_frees_what_was_drawn_for_testing() -> None:
    before = drawn(placed({"a": 10, "b": 10}))
    after = drawn([*before, Placed("x", "a", TEST), Placed("y", "b", TEST)])
    assert counts(after, "a") == (8, 2, 1) and counts(after, "b") == (8, 2, 1)


def test_relabelling_everything_still_leaves_a_picture_to_learn_from() -> None:
    before = drawn(placed({"a": 10}))
    moved = [Placed(p.digest, "b", None, p.drawn) for p in before if p.drawn == TEST]
    kept = [p for p in before if p.drawn != TEST]
    after = drawn(moved + kept)
    assert counts(after, "b") == (1, 0, 1)
    assert counts(after, "a")[0] >= 1 and counts(after, "a")[2] >= 1


@given(st.integers(1, 500))
def test_quotas_add_up_and_train_comes_first(count: int) -> None:
    result = quotas(count, SHARES)
    assert sum(result.values()) == count
    assert result[TRAIN] >= 1 and all(value >= 0 for value in result.values())
    assert (result[TEST] >= 1) == (count >= 2) and (result[VALIDATION] >= 1) == (count >= 3)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), GIVEN), min_size=1, max_size=60),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
def test_draws_are_stable_and_independent_of_the_order(labels, seed: int, random) -> None:
    pictures = [Placed(str(n), name, split) for n, (name, split) in enumerate(labels)]
    first = drawn(pictures, seed=seed)
    assert drawn(first, seed=seed + 1) == first  # stored draws stay, whatever the seed
    shuffled = random.sample(pictures, len(pictures))
    assert set(drawn(shuffled, seed=seed)) == set(first)
    given_test = [p for p in first if p.given == TEST]
    if given_test and draw_splits(pictures, seed=seed)[1]:
        assert all(p.drawn == TEST for p in given_test)
        assert all(p.drawn != TEST for p in first if p.given in (None, TRAIN))


@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 1000))
def test_pictures_added_later_leave_the_others_where_they_are(n: int, more: int, seed: int) -> None:
    before = drawn(placed({"a": n, "b": n}), seed=seed)
    after = drawn(before + placed({"c": 2, "d": more}) + [Placed("new", "a")], seed=seed)
    assert after[: len(before)] == before


def test_another_seed_draws_otherwise() -> None:
    pictures = placed({"a": 50})
    assert draw_splits(pictures, seed=0) != draw_splits(pictures, seed=1)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), GIVEN, GROUP), min_size=1, max_size=60),
    st.lists(GROUP, min_size=60, max_size=60),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
@example(
    [(name, "validation", group) for name, group in zip("aabaa", (None, "g1") * 3, strict=False)],
    [None, "g1", None, "g1", "g1", *[None] * 55],
    0,
    Random(0),
)
def test_only_the_persons_folders_separate_a_group(labels, later, seed: int, random) -> None:
    """Whatever the groups were when the splits were drawn, and over any classes."""
    pictures = [Placed(str(n), name, split, None, g) for n, (name, split, g) in enumerate(labels)]
    before = drawn(pictures, seed=seed)
    changed = [replace(p, group=group) for p, group in zip(before, later, strict=False)]
    for drawn_now in (before, drawn(changed, seed=seed)):
        assert drawn(drawn_now, seed=seed + 1) == drawn_now
        mixed = separated(drawn_now, [p.drawn for p in drawn_now])
        for group in mixed:
            members = {p.given for p in drawn_now if p.group == group}
            assert len(members - {None}) > 1
        if all(p.given is None for p in drawn_now):
            assert not mixed
            learnt = {p.class_name for p in drawn_now if p.drawn == TRAIN}
            assert learnt == {p.class_name for p in drawn_now}
    shuffled = random.sample(changed, len(changed))
    assert set(drawn(shuffled, seed=seed)) == set(drawn(changed, seed=seed))


def test_groups_leave_the_shares_as_they_are() -> None:
    pictures = [Placed(f"{n:03d}", "a", group=f"g{n // 4}") for n in range(100)]
    assert counts(drawn(pictures), "a") == (60, 20, 20)


def test_three_groups_of_a_class_give_one_to_each_part() -> None:
    pictures = [Placed(f"{n}", "a", group=f"g{n // 5}") for n in range(15)]
    assert counts(drawn(pictures), "a") == (5, 5, 5)


def test_the_only_group_of_a_class_is_learnt_from() -> None:
    pictures = [*placed({"a": 10}), *(Placed(f"b{n}", "b", group="burst") for n in range(8))]
    assert counts(drawn(pictures), "b") == (8, 0, 0)


def test_groups_found_later_move_only_pictures_that_were_separated() -> None:
    before = drawn(placed({"a": 20, "b": 20}))
    learnt = next(p for p in before if p.class_name == "a" and p.drawn == TRAIN)
    tested = next(p for p in before if p.class_name == "a" and p.drawn == TEST)
    grouped = [replace(p, group="g") if p in (learnt, tested) else p for p in before]
    after = drawn(grouped)
    moved = {p.digest for p, q in zip(before, after, strict=True) if p.drawn != q.drawn}
    assert moved < {learnt.digest, tested.digest}
    together = [replace(p, drawn=TRAIN) if p.group else p for p in grouped]
    assert drawn(together) == together


def test_copies_of_a_given_test_picture_follow_it_unless_they_were_given_too() -> None:
    test = Placed("t", "a", TEST, group="g")
    follower, learnt = Placed("f", "a", group="g"), Placed("l", "a", TRAIN, group="g")
    found = drawn([test, follower, learnt, *placed({"a": 8})])
    assert [p.drawn for p in found[:2]] == [TEST, TEST] and found[2].drawn != TEST
    assert set(separated(found, [p.drawn for p in found])) == {"g"}

"""Train, validation and test: stratified, seeded, stable."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl_core.images.splits import TEST, TRAIN, VALIDATION, SplitFacts, draw_splits, quotas

GIVEN = st.sampled_from([None, TRAIN, VALIDATION, TEST])
GROUP = st.sampled_from([None, None, "g1", "g2", "g3"])
SEEDS = st.integers(0, 2**32 - 1)
SHARES = {TEST: 0.2, VALIDATION: 0.2}


def pictures_of(counts: dict[str, int], given_split: str | None = None) -> list[SplitFacts]:
    return [
        SplitFacts(f"{name}{n}", name, given_split) for name in counts for n in range(counts[name])
    ]


def drawn(pictures: list[SplitFacts], *, seed: int = 0) -> dict[str, str]:
    """Return the part of every picture by its digest."""
    splits, _ = draw_splits(pictures, seed=seed)
    return {picture.digest: split for picture, split in zip(pictures, splits, strict=True)}


def counts(pictures: list[SplitFacts], class_name: str, *, seed: int = 0) -> tuple[int, int, int]:
    parts = drawn(pictures, seed=seed)
    found = Counter(parts[one.digest] for one in pictures if one.class_name == class_name)
    return found[TRAIN], found[VALIDATION], found[TEST]


@pytest.mark.parametrize("seed", range(5))
def test_sixty_twenty_twenty_in_every_class(seed: int) -> None:
    pictures = pictures_of({"a": 50, "b": 10, "c": 5, "d": 3, "e": 2})
    assert [counts(pictures, name, seed=seed) for name in "abcde"] == [
        (30, 10, 10),
        (6, 2, 2),
        (3, 1, 1),
        (1, 1, 1),
        (1, 0, 1),
    ]


def test_with_a_test_part_the_rest_is_eighty_twenty() -> None:
    given_test = [SplitFacts("x", "a", TEST), SplitFacts("y", "b", TEST)]
    pictures = [*pictures_of({"a": 20, "b": 10}), *given_test]
    assert counts(pictures, "a") == (16, 4, 1) and counts(pictures, "b") == (8, 2, 1)
    assert draw_splits(pictures, seed=0)[1] is True


def test_a_validation_part_alone_counts_as_test() -> None:
    pictures = pictures_of({"a": 10}, TRAIN) + pictures_of({"b": 4}, VALIDATION)
    assert counts(pictures, "a") == (8, 2, 0) and counts(pictures, "b") == (0, 0, 4)


def test_all_three_parts_given_are_kept() -> None:
    pictures = [SplitFacts(f"{s}{n}", "a", s) for s in (TRAIN, VALIDATION, TEST) for n in range(5)]
    assert drawn(pictures) == {one.digest: one.given for one in pictures}


def test_a_train_folder_alone_does_not_leave_the_test_part_empty() -> None:
    assert counts(pictures_of({"a": 10}, TRAIN), "a") == (6, 2, 2)


def test_a_folder_that_is_only_called_test_does_not_leave_training_empty() -> None:
    splits, test_given = draw_splits(pictures_of({"a": 10, "b": 10}, TEST), seed=0)
    assert Counter(splits) == {TRAIN: 12, VALIDATION: 4, TEST: 4} and not test_given


@given(st.integers(1, 500))
def test_quotas_add_up_and_train_comes_first(count: int) -> None:
    result = quotas(count, SHARES)
    assert sum(result.values()) == count
    assert result[TRAIN] >= 1 and all(value >= 0 for value in result.values())
    assert (result[TEST] >= 1) == (count >= 2) and (result[VALIDATION] >= 1) == (count >= 3)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), GIVEN), min_size=1, max_size=60),
    SEEDS,
    st.randoms(use_true_random=False),
)
def test_draws_are_independent_of_the_order_and_keep_what_was_given(labels, seed, random) -> None:
    pictures = [SplitFacts(str(n), name, split) for n, (name, split) in enumerate(labels)]
    parts = drawn(pictures, seed=seed)
    assert drawn(random.sample(pictures, len(pictures)), seed=seed) == parts
    given_test = [one for one in pictures if one.given == TEST]
    if given_test and draw_splits(pictures, seed=seed)[1]:
        assert all(parts[one.digest] == TEST for one in given_test)
        assert all(parts[one.digest] != TEST for one in pictures if one.given in (None, TRAIN))


@given(st.integers(2, 60), st.integers(1, 20), st.integers(1, 20), SEEDS)
def test_an_added_picture_moves_at_most_three_others_of_its_class(n, more, other, seed) -> None:
    before = pictures_of({"a": n, "b": n})
    new = [SplitFacts(f"new{i}", "a") for i in range(more)]
    parts = drawn(before, seed=seed)
    after = drawn([*before, *new, *pictures_of({"c": other})], seed=seed)
    moved = [one for one in before if parts[one.digest] != after[one.digest]]
    assert {one.class_name for one in moved} <= {"a"} and len(moved) <= 3 * more


@given(st.integers(4, 60), SEEDS)
def test_a_relabelled_picture_moves_at_most_three_others_of_each_class(n: int, seed: int) -> None:
    before = pictures_of({"a": n, "b": n})
    after = [replace(before[0], class_name="b"), *before[1:]]
    parts, now = drawn(before, seed=seed), drawn(after, seed=seed)
    moved = Counter(one.class_name for one in before[1:] if parts[one.digest] != now[one.digest])
    assert max(moved.values(), default=0) <= 3


def test_another_seed_draws_otherwise() -> None:
    pictures = pictures_of({"a": 50})
    assert draw_splits(pictures, seed=0) != draw_splits(pictures, seed=1)


def test_over_many_seeds_every_picture_is_tested_about_equally_often() -> None:
    pictures = pictures_of({"a": 10})
    tested = Counter(
        d for seed in range(500) for d, p in drawn(pictures, seed=seed).items() if p == TEST
    )
    assert sum(tested.values()) == 1000 and all(60 < tested[p.digest] < 140 for p in pictures)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), GIVEN, GROUP), min_size=1, max_size=60),
    SEEDS,
    st.randoms(use_true_random=False),
)
def test_only_the_persons_folders_separate_a_group(labels, seed: int, random) -> None:
    """Whatever classes the groups are in; and every class has something to learn from."""
    pictures = [SplitFacts(str(n), name, s, g) for n, (name, s, g) in enumerate(labels)]
    parts = drawn(pictures, seed=seed)
    for group in {one.group for one in pictures} - {None}:
        members = [one for one in pictures if one.group == group]
        if len({parts[one.digest] for one in members}) > 1:
            assert len({one.given for one in members} - {None}) > 1
    if all(one.given is None for one in pictures):
        learnt = {one.class_name for one in pictures if parts[one.digest] == TRAIN}
        assert learnt == {one.class_name for one in pictures}
    assert drawn(random.sample(pictures, len(pictures)), seed=seed) == parts


@pytest.mark.parametrize("size", [2, 4, 10])
def test_groups_leave_the_shares_as_they_are(size: int) -> None:
    pictures = [SplitFacts(f"{n:03d}", "a", group=f"g{n // size}") for n in range(100)]
    assert counts(pictures, "a") == (60, 20, 20)


def test_a_large_group_does_not_make_up_the_test_part() -> None:
    series = [SplitFacts(f"s{n}", "a", group="series") for n in range(20)]
    pictures = [*series, *pictures_of({"a": 80})]
    assert {drawn(pictures, seed=seed)["s0"] for seed in range(20)} == {TRAIN}
    assert counts(pictures, "a") == (60, 20, 20)


def test_three_groups_of_a_class_give_one_to_each_part() -> None:
    pictures = [SplitFacts(f"{n}", "a", group=f"g{n // 5}") for n in range(15)]
    assert counts(pictures, "a") == (5, 5, 5)


def test_the_only_group_of_a_class_is_learnt_from() -> None:
    burst = [SplitFacts(f"b{n}", "b", group="burst") for n in range(8)]
    assert counts([*pictures_of({"a": 10}), *burst], "b") == (8, 0, 0)


def test_a_group_found_later_moves_few_pictures_beside_its_own() -> None:
    before = pictures_of({"a": 20, "b": 20})
    parts = drawn(before)
    learnt = next(one for one in before if one.class_name == "a" and parts[one.digest] == TRAIN)
    tested = next(one for one in before if one.class_name == "a" and parts[one.digest] == TEST)
    after = drawn([replace(p, group="g") if p in (learnt, tested) else p for p in before])
    moved = {digest for digest in parts if parts[digest] != after[digest]}
    assert len(moved - {learnt.digest, tested.digest}) <= 3


def test_copies_of_a_given_test_picture_follow_it_unless_they_were_given_too() -> None:
    test = SplitFacts("t", "a", TEST, group="g")
    follower, learnt = SplitFacts("f", "a", group="g"), SplitFacts("l", "a", TRAIN, group="g")
    found = drawn([test, follower, learnt, *pictures_of({"a": 8})])
    assert (found["t"], found["f"]) == (TEST, TEST) and found["l"] != TEST

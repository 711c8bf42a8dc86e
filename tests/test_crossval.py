"""Tests of folds: everyone once, groups together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tl_core.crossval import group_numbers, make_folds, most_folds


@given(st.integers(2, 4), st.integers(2, 12), st.integers(0, 2**31), st.booleans())
def test_every_picture_is_tested_once_and_groups_stay_together(k, each, seed, grouped):
    labels = np.repeat(np.arange(k), each)
    groups = np.arange(len(labels)) // 2 if grouped else None
    folds = make_folds(labels, groups, folds=5, seed=seed)
    if not folds:
        assert most_folds(labels, groups) < 2
        return
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(len(labels)))
    for train, test in folds:
        assert not set(train) & set(test)
        if grouped:
            assert not set(groups[train]) & set(groups[test])


def test_the_smallest_class_limits_the_folds():
    labels = np.array([0] * 10 + [1] * 3)
    assert len(make_folds(labels, folds=5, seed=0)) == 3


def test_a_class_with_one_picture_allows_no_folds():
    assert make_folds(np.array([0, 0, 0, 1]), folds=5, seed=0) == []


def test_the_same_seed_gives_the_same_folds():
    labels = np.repeat([0, 1], 10)
    one, two = (make_folds(labels, folds=5, seed=7) for _ in range(2))
    assert all((a[1] == b[1]).all() for a, b in zip(one, two, strict=True))


def test_pictures_without_a_group_stand_alone():
    assert group_numbers([None, None]) is None
    numbers = group_numbers(["a", None, "a", None])
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3

"""Tests of folds: everyone once, groups together, every class on the side that learns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl_core.evaluation.folds import (
    group_numbers,
    make_folds,
    measurable,
    most_folds,
)

PICTURES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 15)), min_size=4, max_size=60)


@given(st.integers(2, 4), st.integers(2, 12), st.integers(0, 2**31), st.booleans())
def test_every_picture_is_tested_once_and_groups_stay_together(k, each, seed, grouped):
    labels = np.repeat(np.arange(k), each)
    alone = np.arange(len(labels))
    pairs = np.arange(k).repeat(each) * 100 + np.tile(np.arange(each), k) // 2
    groups = pairs if grouped else alone
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


@given(PICTURES, st.integers(2, 6), st.integers(0, 2**31))
def test_no_group_is_ever_separated_and_no_class_is_missing_from_learning(pictures, wanted, seed):
    """Groups may span classes here, and a class may be one group."""
    labels, groups = (np.array(values) for values in zip(*pictures, strict=True))
    folds = make_folds(labels, groups, folds=wanted, seed=seed)
    for train, test in folds:
        assert len(test) and not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(labels)))
        assert set(labels[train]) == set(labels)
    tested = [row for _, test in folds for row in test]
    assert len(tested) == len(set(tested))
    if folds:
        assert not set(tested) - set(np.flatnonzero(measurable(labels, groups)))


def test_the_smallest_class_limits_the_folds():
    labels = np.array([0] * 10 + [1] * 3)
    assert len(make_folds(labels, np.arange(13), folds=5, seed=0)) == 3


def test_a_class_with_few_groups_leaves_one_of_them_out_in_each_fold():
    labels = np.array([0] * 30 + [1] * 12)
    groups = np.array([*range(30), *(100 + n // 4 for n in range(12))])
    folds = make_folds(labels, groups, folds=5, seed=0)
    assert len(folds) == 3
    assert sorted(len(set(groups[test][labels[test] == 1])) for _, test in folds) == [1, 1, 1]


def test_large_groups_do_not_unbalance_the_folds():
    labels = np.repeat([0, 1], 50)
    groups = np.array([0] * 10 + [1] * 10 + list(range(2, 32)) + list(range(100, 150)))
    folds = make_folds(labels, groups, folds=5, seed=1)
    assert [np.bincount(labels[test]).tolist() for _, test in folds] == [[10, 10]] * 5


def test_a_class_of_one_group_is_learnt_from_and_never_tested():
    labels = np.array([0] * 6 + [1] * 6 + [2] * 5)
    groups = np.array([*range(6), *range(10, 16), *[99] * 5])
    folds = make_folds(labels, groups, folds=5, seed=0)
    assert measurable(labels, groups).tolist() == 12 * [True] + 5 * [False]
    assert len(folds) == 5
    assert sorted(row for _, test in folds for row in test) == list(range(12))


def test_one_class_that_can_be_measured_allows_no_folds():
    labels, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 9, 9])
    assert make_folds(labels, groups, folds=5, seed=0) == []


def test_a_class_with_one_picture_allows_no_folds():
    assert make_folds(np.array([0, 0, 0, 1]), np.arange(4), folds=5, seed=0) == []


@pytest.mark.parametrize("groups", [np.arange(20), np.arange(20) // 2])
def test_the_same_seed_gives_the_same_folds_and_another_seed_others(groups):
    labels = np.repeat([0, 1], 10)
    one, two, other = (make_folds(labels, groups, folds=5, seed=seed) for seed in (7, 7, 8))
    assert all((a[1] == b[1]).all() for a, b in zip(one, two, strict=True))
    tests = {tuple(test) for _, test in one}
    assert tests != {tuple(test) for _, test in other}


def test_pictures_without_a_group_stand_alone():
    numbers = group_numbers(["a", None, "a", None])
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3

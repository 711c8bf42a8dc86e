import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl_core.runs.results.intervals import (
    fold_inflation,
    independent_pictures,
    out_of_fold_interval,
    paired_gain,
    wilson_interval,
)


def test_the_inflation_is_the_published_one():
    assert fold_inflation(5) == pytest.approx(5 * (1 / 5 + 0.2 / 0.8))
    assert fold_inflation(10) == pytest.approx(10 * (1 / 10 + 0.1 / 0.9))


@given(st.integers(1, 400), st.floats(0, 1), st.integers(2, 20))
def test_an_out_of_fold_interval_holds_wilsons(n, share, folds):
    low, high = out_of_fold_interval(share * n, n, folds=folds)
    inner = wilson_interval(share * n, n)
    assert low == pytest.approx(inner[0])
    assert inner[1] - 1e-9 <= high <= 1


def test_all_right_out_of_fold_is_at_least_what_wilson_says():
    low, high = out_of_fold_interval(20, 20)
    assert round(100 * low) == 84
    assert high == 1


def test_the_paired_gain_counts_only_pictures_that_changed():
    before = [True] * 90 + [False] * 10
    gain, error = paired_gain(before, [True] * 98 + [False] * 2)
    assert gain == pytest.approx(8 / 102)
    assert error == pytest.approx(math.sqrt(9 - 102 * gain**2) / 102)
    assert gain > 2 * error
    same, spread = paired_gain(before, before)
    assert same == 0 and spread > 0


def test_one_lucky_picture_is_no_gain():
    gain, error = paired_gain([True] * 39 + [False], [True] * 40)
    assert gain < error


def test_pictures_in_groups_count_as_fewer():
    groups = np.repeat(np.arange(8), 20)
    together = np.repeat(np.arange(8) % 4 > 0, 20)  # a group is right or wrong as a whole
    assert independent_pictures(together, groups) == pytest.approx(7)  # groups less one
    assert independent_pictures(np.ones(160), groups) == 8
    assert independent_pictures(together, np.arange(160)) == 160
    low, _ = out_of_fold_interval(160, 160, folds=8, independent=8)
    assert low == wilson_interval(8, 8)[0]

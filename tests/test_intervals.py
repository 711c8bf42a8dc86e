import pytest
from hypothesis import given
from hypothesis import strategies as st

from tl_core.intervals import fold_inflation, out_of_fold_interval, wilson_interval


def test_the_inflation_is_the_published_one():
    assert fold_inflation(5) == pytest.approx(5 * (1 / 5 + 0.2 / 0.8))
    assert fold_inflation(10) == pytest.approx(10 * (1 / 10 + 0.1 / 0.9))


@given(st.integers(1, 400), st.floats(0, 1), st.integers(2, 20))
def test_an_out_of_fold_interval_holds_wilsons(n, share, folds):
    low, high = out_of_fold_interval(share * n, n, folds=folds)
    inner = wilson_interval(share * n, n)
    assert low == inner[0]
    assert inner[1] - 1e-9 <= high <= 1


def test_all_right_out_of_fold_is_at_least_what_wilson_says():
    low, high = out_of_fold_interval(20, 20)
    assert round(100 * low) == 84
    assert high == 1

"""Which pictures to label next, and what more labels may gain."""

import numpy as np
import pytest

from tests.approaches.test_discriminant import clouds
from tl_core.approaches.probing.active_learning import label_curve, worth_labelling
from tl_core.approaches.probing.probe import Basis


def curve(features, labels, *, groups=None, learnt=None):
    """Return the curve as the live model asks for it."""
    learnt = len(labels) if learnt is None else learnt
    groups = np.arange(len(labels)) if groups is None else groups
    fit = Basis({"last": features[:learnt]}, groups[:learnt]).fit(
        labels[:learnt], int(labels.max()) + 1
    )
    right = np.full(len(labels), np.nan)
    if learnt < len(labels):
        said = fit.probe.logits(features[learnt:]).argmax(axis=1)
        right[learnt:] = said == labels[learnt:]
    else:
        said = fit.out_of_group.argmax(axis=1)
        right[fit.measured] = (said == labels)[fit.measured]
    return label_curve({"last": features}, labels, groups, right, learnt=learnt), right


def test_the_curve_rises_to_the_live_number_and_says_that_labels_help():
    features, labels = clouds(6, 12, 60, spread=0.5)
    found, right = curve(features, labels)
    counts, accuracies = zip(*found.points, strict=True)
    assert counts == (18, 36, 72)
    assert accuracies[-1] == pytest.approx(np.nanmean(right))
    assert accuracies[0] < accuracies[-1]
    assert 0 < found.gain < found.gain_high and not found.hardly


def test_labels_that_bring_nothing_any_more_are_told_from_few_that_are_all_right():
    many, of_many = clouds(2, 200, 20)
    assert curve(many, of_many)[0].hardly
    few, of_few = clouds(2, 20, 20, spread=3)
    found, right = curve(few, of_few)
    assert np.nanmean(right) == 1 and not found.hardly


def test_test_pictures_are_not_learnt_from_and_groups_stay_together():
    features, labels = clouds(3, 40, 30, spread=0.4)
    order = np.random.default_rng(0).permutation(len(labels))
    features, labels = features[order], labels[order]
    found, right = curve(features, labels, learnt=60)
    assert found.points[-1] == (60, pytest.approx(np.nanmean(right)))
    assert [count for count, _ in found.points] == pytest.approx([8, 15, 30, 60], abs=2)
    groups = np.arange(len(labels)) // 2
    single, _ = curve(features, np.repeat(labels[::2], 2), groups=groups)
    assert all(count % 2 == 0 for count, _ in single.points[-2:])


def test_too_few_labels_have_no_curve():
    features, labels = clouds(3, 2, 10)
    assert curve(features, labels)[0] is None


def test_without_a_model_every_group_is_asked_about_once():
    features, labels = clouds(5, 20, 12, spread=3)
    first = worth_labelling(features, None, None, count=5)
    assert sorted(labels[first]) == [0, 1, 2, 3, 4]
    known = labels < 3
    rest = worth_labelling(features[~known], None, features[known][::20], count=2)
    assert set(labels[~known][rest]) == {3, 4}
    assert sorted(worth_labelling(features[:3], None, None, count=9)) == [0, 1, 2]


def test_the_smallest_margin_comes_first_whatever_the_third_class():
    features, _ = clouds(3, 1, 12)
    said = np.array([[0.4, 0.35, 0.25], [0.5, 0.49, 0.01], [0.38, 0.31, 0.31]])
    assert worth_labelling(features, said, None, count=2).tolist() == [1, 0]

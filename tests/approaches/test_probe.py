"""The linear classifier on kept features."""

import numpy as np
import pytest

from tests.approaches.test_discriminant import clouds
from tl_core.approaches.probing import principal_axes
from tl_core.approaches.probing.probe import Basis


def test_the_probe_gives_the_answers_that_were_fitted():
    features, labels = clouds(3, 12, 40)
    parts = {"moments": features[:, :25], "last": features[:, 25:]}
    fitted = Basis(parts).fit(labels, 5)
    logits = fitted.probe.logits(features)
    assert logits.shape == (36, 5)
    assert (logits.argmax(axis=1) == labels).mean() > 0.9
    assert (logits[:, 3:] < -1000).all()  # classes without a picture


def test_what_was_measured_holds_for_new_pictures():
    fresh, wanted = clouds(4, 400, 200, spread=0.25)
    learnt = np.concatenate([np.arange(30) + c * 400 for c in range(4)])
    fitted = Basis({"moments": fresh[learnt, :150], "last": fresh[learnt, 150:]}).fit(
        wanted[learnt], 4, measure_optimism=True
    )
    rest = np.setdiff1d(np.arange(len(wanted)), learnt)
    new = (fitted.probe.logits(fresh[rest]).argmax(axis=1) == wanted[rest]).mean()
    said = (fitted.out_of_group.argmax(axis=1) == wanted[learnt]).mean()
    assert abs(said - new) < 0.1
    assert abs(fitted.optimism) < 0.05


def test_many_pictures_are_answered_from_the_span_of_some(monkeypatch):
    features, labels = clouds(3, 60, 30, spread=0.4)
    whole = Basis({"last": features}).fit(labels, 3)
    monkeypatch.setattr(principal_axes, "MOST_LANDMARKS", 60)
    some = Basis({"last": features}).fit(labels, 3)
    same = whole.out_of_group.argmax(axis=1) == some.out_of_group.argmax(axis=1)
    assert same.mean() > 0.95


def test_a_class_that_is_one_group_is_learnt_but_not_measured():
    features, labels = clouds(3, 8, 20)
    groups = np.arange(24)
    groups[labels == 2] = 100
    fitted = Basis({"last": features}, groups).fit(labels, 3)
    assert set(labels[fitted.measured]) == {0, 1}
    assert (fitted.probe.logits(features)[labels == 2].argmax(axis=1) == 2).mean() > 0.8


def test_views_are_learnt_from_and_not_measured():
    features, labels = clouds(2, 10, 20)
    views, twice = np.concatenate([features, features + 0.1]), np.tile(labels, 2)
    fitted = Basis({"last": views}, np.tile(np.arange(20), 2)).fit(twice, 2, plain=20)
    assert len(fitted.out_of_group) == 20
    assert fitted.measured.max() < 20


@pytest.mark.parametrize("alike", [True, False])
def test_hardly_anything_to_learn_from_is_no_error(alike):
    features, labels = clouds(2, 2, 20)
    if alike:
        features[:] = 1
    fitted = Basis({"moments": features, "last": features}).fit(labels, 2)
    assert np.isfinite(fitted.out_of_group).all()
    assert np.isfinite(fitted.probe.logits(np.tile(features, 2))).all()


def test_the_rounding_of_batches_tells_nothing_about_classes():
    """What does not depend on the pictures differs by rounding, batch by batch, so by class."""
    labels = np.repeat([0, 1, 2], 16)
    batches = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    constant = (10 + 1e-4 * batches[labels]).astype(np.float32)
    fit = Basis({"last": constant, "stages": 2 * constant}).fit(labels, 3)
    assert (fit.out_of_group.argmax(axis=1) == labels).mean() < 0.5
    assert np.isfinite(fit.probe.scale).all()


def test_pictures_that_all_look_the_same_are_not_told_apart():
    """Left out in closed form, each is a tie of the classes; its rounding knew the right one."""
    labels = np.repeat(np.arange(6), 40)
    same = np.full((240, 40), 10, np.float32)
    fit = Basis({"last": same, "stages": 2 * same}).fit(labels, 6)
    assert (fit.out_of_group.argmax(axis=1) == labels).mean() == pytest.approx(1 / 6)

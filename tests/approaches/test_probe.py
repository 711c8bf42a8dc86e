"""Tests of the linear classifiers on features."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from tl_core.approaches.cross_validation import cross_validated_probe
from tl_core.approaches.probe import CENTROIDS, Method, all_views, fit_probe
from tl_core.approaches.probe_choice import choose_probe
from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import Division
from tl_core.runs.events import result_of

REGRESSION, DISCRIMINANT = Method("regression", 0.05), Method("discriminant", 0.3)


def clouds(k: int, each: int, d: int, *, spread: float = 2.0, seed: int = 0):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(k, d)) * spread
    labels = np.repeat(np.arange(k), each)
    features = centres[labels] + random.normal(size=(len(labels), d)) * 3
    return (features * 5 + 7).astype(np.float32), labels


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("d", [6, 300])  # taller than wide, and wider than tall
def test_the_fit_in_the_pictures_span_equals_plain_logistic_regression(k, d):
    features, labels = clouds(k, 15, d)
    probe = fit_probe(features, labels, k, method=REGRESSION)
    plain = LogisticRegression(C=0.05, class_weight="balanced", max_iter=5000, tol=1e-6)
    plain.fit((features - probe.mean) / probe.scale, labels)
    fresh, _ = clouds(k, 5, d, seed=1)
    wanted = plain.predict_proba((fresh - probe.mean) / probe.scale)
    np.testing.assert_allclose(probe.probabilities(fresh), wanted, atol=0.01)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("d", [6, 300])
def test_discriminant_analysis_solves_its_equations(k, d):
    features, labels = clouds(k, 15, d)
    probe = fit_probe(features, labels, k, method=DISCRIMINANT)
    x = ((features - probe.mean) / probe.scale).astype(float)
    means = np.stack([x[labels == label].mean(axis=0) for label in range(k)])
    within = sum(np.outer(row, row) for row in x - means[labels]) / len(x)
    rank = min(d, len(x) - 1)
    shrunken = 0.7 * within + 0.3 * np.trace(within) / rank * np.eye(d)
    weight = np.linalg.inv(shrunken) @ means.T  # (D, K)
    bias = [-means[label] @ weight[:, label] / 2 for label in range(k)]
    fresh, _ = clouds(k, 5, d, seed=1)
    wanted = (fresh - probe.mean) / probe.scale @ weight + bias
    difference = probe.logits(fresh) - wanted
    np.testing.assert_allclose(difference - difference[:, :1], 0, atol=0.01)


def test_a_channel_that_hardly_ever_responds_does_not_decide_alone():
    features, labels = clouds(2, 20, 30)
    features[:, 0] = 0
    features[0, 0] = 1e-4
    fresh, wanted = clouds(2, 20, 30)
    fresh[:, 0] = 40.0  # something it never saw, as large as other channels' values
    for method in (REGRESSION, DISCRIMINANT):
        probe = fit_probe(features, labels, 2, method=method)
        assert (probe.logits(fresh).argmax(axis=1) == wanted).mean() > 0.9


def test_centroids_predict_what_scikit_learns_nearest_centroid_does():
    features, labels = clouds(3, 3, 20)
    probe = fit_probe(features, labels, 3, method=CENTROIDS)
    fresh, _ = clouds(3, 10, 20, seed=1)

    def unit(x):
        x = x - features.mean(axis=0)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    wanted = NearestCentroid().fit(unit(features), labels).predict(unit(fresh))
    np.testing.assert_array_equal(probe.logits(fresh).argmax(axis=1), wanted)


def test_a_class_without_pictures_is_never_predicted():
    features, labels = clouds(2, 10, 5)
    for method in (REGRESSION, DISCRIMINANT, CENTROIDS):
        probabilities = fit_probe(features, labels, 3, method=method).probabilities(features)
        assert probabilities.shape == (20, 3)
        assert (probabilities[:, 2] < 1e-6).all()


def test_a_constant_feature_does_no_harm():
    features, labels = clouds(2, 10, 5)
    features[:, 0] = 3.0
    probe = fit_probe(features, labels, 2, method=REGRESSION)
    assert np.isfinite(probe.logits(features)).all()


def test_cross_validation_chooses_the_features_that_carry_the_classes():
    good, labels = clouds(3, 12, 10, spread=8)
    noise = np.random.default_rng(0).normal(size=(len(labels), 30)).astype(np.float32)
    folds = make_folds(labels, folds=4, seed=0)
    matrices = {"last": noise[None], "all": good[None]}
    choice = result_of(choose_probe(matrices, labels, 3, folds=folds))
    assert choice.features == "all"
    assert choice.scores[("all", choice.method)] > 0.9


def test_few_pictures_per_class_get_centroids():
    features, labels = clouds(2, 4, 10)
    folds = make_folds(labels, folds=4, seed=0)
    for some in (folds, []):
        choice = result_of(choose_probe({"last": features[None]}, labels, 2, folds=some))
        assert choice.method == CENTROIDS


def test_out_of_fold_scores_on_random_labels_are_chance():
    """Whatever looked at a picture's own label before predicting it would score above chance."""
    random = np.random.default_rng(0)
    features = random.normal(size=(120, 200)).astype(np.float32)
    labels = np.repeat([0, 1], 60)
    division = Division(labels, None, 2, tuple(make_folds(labels, folds=5, seed=0)), seed=0)
    work = cross_validated_probe({"last": features[None]}, division, phase="probe")
    assert 0.3 < result_of(work).answers.accuracy < 0.7


def test_views_of_a_picture_share_its_label():
    views = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    features, labels = all_views(views, np.array([5, 6, 7]), np.array([0, 2]))
    assert features.tolist() == [[0, 1], [4, 5], [6, 7], [10, 11]]
    assert labels.tolist() == [5, 7, 5, 7]


def test_features_that_are_all_the_same_give_the_same_answer_for_every_picture():
    features, labels = np.ones((12, 20), np.float32), np.arange(12) % 3
    probabilities = fit_probe(features, labels, 3, method=REGRESSION).probabilities(features)
    assert np.ptp(probabilities, axis=0) == pytest.approx(0)
    assert probabilities[0] == pytest.approx(1 / 3, abs=1e-3)

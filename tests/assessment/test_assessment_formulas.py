"""Each formula of the comparison against a slow or published one."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from trained import BUNDLED_BACKBONE

from tl_core.assessment.baselines import probe, probe_in_folds
from tl_core.assessment.learning_curve import drawn, extrapolate, sizes_for
from tl_core.assessment.similarity import distances, frechet_distance, proxy_a_distance
from tl_core.assessment.small_network import logits_of_small, train_small
from tl_core.backbones import create_backbone
from tl_core.backbones.creation import random_network
from tl_core.backbones.group_outputs import GroupOutputs, group_widths, pooled
from tl_core.evaluation.calibration import conformal, fit_temperature, reliability, softmax
from tl_core.evaluation.out_of_fold import Division
from tl_core.features.comparison_inputs import colour_shares

RANDOM = np.random.default_rng(0)


def test_frechet_distance_is_the_one_with_the_matrix_root():
    a, b = RANDOM.normal(size=(60, 8)), RANDOM.normal(1, 2, size=(40, 8))
    ca, cb = np.cov(a.T), np.cov(b.T)
    slow = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet_distance(a, b) == pytest.approx(slow, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-8)


def test_in_folds_a_probe_learns_from_the_other_folds_alone():
    twins = np.repeat(np.random.default_rng(0).normal(size=(40, 200)), 2, axis=0)
    labels = np.repeat(np.random.default_rng(1).permutation(np.arange(40) % 2), 2)
    fold = np.repeat(np.arange(40) % 5, 2)
    folds = tuple((np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5))
    division = Division(labels, np.arange(80), 2, folds, seed=0)
    features = {"last": twins.astype(np.float32)}
    assert probe(division, features).accuracy > 0.95  # each picture's twin was learnt from
    assert probe_in_folds(division, features).accuracy < 0.7


def test_proxy_a_distance_runs_from_alike_to_apart():
    part = np.arange(80) % 2
    alike = RANDOM.normal(size=(80, 10)).astype(np.float32)
    apart = alike + 8 * part[:, None].astype(np.float32)
    assert proxy_a_distance(apart, part) == 2
    assert proxy_a_distance(alike, part) < 0.8
    assert proxy_a_distance(alike, part, groups=np.zeros(80, int)) is None


def test_too_few_pictures_are_not_compared():
    a = RANDOM.normal(size=(4, 3)).astype(np.float32)
    assert distances(a, a) is None
    b = RANDOM.normal(size=(7, 3)).astype(np.float32)
    assert distances(b, b)[1] is None


def test_the_temperature_undoes_what_was_done_to_the_logits():
    logits = 2 * RANDOM.normal(size=(4000, 3))
    probabilities = softmax(logits)
    labels = np.array([RANDOM.choice(3, p=row) for row in probabilities])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.1)
    bins = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    assert sum(count for *_, count in bins) == 4000
    assert all(abs(mean - share) < 0.08 for mean, share, _ in bins)


def test_conformal_sets_hold_the_truth_as_often_as_promised():
    probabilities = softmax(2 * RANDOM.normal(size=(600, 4)))
    labels = np.array([RANDOM.choice(4, p=row) for row in probabilities])
    fold = np.arange(600) % 5
    found = conformal(probabilities, labels, fold, target=0.9)
    assert found.expected[0] <= found.achieved <= found.expected[1]
    assert 1 <= found.mean_size <= 4
    assert conformal(probabilities[:6], labels[:6], fold[:6], target=0.95) is None


def test_the_look_ahead_follows_a_power_law_and_stays_a_share():
    sizes = [5, 10, 20, 40, 80]
    curve = np.array([[0.9 - 0.8 * m**-0.5 for m in sizes], [0.5, 0.7, 0.9, 1.0, 1.0]])
    ahead = extrapolate(sizes, curve, [160, 320])
    assert ahead[0] == pytest.approx([0.9 - 0.8 * 160**-0.5, 0.9 - 0.8 * 320**-0.5], abs=0.005)
    assert (ahead <= 1).all()
    flat = extrapolate(sizes, np.full((1, 5), 0.5), [160])
    assert flat[0, 0] == pytest.approx(0.5)


def test_sizes_end_with_all_pictures_and_draws_keep_every_class():
    assert sizes_for([np.repeat([0, 1], 20)]) == [2, 3, 5, 8, 12, 20]
    assert sizes_for([np.array([0, 1])]) == [1]
    labels = np.repeat([0, 1, 2], [10, 3, 1])
    rows = drawn(labels, np.arange(14), 4, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [4, 3, 1]


def test_pooling_knows_channels_first_last_and_tokens():
    x = torch.randn(2, 5, 3, 3)
    mean = x.mean(dim=(2, 3))
    assert torch.allclose(pooled(x)[:, :5], mean, atol=1e-6)
    assert torch.allclose(pooled(x.permute(0, 2, 3, 1))[:, :5], mean, atol=1e-6)
    assert torch.allclose(pooled(x.flatten(2).transpose(1, 2))[:, :5], mean, atol=1e-6)


def test_group_outputs_are_the_networks_own_activations():
    network = create_backbone(BUNDLED_BACKBONE)
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        hidden = network.forward_features(images)
        ends = GroupOutputs(network).each(images)
    assert torch.allclose(ends[-1][:, :1280], hidden.mean(dim=(2, 3)), atol=1e-4)
    widths = group_widths(network)
    assert [width for _, width in widths] == [end.shape[1] for end in ends]
    assert [group.index for group, _ in widths] == list(range(8))


def test_random_weights_are_the_same_for_the_same_seed_and_know_nothing():
    with torch.no_grad():
        picture = torch.randn(1, 3, 224, 224)
        one, two = (random_network(BUNDLED_BACKBONE)(picture) for _ in range(2))
        pretrained = create_backbone(BUNDLED_BACKBONE)(picture)
    assert torch.equal(one, two)
    assert 1e-3 < one.std() < 1e3
    assert not torch.allclose(one, pretrained, atol=0.1)


def test_colour_shares_count_every_pixel_once():
    pictures = RANDOM.integers(0, 256, (3, 3, 8, 8)).astype(np.uint8)
    shares = colour_shares(pictures)
    assert shares.sum(axis=1) == pytest.approx(1)
    red = np.zeros((1, 3, 4, 4), np.uint8)
    red[:, 0] = 255
    assert colour_shares(red)[0].argmax() == 3 * 16


def test_the_small_network_learns_brightness_and_repeats_itself():
    labels = np.arange(24) % 2
    pictures = RANDOM.integers(0, 100, (24, 3, 64, 64)) + 100 * labels[:, None, None, None]
    pictures = pictures.astype(np.uint8)
    one = train_small(pictures, labels, 2, seed=0, steps=25)
    two = train_small(pictures, labels, 2, seed=0, steps=25)
    logits = logits_of_small(one, pictures)
    assert (logits.argmax(axis=1) == labels).mean() > 0.9
    assert np.allclose(logits, logits_of_small(two, pictures), atol=1e-3)

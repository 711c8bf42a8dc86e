import numpy as np
import pytest
import torch

from tl_core.backbones.unlike import MOST_BYTES, NEIGHBOURS, Unlike, fit_unlike


def kind(n: int, *, seed: int, towards: int = 0, size: int = 32) -> np.ndarray:
    """Draw n pictures' features around one direction."""
    random = np.random.default_rng(seed)
    centre = np.eye(size, dtype=np.float32)[towards] * 6
    return (centre + random.standard_normal((n, size))).astype(np.float32)


def test_a_score_is_the_distance_to_the_nearest_against_the_limit():
    learnt, new = kind(30, seed=0), kind(7, seed=1, towards=3)
    unlike = fit_unlike(learnt)
    unit = [row / np.linalg.norm(row) for row in learnt]
    for row, score in zip(new, unlike.scores(new), strict=True):
        squared = sorted(((row / np.linalg.norm(row) - other) ** 2).sum() for other in unit)
        wanted = np.sqrt(np.mean(squared[:NEIGHBOURS])) / float(unlike.limit)
        assert score == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("n", [6, 10, 19, 40, 200])
def test_five_percent_of_the_same_kind_are_false_alarms(n):
    rates = [
        (fit_unlike(kind(n, seed=seed)).scores(kind(400, seed=seed + 1000)) > 1).mean()
        for seed in range(40)
    ]
    assert 0.03 <= np.mean(rates) <= 0.08


def test_pictures_of_another_kind_score_above_one():
    unlike = fit_unlike(kind(40, seed=0))
    assert (unlike.scores(kind(50, seed=2, towards=5)) > 1).all()


def test_no_picture_is_compared_with_its_group():
    seen = kind(20, seed=0)
    frames = np.repeat(seen, 4, axis=0) + kind(80, seed=1) * 1e-3
    groups = np.repeat(np.arange(20), 4)
    new = kind(400, seed=3)
    assert (fit_unlike(frames).scores(new) > 1).mean() > 0.9  # every frame has its neighbours
    assert (fit_unlike(frames, groups).scores(new) > 1).mean() < 0.2


def test_what_a_network_learnt_does_not_say_how_far_is_too_far():
    features = np.concatenate([kind(30, seed=0) * 0.01 + kind(1, seed=9), kind(60, seed=1)])
    learnt = np.arange(90) < 30
    unlike = fit_unlike(features, learnt=learnt)
    assert len(unlike.remembered) == 30
    assert (unlike.scores(kind(400, seed=3)) > 1).mean() < 0.12
    assert (fit_unlike(features[learnt]).scores(kind(400, seed=3)) > 1).mean() > 0.9


def test_without_two_groups_there_is_nothing_to_compare():
    assert fit_unlike(kind(1, seed=0)) is None
    assert fit_unlike(kind(9, seed=0), np.zeros(9, int)) is None


def test_it_remembers_at_most_a_mebibyte():
    unlike = fit_unlike(kind(900, seed=0, size=1280))
    assert unlike.remembered.nbytes <= MOST_BYTES
    assert unlike.remembered.nbytes > MOST_BYTES * 0.98


def test_identical_and_black_pictures_have_scores():
    same = np.zeros((25, 8), np.float32)
    unlike = fit_unlike(same)
    assert np.isfinite(unlike.scores(kind(3, seed=0, size=8))).all()


def test_only_the_last_columns_count():
    unlike = Unlike(torch.eye(4), 0.5)
    features = np.random.default_rng(0).random((3, 9), np.float32)
    assert (unlike.scores(features) == unlike.scores(features[:, -4:])).all()

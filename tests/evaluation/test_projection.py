"""Pictures as points: alike ones lie together, whatever the number."""

import numpy as np
import pytest

from tl_core.evaluation.projection import METHODS, positions


@pytest.mark.parametrize("method", METHODS)
def test_alike_pictures_lie_together(method):
    random = np.random.default_rng(0)
    centres = np.repeat(5 * random.normal(size=(3, 40)), 20, axis=0)
    points = positions((centres + random.normal(size=(60, 40))).astype(np.float32), method=method)
    assert points.shape == (60, 2) and np.abs(points).max() == pytest.approx(1)
    groups = points.reshape(3, 20, 2)
    within = max(group.std(axis=0).max() for group in groups)
    middles = groups.mean(axis=1)
    between = min(np.linalg.norm(middles[a] - middles[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert between > 2 * within


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_few_or_identical_pictures_are_no_error(method, size):
    for values in (np.ones((size, 7), np.float32), np.eye(size, 7, dtype=np.float32)):
        points = positions(values, method=method)
        assert points.shape == (size, 2) and np.isfinite(points).all()


def test_many_copies_of_a_picture_are_no_error():
    values = np.repeat(np.eye(3, 20, dtype=np.float32), 40, axis=0)
    assert np.isfinite(positions(values, method="tsne")).all()

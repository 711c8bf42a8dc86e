"""Pictures from elsewhere are noticed; other mixtures of classes and bursts are not elsewhere."""

import numpy as np
import pytest

from tl_core.assessment.place import place_distance

CENTRES = np.random.default_rng(0).normal(size=(3, 32)) * 3


def pictures(count: int, seed: int, *, classes=(0, 1, 2), moved: float = 0.0):
    random = np.random.default_rng(seed)
    labels = random.choice(classes, count)
    features = CENTRES[labels] + random.normal(size=(count, 32)) + moved
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [(0, 1, 2), (1,)])
def test_pictures_of_the_same_place_are_near_whatever_their_classes(classes):
    near = place_distance(*pictures(150, 1), *pictures(40, 2, classes=classes))
    assert near < 0.8


def test_pictures_from_elsewhere_are_far():
    assert place_distance(*pictures(150, 1), *pictures(40, 2, moved=1.0)) > 1.2


def test_a_few_pictures_say_nothing():
    assert place_distance(*pictures(150, 1), *pictures(8, 2, moved=1.0)) is None


def test_one_burst_says_nothing():
    new, labels = pictures(40, 2, moved=1.0)
    found = place_distance(*pictures(150, 1), new, labels, new_groups=np.zeros(40, int))
    assert found is None

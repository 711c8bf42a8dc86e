"""Episodes of a few pictures of each class: fresh ones, never two of a group."""

import numpy as np

from tl_core.evaluation.few_shot import (
    ASKED,
    EPISODES,
    WAYS,
    accuracies,
    play,
    playable,
    unit_features,
)


def heaps(classes, each, apart):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    centres = apart * rng.normal(size=(classes, 32))
    return centres[labels] + rng.normal(size=(len(labels), 32)), labels


def test_an_episode_asks_for_pictures_that_it_has_not_shown():
    last, labels = heaps(7, 9, 1)
    found = play(unit_features(last), labels, np.arange(63), shots=2, seed=(3,))
    assert found.shown.shape == (WAYS, 2) and found.asked.shape == found.said.shape == (WAYS, ASKED)
    assert not set(found.shown.ravel()) & set(found.asked.ravel())
    for part in (found.shown, found.asked):
        assert (labels[part] == found.classes[:, None]).all()


def test_no_two_pictures_are_of_one_group():
    last, labels = heaps(2, 8, 1)
    groups = np.arange(16) // 2  # pairs
    found = play(unit_features(last), labels, groups, shots=2, seed=(0,))
    drawn = np.concatenate([found.shown, found.asked], axis=1)
    assert len(set(groups[drawn.ravel()])) == drawn.size
    assert playable(labels, groups, 2) and not playable(labels, groups, 3)


def test_more_pictures_and_clearer_classes_are_answered_better():
    clear, labels = heaps(6, 12, 3)
    assert accuracies(unit_features(clear), labels, np.arange(72), shots=1).mean() > 0.99
    vague, labels = heaps(6, 12, 0.35)
    one, five = (
        accuracies(unit_features(vague), labels, np.arange(72), shots=shots) for shots in (1, 5)
    )
    assert len(one) == EPISODES
    assert five.mean() > one.mean() + 0.05

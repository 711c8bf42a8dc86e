import numpy as np
import pytest

from tl_core.assessment.verdict import paired_interval, verdict_of
from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import Division, OutOfFold

LABELS = np.arange(100) % 2


def division_of(labels=LABELS, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    folds = make_folds(labels, groups, folds=5, seed=0)
    return Division(labels, groups, 2, tuple(folds), seed=0)


def answers_with(right: np.ndarray, labels=LABELS) -> OutOfFold:
    """Answers that are right where `right`, bool (n,), is."""
    given = np.where(right, labels, 1 - labels)
    return OutOfFold(np.eye(2, dtype=np.float32)[given], labels)


def drawn(share: float, seed: int) -> OutOfFold:
    return answers_with(np.random.default_rng(seed).random(100) < share)


def test_only_pictures_that_one_method_alone_gets_right_tell_them_apart():
    right = np.arange(100)
    a, b = answers_with(right < 90), answers_with((right < 70) | (right >= 98))
    mean, (low, high) = paired_interval(held_out(), a, b)
    won, lost, n = 20.5, 2.5, 102  # Agresti & Min: half a picture more in each of four cells
    error = np.sqrt(won + lost - (won - lost) ** 2 / n) / n
    assert mean == pytest.approx(0.18)
    assert ((low + high) / 2, (high - low) / 2) == pytest.approx(
        ((won - lost) / n, 1.96 * error), abs=1e-4
    )


def held_out() -> Division:
    """Everything is measured on one part: 100 of 101 pictures."""
    labels = np.append(LABELS, 0)
    return Division(labels, np.arange(len(labels)), 2, ((np.array([100]), np.arange(100)),), seed=0)


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [(0.95, 0.5, "helped"), (0.5, 0.95, "hurt"), (0.7, 0.72, "no clear difference")],
)
def test_the_answer_follows_the_interval(ours, theirs, answer):
    found = verdict_of(division_of(), drawn(ours, 0), {"random": drawn(theirs, 1)})
    assert found.answer == answer
    low, high = found.interval_points
    assert low < found.points < high
    assert (answer == "helped") == (low > 0)
    assert (answer == "hurt") == (high < 0)


def test_the_best_baseline_is_the_one_to_beat():
    others = {"random": drawn(0.4, 1), "small": drawn(0.6, 2)}
    found = verdict_of(division_of(), drawn(0.9, 0), others)
    assert found.against == "small"
    assert verdict_of(division_of(), drawn(0.9, 0), {}) is None


def test_copies_in_groups_make_less_sure_than_as_many_single_pictures():
    groups = np.repeat(np.arange(20), 5)
    labels = np.repeat(np.arange(20) % 2, 5)
    right, worse = (
        np.repeat(np.random.default_rng(seed).random(20) < share, 5)
        for seed, share in ((0, 0.7), (1, 0.5))
    )

    def width(groups):
        division = division_of(labels, groups)
        both = answers_with(right, labels), answers_with(worse, labels)
        _, (low, high) = paired_interval(division, *both)
        return high - low

    assert width(groups) > width(None)

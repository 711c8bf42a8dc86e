import numpy as np
import pytest

from tl_core.assessment.layer_curve import suggested
from tl_core.assessment.verdict import difference, verdict_of
from tl_core.evaluation.out_of_fold import OutOfFold
from tl_core.runs.results.intervals import FOLDS_TELL

LABELS = np.arange(100) % 2


def answers_with(right: np.ndarray, groups=None) -> OutOfFold:
    """Answers that are right where `right`, bool (n,), is."""
    labels = np.arange(len(right)) % 2
    given = np.where(right, labels, 1 - labels)
    groups = np.arange(len(right)) if groups is None else groups
    return OutOfFold(np.eye(2, dtype=np.float32)[given], labels, groups)


def drawn(share: float, seed: int) -> OutOfFold:
    return answers_with(np.random.default_rng(seed).random(100) < share)


def test_only_pictures_that_one_method_alone_gets_right_tell_them_apart():
    right = np.arange(100)
    a, b = answers_with(right < 90), answers_with((right < 70) | (right >= 98))
    mean, (low, high) = difference(a, b)
    won, lost, n = 20.5, 2.5, 102  # Agresti & Min: half a picture more in each of four cells
    error = np.sqrt(won + lost - (won - lost) ** 2 / n) / n
    assert mean == pytest.approx(0.18)
    assert ((low + high) / 2, (high - low) / 2) == pytest.approx(
        ((won - lost) / n, FOLDS_TELL * 1.96 * error), abs=1e-4
    )


def test_98_against_92_percent_of_160_pictures_helped():
    right = np.arange(160)
    ours, theirs = answers_with(right >= 3), answers_with((right < 3) | (right >= 16))
    assert (ours.accuracy, theirs.accuracy) == pytest.approx((0.981, 0.919), abs=1e-3)
    assert verdict_of(ours, {"small": theirs}).answer == "helped"


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [(0.95, 0.5, "helped"), (0.5, 0.95, "hurt"), (0.7, 0.72, "no clear difference")],
)
def test_the_answer_follows_the_interval(ours, theirs, answer):
    found = verdict_of(drawn(ours, 0), {"random": drawn(theirs, 1)})
    assert found.answer == answer
    low, high = found.interval_points
    assert low < found.points < high
    assert (answer == "helped") == (low > 0)
    assert (answer == "hurt") == (high < 0)


def test_the_best_baseline_is_the_one_to_beat():
    others = {"random": drawn(0.4, 1), "small": drawn(0.6, 2)}
    found = verdict_of(drawn(0.9, 0), others)
    assert found.against == "small"
    assert verdict_of(drawn(0.9, 0), {}) is None


def test_the_best_of_several_has_to_be_better_by_more():
    ours, theirs = drawn(0.7, 0), drawn(0.8, 1)
    (_, alone), (_, chosen) = (difference(ours, theirs, best_of=count) for count in (1, 2))
    assert chosen[0] == alone[0] and chosen[1] > alone[1]


def test_copies_in_groups_make_less_sure_than_as_many_single_pictures():
    groups = np.repeat(np.arange(20), 5)
    right, worse = (
        np.repeat(np.random.default_rng(seed).random(20) < share, 5)
        for seed, share in ((0, 0.7), (1, 0.5))
    )

    def width(groups):
        _, (low, high) = difference(answers_with(right, groups), answers_with(worse, groups))
        return high - low

    assert width(groups) > width(None)


def test_a_layer_is_suggested_only_where_it_is_clearly_better():
    level = [drawn(0.80, 1), drawn(0.84, 2), drawn(0.83, 3)]
    assert suggested(level) is None
    right = np.arange(100)
    rising = [answers_with(right < share) for share in (50, 80, 81)]
    assert suggested(rising) == 2  # the last, though another one is nearly as good
    falling = [answers_with(right < share) for share in (50, 88, 90, 60)]
    assert suggested(falling) == 1


def test_one_relabelled_picture_does_not_turn_the_advice_round():
    right = np.arange(100)
    for last in (79, 80, 81, 82):
        curve = [answers_with(right < 50), answers_with(right < 80), answers_with(right < last)]
        assert suggested(curve) == 2

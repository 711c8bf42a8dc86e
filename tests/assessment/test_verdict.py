import numpy as np
import pytest
from scipy import stats

from tl_core.assessment.verdict import _signed, paired_interval, verdict_of
from tl_core.evaluation.out_of_fold import Answers, make_rounds

LABELS = np.arange(100) % 2


def rounds_of(labels=LABELS, groups=None):
    return make_rounds(labels, groups, 2, seed=0)


def answers_with(right: np.ndarray) -> Answers:
    """Answers (R, n) that are right where `right` is."""
    logits = np.zeros((*right.shape, 2), np.float32)
    given = np.where(right, LABELS, 1 - LABELS)
    np.put_along_axis(logits, given[..., None], 1.0, axis=2)
    return Answers(logits, LABELS)


def drawn(share: float, seed: int, repeats: int = 3) -> Answers:
    return answers_with(np.random.default_rng(seed).random((repeats, 100)) < share)


def test_the_interval_is_the_corrected_resampled_t_of_the_folds():
    rounds, a, b = rounds_of(), drawn(0.9, 0), drawn(0.4, 1)
    mean, (low, high) = paired_interval(rounds, a, b)
    differences = [
        float(a.correct[r, test].mean()) - float(b.correct[r, test].mean())
        for r, folds in enumerate(rounds.folds)
        for _, test in folds
    ]
    variance = np.var(differences, ddof=1)
    gained = (a.correct.astype(float) - b.correct).mean(axis=0)
    variance = max(variance, gained.var(ddof=1) / 20)
    half = stats.t.ppf(0.975, 14) * np.sqrt((1 / 15 + 20 / 80) * variance)
    assert mean == pytest.approx(np.mean(differences))
    assert (low, high) == pytest.approx((mean - half, mean + half))


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [(0.95, 0.5, "helped"), (0.5, 0.95, "hurt"), (0.7, 0.72, "no clear difference")],
)
def test_the_answer_follows_the_interval(ours, theirs, answer):
    found = verdict_of(rounds_of(), drawn(ours, 0), {"random": drawn(theirs, 1)})
    assert found.answer == answer
    low, high = found.interval_points
    assert low < found.points < high
    assert (answer == "helped") == (low > 0)
    assert (answer == "hurt") == (high < 0)


def test_the_best_baseline_is_the_one_to_beat():
    others = {"random": drawn(0.4, 1), "small": drawn(0.6, 2, repeats=1)}
    found = verdict_of(rounds_of(), drawn(0.9, 0), others)
    assert found.against == "small"
    assert "small network" in found.sentence
    assert verdict_of(rounds_of(), drawn(0.9, 0), {}) is None


def test_copies_in_groups_make_less_sure_than_as_many_single_pictures():
    groups = np.repeat(np.arange(20), 5)
    labels = np.repeat(np.arange(20) % 2, 5)
    right = np.repeat(np.random.default_rng(0).random((3, 20)) < 0.7, 5, axis=1)
    worse = np.repeat(np.random.default_rng(1).random((3, 20)) < 0.5, 5, axis=1)

    def width(groups):
        rounds = rounds_of(labels, groups)
        a = Answers(np.where(right[..., None], np.eye(2)[labels], 0.0), labels)
        b = Answers(np.where(worse[..., None], np.eye(2)[labels], 0.0), labels)
        _, (low, high) = paired_interval(rounds, a, b)
        return high - low

    assert width(groups) > width(None)


@pytest.mark.parametrize(
    ("points", "text"), [(-0.3, "-0.3"), (0.2, "+0.2"), (-0.5, "-0.5"), (0.7, "+1"), (-12.4, "-12")]
)
def test_no_bound_reads_minus_nothing(points, text):
    assert _signed(points) == text

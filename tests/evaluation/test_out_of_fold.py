"""How pictures are divided to measure on, and what is made of the answers."""

from pathlib import Path

import numpy as np
import pytest

from tl_core.evaluation.calibration import calibration_of
from tl_core.evaluation.out_of_fold import OutOfFold, divide, predict_out_of_fold
from tl_core.images import LabelledImage
from tl_core.runs.events import result_of


def pictures(n=40, *, splits=("train", "validation", "test"), group=None):
    return [
        LabelledImage(
            digest=f"{number:064x}",
            path=Path("none"),
            name=str(number),
            label=number % 2,
            split=splits[number // 2 % len(splits)],
            group=group(number) if group else None,
        )
        for number in range(n)
    ]


def test_pictures_are_all_measured_by_models_that_never_saw_their_group():
    division = divide(pictures(group=lambda n: str(n // 4)), 2, seed=0)
    assert division.rows.tolist() == list(range(40))
    assert len(division.folds) == 5
    for number, (train, test) in enumerate(division.folds):
        assert not set(division.groups[train]) & set(division.groups[test])
        assert (division.fold_numbers[test] == number).all()


def test_answers_are_those_of_the_fold_that_tests_the_picture():
    division = divide(pictures(), 2, seed=0)

    def predict(train, test):
        assert not set(train) & set(test)
        return np.eye(2, dtype=np.float32)[division.labels[test]]

    answers = result_of(predict_out_of_fold(division, predict))
    assert answers.accuracy == 1.0
    assert answers.correct.all() and len(answers.labels) == 40


def test_calibration_is_measured_on_other_pictures_than_it_is_fitted_on():
    division = divide(pictures(120), 2, seed=0)
    random = np.random.default_rng(0)
    labels = division.labels[division.rows]
    given = np.where(random.random(len(labels)) < 0.8, labels, 1 - labels)
    logits = 20 * np.eye(2, dtype=np.float32)[given]
    answers = OutOfFold(logits, labels, np.arange(120))  # far too sure
    found = calibration_of(division, answers)
    assert found.temperature > 5
    assert found.confidence == pytest.approx(found.accuracy, abs=0.1)

import numpy as np
import pytest
from trained import BUNDLED_BACKBONE, CLASS_NAMES, write_tiny_run

from tl_core.errors import PredictionError
from tl_core.export.model_card import model_card
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.results.report import Evaluation, Report, write_report


def write_result(run_dir, *, names=CLASS_NAMES, folds=5, measured_on="all"):
    labels = np.arange(30) % 3
    answers = np.where(np.arange(30) < 3, 0, labels)  # two of the first three are wrong
    probabilities = np.eye(3, dtype=np.float32)[answers]
    digests = tuple(map(str, range(30)))
    found = Evaluation(names, digests, labels, probabilities, measured_on, folds)
    config = TrainingConfig(backbone=BUNDLED_BACKBONE)
    report = Report(
        config=config, strategy_used="probe", features="last", evaluation=found, seconds={}
    )
    write_report(run_dir, report)


def test_the_card_says_how_good_the_model_is_and_on_what_that_was_measured(tmp_path):
    write_tiny_run(tmp_path)
    write_result(tmp_path)
    card = model_card(tmp_path)
    assert "93.3 % of 30 pictures, measured by cross-validation" in card
    assert "| ants | 10 | 0.83 | 1.00 |" in card
    assert "| bees | 10 | 1.00 | 0.90 |" in card
    assert "Apache-2.0" in card and "160 x 160" in card
    write_result(tmp_path, folds=1, measured_on="test")
    assert "on a test part" in model_card(tmp_path)


def test_the_card_says_whether_the_model_notices_what_is_unlike_its_pictures(tmp_path):
    write_tiny_run(tmp_path)
    assert "`unlike_score`" in model_card(tmp_path)
    write_tiny_run(tmp_path, unlike=False)
    assert "`unlike_score`" not in model_card(tmp_path)
    assert "cannot tell" in model_card(tmp_path)


def test_a_model_without_a_result_was_not_measured(tmp_path):
    write_tiny_run(tmp_path)
    assert "not measured" in model_card(tmp_path)


def test_a_class_name_does_not_break_the_table(tmp_path):
    names = ("a|b", "<b>x", "_c_")
    write_tiny_run(tmp_path, class_names=names)
    write_result(tmp_path, names=names)
    lines = model_card(tmp_path).splitlines()
    assert any(line.startswith("| a\\|b | 10 |") for line in lines)
    assert any(line.startswith("| \\<b\\>x | 10 |") for line in lines)


def test_without_a_model_there_is_no_card(tmp_path):
    with pytest.raises(PredictionError, match="no finished model"):
        model_card(tmp_path)

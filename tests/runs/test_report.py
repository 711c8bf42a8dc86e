"""Tests of how results are counted and kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.report import (
    Evaluation,
    Report,
    has_damaged_report,
    read_report,
    write_report,
)


def evaluation(labels: np.ndarray, predicted: np.ndarray, k: int) -> Evaluation:
    probabilities = np.full((len(labels), k), 0.1 / k, np.float32)
    probabilities[np.arange(len(labels)), predicted] += 0.9
    names = tuple(f"class {index}" for index in range(k))
    digests = tuple(f"{index:064x}" for index in range(len(labels)))
    return Evaluation(names, digests, labels, probabilities, "test pictures")


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(18, 20, 0.70, 0.97), (20, 20, 0.84, 1.0), (90, 100, 0.83, 0.95)],
)
def test_wilson_interval_gives_the_published_values(correct, n, low, high):
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=0.006)


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_in_range(case):
    correct, n = case
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= high <= 1
    if n:
        assert low <= correct / n + 1e-12 and correct / n - 1e-12 <= high


@given(st.integers(2, 5), st.integers(1, 40), st.integers(0, 2**31))
def test_counts_agree_with_scikit_learn(k, n, seed):
    random = np.random.default_rng(seed)
    labels, predicted = random.integers(0, k, n), random.integers(0, k, n)
    result = evaluation(labels, predicted, k)
    wanted = precision_recall_fscore_support(
        labels, predicted, labels=range(k), zero_division=np.nan
    )
    for index, row in enumerate(result.per_class):
        ours = (row.precision, row.recall, row.f1, row.support)
        np.testing.assert_allclose(ours, [column[index] for column in wanted])
    wanted_cells = confusion_matrix(labels, predicted, labels=range(k))
    np.testing.assert_array_equal(result.confusion, wanted_cells)
    assert result.correct == np.trace(wanted_cells)


def test_a_cell_of_the_confusion_matrix_names_its_pictures():
    result = evaluation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 2)
    assert result.at(0, 1).tolist() == [1]
    assert result.at(1, 0).tolist() == [3]


def test_the_most_confident_mistake_comes_first():
    result = evaluation(np.array([0, 0, 0]), np.array([1, 1, 0]), 2)
    result.probabilities[1] = [0.01, 0.99]
    assert result.most_confident_mistakes().tolist() == [1, 0]


def test_a_report_comes_back_as_it_was_written(tmp_path):
    report = Report(
        config=TrainingConfig(backbone=find(BUNDLED), augmentations=("flip",), seed=3),
        strategy_used="probe",
        features="all",
        evaluation=evaluation(np.array([0, 1, 1]), np.array([0, 1, 0]), 2),
        seconds={"total": 1.5},
        notes=("One sentence.",),
    )
    assert read_report(tmp_path) is None
    write_report(tmp_path, report)
    back = read_report(tmp_path)
    assert back.summary() == report.summary()
    np.testing.assert_array_equal(back.evaluation.probabilities, report.evaluation.probabilities)
    assert back.config == report.config


def out_of_fold(folds: int) -> Report:
    """Return a report with 51 of 60 right in a cross-validation with so many folds."""
    labels = np.zeros(60, np.int64)
    found = evaluation(labels, (np.arange(60) >= 51).astype(np.int64), 2)
    return Report(
        config=TrainingConfig(backbone=find(BUNDLED)),
        strategy_used="probe",
        features="all",
        evaluation=replace(found, folds=folds),
        seconds={},
    )


def test_the_interval_allows_for_the_number_of_folds(tmp_path):
    write_report(tmp_path, out_of_fold(3))
    found = read_report(tmp_path).evaluation
    assert (found.correct, found.n, found.folds) == (51, 60, 3)
    assert found.method == "out-of-fold"
    assert found.interval[1] == pytest.approx(0.946, abs=5e-4)
    assert out_of_fold(5).evaluation.interval[1] == pytest.approx(0.935, abs=5e-4)


def test_groups_are_kept_and_widen_the_interval(tmp_path):
    report = out_of_fold(5)
    grouped = replace(report.evaluation, groups=np.arange(60) // 3)
    write_report(tmp_path, replace(report, evaluation=grouped))
    found = read_report(tmp_path).evaluation
    np.testing.assert_array_equal(found.groups, np.arange(60) // 3)
    assert found.independent < 25
    assert found.interval[0] < report.evaluation.interval[0]


def test_reports_from_before_the_folds_were_stored_are_read_with_five(tmp_path):
    write_report(tmp_path, out_of_fold(3))
    old = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    del old["folds"]
    (tmp_path / "report.json").write_text(json.dumps(old))
    assert read_report(tmp_path).evaluation.folds == 5
    (tmp_path / "report.json").write_text(json.dumps({**old, "method": "held-out"}))
    assert read_report(tmp_path).evaluation.folds == 1


@pytest.mark.parametrize("name", ["report.json", "predictions.npz"])
def test_a_damaged_result_counts_as_none(tmp_path, name):
    write_report(tmp_path, out_of_fold(3))
    assert read_report(tmp_path) is not None and not has_damaged_report(tmp_path)
    whole = (tmp_path / name).read_bytes()
    for kept in range(0, len(whole), 97):
        (tmp_path / name).write_bytes(whole[:kept])
        assert read_report(tmp_path) is None and has_damaged_report(tmp_path)
    (tmp_path / name).write_bytes(b"\xff" * len(whole))
    assert read_report(tmp_path) is None


def test_no_damaged_prediction_is_believed(tmp_path):
    write_report(tmp_path, out_of_fold(3))
    path = tmp_path / "predictions.npz"
    whole = path.read_bytes()
    for place in range(0, len(whole), 53):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        assert read_report(tmp_path) is None
    path.unlink()
    assert read_report(tmp_path) is None and has_damaged_report(tmp_path)


def test_what_a_newer_version_has_added_is_left_out(tmp_path):
    write_report(tmp_path, out_of_fold(3))
    newer = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    newer["config"] |= {"added later": 1}
    newer["config"]["backbone"] |= {"added later": 1}
    (tmp_path / "report.json").write_text(json.dumps({**newer, "added later": 1}))
    assert read_report(tmp_path).config == out_of_fold(3).config

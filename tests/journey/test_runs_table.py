"""Which run is said to be ahead: only one that is so on the same pictures, beyond chance."""

from types import SimpleNamespace

import numpy as np
import pytest

from pages.shared.training.runs_table import ahead_text
from tl_core.runs.results.comparison import run_difference
from tl_core.runs.results.report import Evaluation

NAMES = {"1": "Run 1 · Linear probing", "2": "Run 2 · Fine-tuning", "3": "Run 3 · From scratch"}


def measured(right: np.ndarray, pictures: np.ndarray) -> Evaluation:
    labels = pictures % 2
    probabilities = np.eye(2, dtype=np.float32)[np.where(right, labels, 1 - labels)]
    digests = tuple(str(number) for number in pictures)
    return Evaluation(("a", "b"), digests, labels, probabilities, "all", 5)


def said(*found: Evaluation) -> str:
    """Let the first be the leader."""
    runs = [SimpleNamespace(id=str(number)) for number, _ in enumerate(found, start=1)]
    evaluations = {run.id: one for run, one in zip(runs, found, strict=True)}
    return ahead_text(runs[0], runs, evaluations, NAMES)


ALL = np.arange(160)
GOOD, FAIR = measured(ALL >= 3, ALL), measured(ALL >= 20, ALL)


def test_a_run_is_ahead_only_beyond_chance_on_the_same_pictures():
    assert said(GOOD, FAIR) == "Run 1 is clearly ahead on the same 160 pictures"
    nearly = measured(ALL >= 6, ALL)
    assert said(GOOD, nearly).startswith("No clear difference between Run 1 and Run 2, on the same")
    assert said(GOOD, GOOD).startswith("No clear difference")


def test_runs_on_different_pictures_are_not_compared():
    few = measured(np.ones(4, bool), np.arange(200, 204))
    assert said(GOOD, few) == "Run 1 and Run 2 were measured on different pictures: do not compare"
    assert said(GOOD, FAIR, few).endswith("; Run 3 was measured on other pictures")


def test_the_pictures_that_two_runs_share_tell_them_apart():
    part = measured(np.arange(40) >= 15, np.arange(40))
    found = run_difference(GOOD, part)
    assert (found.n, found.clear) == (40, True)
    assert found.difference == pytest.approx(12 / 40)


def test_a_relabelled_picture_is_no_longer_the_same():
    other = Evaluation(("b", "a"), GOOD.digests, GOOD.labels, GOOD.probabilities, "all", 5)
    assert run_difference(GOOD, other) is None

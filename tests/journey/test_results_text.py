"""The honest number: what it says where pictures belong together."""

import numpy as np

from pages.shared.results import number_of, together_text
from tl_core.runs.results.report import Evaluation


def evaluation(groups: np.ndarray | None, folds: int) -> Evaluation:
    labels = np.arange(160) % 2
    probabilities = np.eye(2, dtype=np.float32)[labels]
    digests = tuple(f"{index:064x}" for index in range(160))
    return Evaluation(("a", "b"), digests, labels, probabilities, "all", folds, groups)


def test_a_number_that_rests_on_two_groups_of_a_class_says_so():
    said = together_text(evaluation(np.arange(160) % 4, 4))
    assert "as certain as about 4 independent pictures" in said
    assert "only 2 groups" in said and "says little" in said
    assert said in number_of(evaluation(np.arange(160) % 4, 4)).facts


def test_single_pictures_need_no_word_on_groups():
    assert (
        together_text(evaluation(None, 160)) == together_text(evaluation(np.arange(160), 5)) == ""
    )


def test_pictures_of_few_groups_are_less_sure():
    assert evaluation(np.arange(160) % 8, 8).interval[0] < 0.7 < evaluation(None, 8).interval[0]

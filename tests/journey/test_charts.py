"""The figures: titles that state the finding, safe names, no difference by colour alone."""

from dataclasses import replace

import numpy as np
import pytest
from results import epochs

from pages.shared import charts
from pages.shared.text import count_text
from tl_core.runs.events import CandidateScore

NASTY = "<a href='x'>leaf</a> & " + "very " * 60 + "long"


def test_accuracy_curves_name_the_best_epoch_and_have_units():
    chart = charts.curves(epochs(5, "fine_tune"), measure="accuracy")
    assert chart.title == "Validation accuracy: best 80 %, in epoch 5"
    assert chart.figure.layout.yaxis.title.text == "accuracy (%)"
    assert chart.figure.layout.xaxis.title.text == "epoch"
    assert max(chart.figure.layout.yaxis.tickvals) == 100


def test_the_titles_name_the_epoch_that_is_kept():
    later = [replace(one, validation_loss=1 / one.epoch) for one in epochs(5)]
    later[3] = replace(later[3], validation_loss=0.1)  # equally accurate, and least loss
    assert charts.curves(later, measure="accuracy").title.endswith("best 80 %, in epoch 4")
    later[1] = replace(later[1], validation_accuracy=0.9)
    assert charts.curves(later, measure="loss").title == (
        "Validation loss: lowest 0.10, in epoch 4; 0.50 in epoch 2, whose accuracy is the best"
    )


def test_a_trial_is_not_taken_for_the_model():
    title = charts.curves(epochs(5), measure="accuracy", trial=True).title
    assert title.startswith("First fold of the fine-tuning trial: validation accuracy")


def test_the_state_before_the_first_epoch_stands_at_0_without_a_training_loss():
    start = replace(epochs(1)[0], epoch=0, train_loss=None, train_accuracy=None)
    train, validation = charts.curves([start, *epochs(3)], measure="loss").figure.data
    assert list(validation.x) == [0, 1, 2, 3]
    assert np.isnan(train.y[0]) and np.isfinite(train.y[1:]).all()


def test_train_and_validation_differ_by_dash_and_marker_as_well_as_colour():
    train, validation = charts.curves(epochs(5), measure="loss").figure.data
    assert train.line.dash != validation.line.dash
    assert train.marker.symbol != validation.marker.symbol


def test_the_best_candidate_so_far_is_named_and_marked():
    scores = [
        CandidateScore("probe", "last", 0.1, 0.8),
        CandidateScore("probe", "stages", 0.3, 0.9),
    ]
    chart = charts.candidates(scores)
    assert "all stages, regularisation 0.3, 90 %" in chart.title
    assert list(chart.figure.data[0].marker.symbol) == ["circle-open", "circle"]


def test_long_histories_are_thinned_and_keep_their_ends():
    line = charts.curves(epochs(5_000), measure="loss").figure.data[-1]
    assert len(line.x) <= 400
    assert (line.x[0], line.x[-1]) == (1, 5_000)


def test_earlier_runs_lie_behind_the_present_one():
    figure = charts.curves(epochs(3), measure="loss", earlier=[("Run 1", epochs(9))]).figure
    assert figure.data[0].name == "Run 1"
    assert len(figure.data) == 3


def test_curves_without_epochs_say_so():
    assert "first epoch" in charts.curves([], measure="loss").title


def test_confusion_title_names_the_most_frequent_mix_up():
    counts = np.array([[5, 3], [1, 6]])
    chart = charts.confusion(["ants", "bees"], counts)
    assert chart.title == "Most frequent confusion: “ants” predicted as “bees” 3 times"


def test_confusion_points_carry_true_and_predicted_class():
    points = charts.confusion(["a", "b", "c"], np.eye(3, dtype=int)).figure.data[-1]
    by_place = {
        (x, y): list(c) for x, y, c in zip(points.x, points.y, points.customdata, strict=True)
    }
    assert by_place[(2, 0)] == [0, 2]  # column 2, row 0: true 0, predicted 2
    assert len(by_place) == 9


def test_a_large_confusion_matrix_names_no_more_classes_than_it_has_room_for():
    names = [f"class {i}" for i in range(100)]
    axis = charts.confusion(names, np.eye(100, dtype=int)).figure.layout.xaxis
    assert len(axis.tickvals) == len(axis.ticktext) <= 40
    assert axis.ticktext[1] == f"class {axis.tickvals[1]}"


@pytest.mark.parametrize("size", [2, 20, 100])
def test_confusion_of_any_size_keeps_a_usable_height(size):
    chart = charts.confusion([f"c{i}" for i in range(size)], np.ones((size, size), dtype=int))
    assert 200 <= chart.figure.layout.height <= 700


def test_names_cannot_smuggle_markup_into_a_figure():
    figures = [
        charts.confusion([NASTY, "b"], np.eye(2, dtype=int)).figure,
    ]
    for figure in figures:
        assert "<a href" not in figure.to_json().replace("\\u003c", "<")


def test_runs_of_one_chart_differ_by_shape_and_colour():
    scores = [charts.RunScore(f"Run {i}", 0.9, 0.8, 0.96, 50) for i in range(5)]
    marker = charts.compare_runs(scores, best=4, title="t").figure.data[0].marker
    assert len(set(marker.symbol)) == len(set(marker.color)) == 5


def test_the_best_run_differs_by_shape_as_well_as_colour():
    scores = [charts.RunScore("A", 0.9, 0.8, 0.96, 50), charts.RunScore("B", 0.88, 0.77, 0.95, 50)]
    marker = charts.compare_runs(scores, best=1, title="t").figure.data[0].marker
    assert list(marker.symbol) == ["circle", "diamond"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(950, "950"), (5_124, "5.1 thousand"), (98_000, "98 thousand"), (3_371_008, "3.4 million")],
)
def test_counts_read_as_people_say_them(number, text):
    assert count_text(number) == text

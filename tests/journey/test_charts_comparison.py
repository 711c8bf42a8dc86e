"""The figures that compare: bars, layers, amounts, sureness."""

import pytest

from pages.shared import charts
from pages.shared.charts import Depth

NASTY = "<a href='x'>leaf</a> & " + "very " * 60 + "long"
BARS = [
    charts.Bar(NASTY, 0.5, 0.4, 0.6, "no training, " + "a lot of words " * 20),
    charts.Bar("Transferred", 0.95, 0.85, 0.99, "3 s", strong=True),
]


def depths(*accuracies: float, spread: float = 0.05) -> list[Depth]:
    return [
        Depth("stem" if i == 0 else f"stage {i}", a, a - spread, min(1, a + spread))
        for i, a in enumerate(accuracies)
    ]


def test_bars_show_intervals_names_and_budgets():
    figure = charts.baselines(BARS, title="It helped").figure
    assert list(figure.data[0].error_x.array) == pytest.approx([10, 4])
    assert list(figure.data[0].error_x.arrayminus) == pytest.approx([10, 10])
    texts = [note.text for note in figure.layout.annotations]
    assert "<a href" not in texts[0]
    assert texts[1] == "<b>Transferred: 95 %</b><br>3 s"
    assert texts[0].count("<br>") == 3  # however long the budget, it keeps to its room
    assert "%" in figure.layout.xaxis.title.text


def test_the_chosen_backbone_differs_by_shape_as_well_as_colour():
    entries = [
        charts.Ranked("A", 0.9, 0.8, 0.95, 3.0),
        charts.Ranked("B", 0.8, 0.7, 0.9, 1.0, chosen=True),
    ]
    chart = charts.ranking(entries, title="B is faster")
    assert [trace.marker.symbol for trace in chart.figure.data] == ["circle", "diamond"]
    assert "seconds" in chart.figure.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("frozen", "words"), [(0, "nothing is frozen"), (2, "frozen on the left"), (3, "all of it")]
)
def test_the_curve_says_in_words_what_is_frozen(frozen, words):
    figure = charts.layer_curve(depths(0.5, 0.9, 0.7), title="t", frozen=frozen).figure
    assert words in figure.layout.annotations[-1].text


def test_the_learning_curve_marks_what_is_a_guess():
    points = list(zip([2, 5, 10], depths(0.5, 0.7, 0.8), strict=True))
    figure = charts.learning_curve(points, [(20, 0.8, 0.85, 0.9)], title="More helps").figure
    names = [trace.name for trace in figure.data]
    assert names[:2] == ["uncertainty of the extrapolation", "extrapolation to more pictures"]
    assert figure.data[1].line.dash == "dash"
    assert list(figure.data[1].x) == [10, 20]
    assert len(charts.learning_curve(points, [], title="t").figure.data) == 1


def test_the_reliability_picture_has_the_line_of_the_ideal():
    figure = charts.reliability([(0.8, 0.7, 10), (0.9, 0.9, 40)], title="t").figure
    assert figure.data[0].name == "perfect calibration"
    few, many = figure.data[1].marker.size
    assert few < many


def test_coverage_draws_both_lines_and_the_choice():
    points = [(0.0, 0.8, 1.0), (0.9, 1.0, 0.4)]
    figure = charts.coverage(points, threshold=0.5, title="t").figure
    assert [trace.line.dash for trace in figure.data] == ["solid", "dash"]
    assert figure.layout.shapes[0].x0 == 50

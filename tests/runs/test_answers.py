import csv
import io

import pytest

from tl_core.runs.results.answers import Answer, Prediction, answers_csv
from tl_core.workspace.names import without_formula


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_ranked_puts_the_most_probable_class_first():
    found = Prediction(("a", "b", "c"), (0.2, 0.7, 0.1))
    assert [name for name, _ in found.ranked] == ["b", "a", "c"]
    assert (found.class_name, found.probability) == ("b", 0.7)


def test_the_table_has_a_row_for_every_file_even_the_unreadable():
    answers = [
        Answer("cats/one, two.jpg", Prediction(("ä", "b"), (0.25, 0.75))),
        Answer("broken.jpg", None, "the file is empty."),
        Answer("pizza.jpg", Prediction(("ä", "b"), (0.25, 0.75), unlike_score=1.5)),
        Answer("dog.jpg", Prediction(("ä", "b"), (0.25, 0.75), unlike_score=0.25)),
    ]
    rows = _rows(answers_csv(answers, ("ä", "b")))
    known = ["b", "0.750000", "0.250000", "0.750000"]
    columns = ["file", "predicted", "probability", "ä", "b", "unlike", "unlike_score", "problem"]
    assert rows == [
        columns,
        ["cats/one, two.jpg", *known, "", "", ""],  # this model cannot tell
        ["broken.jpg", "", "", "", "", "", "", "the file is empty."],
        ["pizza.jpg", *known, "1", "1.5000", ""],
        ["dog.jpg", *known, "0", "0.2500", ""],
    ]


@pytest.mark.parametrize("name", ["=1+1.jpg", "+x", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_is_never_a_formula(name):
    answer = Answer(name, Prediction((name, "b"), (0.9, 0.1)))
    text = answers_csv([answer], (name, "b")).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert cells.count("'" + name) == 3  # header, file, predicted
    assert name not in cells


def test_an_ordinary_name_is_left_alone():
    assert without_formula("a=b -c.jpg") == "a=b -c.jpg"


def test_a_name_that_is_not_valid_unicode_does_not_break_the_table():
    table = answers_csv([Answer("bad\udcff.jpg", None, "x")], ("a",)).decode("utf-8-sig")
    assert table.splitlines()[1] == "bad?.jpg,,,,,,x"

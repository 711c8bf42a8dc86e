"""Several questions, and several labels per picture, from a table; blanks and useless columns."""

import csv
import json

import numpy as np
import pytest
from pictures import write_stripes
from PIL import Image, ImageOps

from tl_core.__main__ import main
from tl_core.approaches import linear_probe
from tl_core.approaches.probing.heads import best_threshold
from tl_core.export.predictor import Predictor

pytestmark = pytest.mark.usefixtures("known_machine")


def write_table(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


@pytest.fixture
def pictures(tmp_path):
    """Write stripes of two directions, half of them much darker: two questions to answer."""
    folder = write_stripes(tmp_path / "pictures", each=12)
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        if number % 2:
            picture = ImageOps.invert(Image.open(file).convert("RGB")).point(lambda v: v // 4)
            picture.save(file)
    return folder


def facts_of(folder):
    files = sorted(folder.rglob("*.png"))
    return [
        (f"{f.parent.name}/{f.name}", f.parent.name, number % 2) for number, f in enumerate(files)
    ]


def test_two_questions_with_blanks_are_answered_by_one_model(pictures, workspace, capsys):
    rows = [
        [name, direction, ("dark" if dark else "light") if number % 5 else ""]
        for number, (name, direction, dark) in enumerate(facts_of(pictures))
    ]
    rows.append(["gone.png", "class 0", "dark"])
    table = write_table(pictures.parent / "labels.csv", ["file", "direction", "shade"], rows)
    report = pictures.parent / "out.json"
    assert main(["train", str(pictures), "--labels", table, "--report", str(report)]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert set(found["questions"]) == {"direction", "shade"}
    assert found["questions"]["direction"]["n_test"] == 24
    assert found["questions"]["shade"]["n_test"] == 19
    assert found["questions"]["shade"]["class_names"] == ["dark", "light"]
    assert found["questions"]["shade"]["accuracy"] > 0.9
    assert found["mean_accuracy"] > 0.8
    model = Predictor.load(workspace.root / found["folder"])
    assert [head.question for head in model.heads] == ["direction", "shade"]
    files = sorted(pictures.rglob("*.png"))
    said = [[one.answer for one in found.answers] for found in model.predict(files)]
    truth = [[way, "dark" if dark else "light"] for _, way, dark in facts_of(pictures)]
    assert np.mean([a == b for a, b in zip(said, truth, strict=True)]) > 0.9
    assert main(["predict", found["run"], str(files[0]), str(files[1])]) == 0
    first, *lines = capsys.readouterr().out.splitlines()[-3:]
    assert first.endswith("problem,direction,direction: probability,shade,shade: probability")
    assert [line.split(",")[-2] for line in lines] == ["light", "dark"]


def test_a_column_that_cannot_be_learnt_is_left_out_and_named(pictures, workspace):
    rows = [[name, direction, "same"] for name, direction, _ in facts_of(pictures)]
    table = write_table(pictures.parent / "labels.csv", ["file", "direction", "origin"], rows)
    report = pictures.parent / "out.json"
    assert main(["train", str(pictures), "--labels", table, "--report", str(report)]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert set(found["questions"]) == {"direction"}
    assert "only 'same'" in found["unusable"]["origin"]


def test_several_labels_per_picture(pictures, workspace):
    facts = facts_of(pictures)
    rows = [[name, int(direction == "class 1"), dark, 0] for name, direction, dark in facts]
    table = write_table(pictures.parent / "l.csv", ["file", "vertical", "dark", "nobody"], rows)
    report = pictures.parent / "out.json"
    words = ["train", str(pictures), "--labels", table, "--multilabel"]
    assert main([*words, "--report", str(report)]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert set(found["labels"]) == {"vertical", "dark"}
    assert "nobody" in found["unusable"]
    assert found["map"] == pytest.approx(
        np.mean([one["average_precision"] for one in found["labels"].values()])
    )
    assert found["map"] > 0.9
    assert 0 < found["labels"]["dark"]["threshold"] < 1
    assert found["exact_match"] > 0.7
    assert found["exact_match_pictures"] == 24


def test_many_labels_share_what_does_not_depend_on_them(pictures, workspace, monkeypatch):
    made = []
    plain = linear_probe.basis_of
    monkeypatch.setattr(linear_probe, "basis_of", lambda *a: made.append(1) or plain(*a))
    header = ["file", *(f"label {number}" for number in range(25))]
    rows = [
        [name, *((row >> (number % 5)) & 1 for number in range(25))]
        for row, (name, _, _) in enumerate(facts_of(pictures))
    ]
    table, report = write_table(pictures.parent / "l.csv", header, rows), pictures.parent / "o.json"
    words = ["train", str(pictures), "--labels", table, "--multilabel", "--report", str(report)]
    assert main(words) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert len(found["labels"]) == 25
    assert len(made) == 1
    assert len(Predictor.load(workspace.root / found["folder"]).heads) == 25


def test_test_pictures_have_a_table_of_their_own(pictures, workspace, tmp_path):
    other = write_stripes(tmp_path / "other", each=4)
    for number, file in enumerate(sorted(other.rglob("*.png"))):
        file.write_bytes(file.read_bytes() + bytes([number]))  # no copies
    header = ["file", "direction"]
    table = write_table(tmp_path / "l.csv", header, [row[:2] for row in facts_of(pictures)])
    tested = write_table(tmp_path / "t.csv", header, [row[:2] for row in facts_of(other)])
    report = tmp_path / "out.json"
    words = ["train", str(pictures), "--labels", table, "--test", str(other)]
    assert main([*words, "--test-labels", tested, "--report", str(report)]) == 0
    direction = json.loads(report.read_text(encoding="utf-8"))["questions"]["direction"]
    assert (direction["n_test"], direction["measured_on"]) == (8, "test")


@pytest.mark.parametrize(
    ("header", "row", "sentence"),
    [
        (["picture", "a"], ["x.png", "1"], "needs a column 'file'"),
        (["file"], ["x.png"], "one per question"),
        (["file", "a"], ["x.png", "1"], "No file that"),
        (["file", "a"], ["class 0/0.png", "2"], "expected 0 or 1"),
    ],
)
def test_a_table_that_is_no_use_is_a_sentence(pictures, workspace, capsys, header, row, sentence):
    table = write_table(pictures.parent / "l.csv", header, [row])
    assert main(["train", str(pictures), "--labels", table, "--multilabel"]) == 2
    assert sentence in capsys.readouterr().err


def test_the_threshold_is_where_f1_is_largest():
    labels = np.array([0, 0, 1, 1], bool)
    assert best_threshold(labels, np.array([0.1, 0.2, 0.3, 0.9])) == pytest.approx(0.25)
    assert best_threshold(np.zeros(3, bool), np.array([0.1, 0.2, 0.3])) == 0.5

"""A test folder that overlaps the training folder: what is counted, and on what the result is."""

import json
from pathlib import Path

import pytest
from pictures import write_stripes

from tl_core import __main__ as command_line


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "environment", lambda **_: {})


def trained(folder: Path, *, exact: int, near: int, new: int) -> dict:
    """Train on 8 pictures of each of two classes; return the report.

    Of each class the test folder has so many files of the training folder, so many with the same
    pixels in other bytes, and so many others.
    """
    source = write_stripes(folder / "all", each=8 + new)
    for kind in source.iterdir():
        train, test = folder / "train" / kind.name, folder / "test" / kind.name
        train.mkdir(parents=True)
        test.mkdir(parents=True)
        for path in kind.iterdir():
            number = int(path.stem)
            if number >= 8:
                (test / path.name).write_bytes(path.read_bytes())
                continue
            (train / path.name).write_bytes(path.read_bytes())
            if number < exact + near:
                more = b"" if number < exact else b"more"
                (test / f"again {path.name}").write_bytes(path.read_bytes() + more)
    report = folder / "report.json"
    command = ["train", folder / "train", "--test", folder / "test", "--report", report]
    assert command_line.main([*map(str, command), "--workspace", str(folder / "workspace")]) == 0
    return json.loads(report.read_text("utf-8"))


def test_the_result_is_on_test_pictures_without_a_relative(tmp_path: Path, capsys):
    report = trained(tmp_path, exact=2, near=1, new=6)
    found = report["test_overlap"]
    assert (found["test_pictures"], found["in_training"]) == (18, 6)
    assert (found["exact"], found["near"], found["cross_validated"]) == (4, 2, False)
    assert report["n_test"] == found["without_overlap"]["n"] == 12
    assert found["all"]["n"] == 18
    assert found["all"]["accuracy"] == found["all"]["correct"] / 18
    out, err = capsys.readouterr()
    says = "6 of your 18 test pictures are in the training folder too"
    assert out.startswith(says) and says in err
    assert report["measured_on"] == "test"


def test_where_too_few_are_left_the_result_is_cross_validated(tmp_path: Path):
    report = trained(tmp_path, exact=5, near=0, new=1)
    found = report["test_overlap"]
    assert (found["test_pictures"], found["in_training"]) == (12, 10)
    assert found["cross_validated"]
    assert (report["measured_on"], report["n_test"]) == ("all", 16)  # all are still learnt from
    assert report["method"] == "out-of-fold"
    assert found["without_overlap"]["n"] == 2


def test_without_an_overlap_nothing_is_said(tmp_path: Path, capsys):
    report = trained(tmp_path, exact=0, near=0, new=6)
    assert "test_overlap" not in report
    assert report["n_test"] == 12
    assert "training folder too" not in capsys.readouterr().err


def test_a_class_of_one_picture_is_left_out_and_named(tmp_path: Path, capsys):
    folder = write_stripes(tmp_path / "pictures", each=6, classes=3)
    for number in range(1, 6):
        (folder / "class 2" / f"{number}.png").unlink()
    report = tmp_path / "report.json"
    command = ["train", folder, "--report", report, "--workspace", tmp_path / "workspace"]
    for _again in range(2):
        assert command_line.main(list(map(str, command))) == 0
        found = json.loads(report.read_text("utf-8"))
        assert found["class_names"] == ["class 0", "class 1"]
        said = "skipped class 2/0.png: the only picture of class 'class 2', which needs 2; left out"
        assert said in capsys.readouterr().err

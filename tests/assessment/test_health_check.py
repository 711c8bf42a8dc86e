"""The health check on folders in which everything that it looks for was put by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image, ImageFilter, ImageOps

from tl_core import __main__ as command_line
from tl_core.approaches.probing.probe import Basis
from tl_core.assessment.health.suspects import credibility
from tl_core.runs.results.health import KINDS, Finding, Health, Suspect, severity_of

EACH = 14
NAMES = ("day", "night")


def shown(number: int, label: int) -> Image.Image:
    """Return a picture of a class: night is blue, day is yellow."""
    small = ImageOps.autocontrast(scene(number).resize((120, 90))).convert("L")
    return ImageOps.colorize(small, "black", "white", ("goldenrod", "steelblue")[label])


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list[dict]]:
    """Return the report and the table of one check."""
    folder = tmp_path_factory.mktemp("check")
    for label, name in enumerate(NAMES):
        for number in range(EACH):
            path = folder / "train" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            shown(100 * label + number, label).save(path, quality=92)
    train, tested = folder / "train", folder / "test"
    shown(150, 1).save(train / "day" / "wrong.jpg")
    (train / "night" / "again.jpg").write_bytes((train / "day" / "0.jpg").read_bytes())
    (train / "day" / "twice.jpg").write_bytes((train / "day" / "1.jpg").read_bytes())
    ImageOps.mirror(shown(2, 0).rotate(90, expand=True)).save(train / "day" / "turned.jpg")
    shown(160, 1).filter(ImageFilter.GaussianBlur(6)).save(train / "night" / "soft.jpg")
    shown(161, 1).point(lambda value: value // 8).save(train / "night" / "black.jpg")
    shown(162, 1).resize((320, 40)).save(train / "night" / "long.jpg")
    for name in NAMES:
        (tested / name).mkdir(parents=True)
    (tested / "day" / "a.jpg").write_bytes((train / "day" / "3.jpg").read_bytes())
    shown(50, 0).save(tested / "day" / "b.jpg")
    shown(170, 1).save(tested / "night" / "c.jpg")
    before = command_line.environment
    command_line.environment = lambda **_: {}
    report, table = folder / "health.json", folder / "suspects.csv"
    try:
        code = command_line.main(
            [
                *("check", str(train), "--test", str(tested), "--report", str(report)),
                *("--suspects", str(table), "--workspace", str(folder / "workspace")),
            ]
        )
    finally:
        command_line.environment = before
    assert code == 0
    with table.open(encoding="utf-8", newline="") as file:
        return json.loads(report.read_text("utf-8")), list(csv.DictReader(file))


def of_kind(report: dict, kind: str, about: str | None = None) -> list[set[str]]:
    found = [one for one in report["findings"] if one["kind"] == kind and one["about"] == about]
    return [set(one["pictures"]) for one in found]


def test_findings_come_by_how_much_they_matter(checked):
    report, _ = checked
    severities = [one["severity"] for one in report["findings"]]
    assert severities == sorted(severities, reverse=True)
    assert {one["kind"] for one in report["findings"]} <= set(KINDS)
    assert all(one["message"] and one["pictures"] for one in report["findings"])


def test_the_same_file_in_two_classes_is_the_first_finding(checked):
    report, _ = checked
    first = report["findings"][0]
    assert (first["kind"], set(first["pictures"])) == (
        "duplicate",
        {"day/0.jpg", "night/again.jpg"},
    )
    assert "“day” and “night”" in first["message"]


def test_copies_are_found_turned_and_mirrored_too(checked):
    report, _ = checked
    assert {"day/1.jpg", "day/twice.jpg"} in of_kind(report, "duplicate")
    assert {"day/2.jpg", "day/turned.jpg"} in of_kind(report, "near_duplicate")


def test_the_test_folder_that_overlaps_is_counted(checked):
    report, _ = checked
    (finding,) = (one for one in report["findings"] if one["kind"] == "overlap")
    assert finding["message"].startswith("1 of 3 test pictures are in the training folder, too")
    assert finding["pictures"] == ["day/a.jpg"]


def test_bad_pictures_are_found(checked):
    report, _ = checked
    assert of_kind(report, "quality", "blurred") == [{"night/soft.jpg"}]
    assert of_kind(report, "quality", "dark") == [{"night/black.jpg"}]
    assert of_kind(report, "quality", "extreme aspect") == [{"night/long.jpg"}]


def test_every_picture_is_in_the_table_the_wrong_label_first(checked):
    report, rows = checked
    assert list(rows[0]) == ["file", "label", "suggested", "score"]
    assert len(rows) == len({row["file"] for row in rows}) == 2 * EACH + 7
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    first = {row["file"] for row in rows[:2]}
    assert first == {"day/wrong.jpg", "night/again.jpg"}
    assert {row["suggested"] for row in rows if row["file"] in first} == set(NAMES)
    assert any("day/wrong.jpg" in found for found in of_kind(report, "label"))


def test_the_score_does_not_depend_on_what_the_wrong_label_is():
    """Labels that were exchanged for the first fit's answer are judged as they were given."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    features = random.normal(size=(60, 12)).astype(np.float32)
    features[np.arange(60), labels] += 6
    given = labels.copy()
    given[[3, 25, 47]] = [1, 2, 0]
    said = credibility(Basis({"last": features}), given, 3)
    assert set(np.argsort(-said.score)[:3]) == {3, 25, 47}
    assert said.errors[[3, 25, 47]].all()
    assert (said.probabilities.argmax(axis=1) == labels).all()


def test_what_is_dismissed_is_not_found_again():
    pictures = tuple(Suspect(f"{n}.png", f"digest {n}", "day") for n in range(3))
    blurred = Finding(kind="quality", severity=0.2, message="", pictures=pictures, about="blurred")
    pair = Finding(kind="near_duplicate", severity=0.4, message="", pictures=pictures[:2])
    health = Health((pair, blurred), pictures)
    dismissed = Finding(
        kind="quality", severity=0.2, message="", pictures=pictures[:1], about="blurred"
    ).keys
    left = health.without(dismissed)
    assert [len(one.pictures) for one in left.findings] == [2, 2]
    assert left.findings[1].message == "2 pictures are blurred."
    assert health.without(pair.keys | blurred.keys).findings == ()
    assert severity_of("label", 2.0) == pytest.approx(0.7)


def test_a_class_of_one_picture_and_no_labels_at_all_are_no_trouble(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(command_line, "environment", lambda **_: {})
    for name, count in (("day", 4), ("night", 1), ("", 3)):
        (tmp_path / "some" / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path = tmp_path / "some" / name / f"{name}{number}.png"
            shown(number + len(name), 0).save(path)
    command = ["check", str(tmp_path / "some"), "--workspace", str(tmp_path / "workspace")]
    assert command_line.main(command) == 0

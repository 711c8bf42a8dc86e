"""What the measurements are made of: fair draws, honest verdicts, files that can be read."""

import json

import numpy as np
import pytest
from pictures import photograph

from benchmarks.__main__ import PARTS, part_module
from benchmarks.measuring.projects import SMALL, asked, different_pictures, same_pictures
from benchmarks.measuring.results import Results
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.quality.accuracy import draw
from benchmarks.resources.estimates import FACTOR, _rows
from benchmarks.resources.scaling import _draw
from tl_core.images import examine

# Parts that make their pictures themselves.
MADE = {"clicks", "app", "memory", "large", "live", "first_number", "webcam", "hostile", "kills"}
LOOPS = ("usual_loop", "our_loop")


def test_a_goal_is_reached_at_its_limit_and_missed_beyond_it():
    assert goal("time", 1.3, most=1.3) == ("time", "1.30", "at most 1.30", "yes")
    assert goal("time", 1.31, most=1.3)[-1] == "NO"
    assert goal("speed", 4.0, least=4)[-1] == "yes"
    assert goal("speed", 3.9, least=4)[-1] == "NO"
    assert goal("only told", 7.0)[2:] == ("", "")


def test_a_table_reads_the_same_in_a_terminal_and_in_markdown():
    table = Table("Speed", GOALS, [goal("one | two", 1.0, most=2)], ["A remark."])
    assert table.text().splitlines()[1:] == [
        "Speed",
        "             measured  wanted        reached",
        "  ---------  --------  ------------  -------",
        "  one | two  1.00      at most 2.00  yes",
        "A remark.",
    ]
    assert "| one \\| two | 1.00 | at most 2.00 | yes |" in table.markdown().splitlines()


def test_a_draw_takes_as_many_of_each_class_and_no_picture_twice():
    labels = [0] * 30 + [1] * 25 + [2] * 5
    drawn = draw(labels, 20, seed=3)
    assert len(set(drawn.tolist())) == len(drawn)
    assert np.bincount(np.array(labels)[drawn]).tolist() == [20, 20, 5]
    assert drawn.tolist() == draw(labels, 20, seed=3).tolist()
    assert drawn.tolist() != draw(labels, 20, seed=4).tolist()


@pytest.mark.parametrize("pictures", [same_pictures, different_pictures])
def test_drawn_pictures_are_distinct_files(pictures):
    found = [examine(one.read())[0] for one in pictures(6, size=SMALL)]
    assert len({one.digest for one in found}) == 6
    assert {one.class_name for one in pictures(6, size=SMALL)} == {"class 0", "class 1"}


def test_pictures_of_every_set_are_drawn_evenly(tmp_path):
    for number in range(40):
        for name in ("ants/train/one", "leaves/two", "leaves/three"):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name / f"{number}.jpg").write_bytes(photograph())
    drawn = _draw(tmp_path / "data", 30, tmp_path / "drawn")
    counts = {folder.name: len(list(folder.iterdir())) for folder in drawn.iterdir()}
    assert counts == {"ants": 10, "leaves": 20}


def test_both_loops_learn_from_the_same_pictures_in_as_many_steps(tmp_path):
    for number, one in enumerate(different_pictures(20, size=(64, 48))):
        folder = tmp_path / ("train" if number < 12 else "validation") / one.class_name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / one.name).write_bytes(one.read())
    options = {"validation": tmp_path / "validation", "epochs": 2, "batch": 4}
    usual, ours = (asked(loop, tmp_path / "train", **options) for loop in LOOPS)
    for found in (usual, ours):
        assert (found["pictures"], found["validated"]) == (12, 8)
        assert 0 <= found["correct"] <= 8
        assert 0 < 2 * found["epoch"] <= 1.01 * found["seconds"]
    assert usual["groups"] == ours["groups"]


def test_a_long_phase_is_judged_by_its_factor_and_a_short_one_is_not():
    expected = {"features": 10.0, "probe": 0.1, "total": 0.1}
    took = {"features": 10.0 * FACTOR + 1, "probe": 0.4, "total": 0.4}
    within = {row[2]: row[-1] for row in _rows("set", "probe", expected, took)}
    assert within == {"features": "NO", "probe": "yes", "total": "NO"}


def test_results_are_written_as_text_figures_and_plot(tmp_path):
    results = Results.here()
    depths = [{"frozen": n, "epoch": 3.0 - n, "alone": 2.9 - n} for n in (0, 1, 2)]
    figures = {"depths": depths, "usual": 6.0, "groups": 4}
    results.add("depths", Measured([Table("Depths", ("a",), [(1,)])], figures), 12.34)
    results.add("copies", Measured([Table("Copies", ("a",), [(1,)])]), 1.0)
    results.write(tmp_path)
    facts = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))
    assert facts["figures"]["depths"]["usual"] == 6.0
    assert facts["seconds"] == {"depths": 12.3, "copies": 1.0}
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert results.heading in text and "**Depths**" in text and "**Copies**" in text
    assert "<svg" in (tmp_path / "benchmarks.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    sorted(set(PARTS) - MADE),
)
def test_a_part_that_reads_pictures_says_which_it_misses(name, tmp_path, capsys):
    part = part_module(name)
    assert part.measure(tmp_path) is None
    assert str(tmp_path) in capsys.readouterr().out

"""Groups without labels: found again, compared with classes, and what cannot be grouped."""

import csv
import io
import json

import numpy as np
import pytest
from pictures import write_stripes
from sklearn.metrics import adjusted_mutual_info_score

from tl_core.__main__ import main
from tl_core.approaches.clustering import check_count, cluster, compare_with_classes
from tl_core.errors import DatasetError


def heaps(*sizes: int, apart: float = 4.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return features of heaps of pictures, by block, and the heap of each picture."""
    rng = np.random.default_rng(0)
    heap = np.repeat(np.arange(len(sizes)), sizes)
    blocks = {"moments": 24, "last": 16}
    return {
        name: (apart * rng.normal(size=(len(sizes), d))[heap] + rng.normal(size=(len(heap), d)))
        .astype(np.float32)
        for name, d in blocks.items()
    }, heap  # fmt: skip


def test_heaps_are_found_and_counted_and_the_largest_comes_first():
    features, heap = heaps(12, 30, 20)
    found = cluster(features)
    assert found.proposed == 3
    assert adjusted_mutual_info_score(heap, found.group_of) == pytest.approx(1)
    assert [len(rows) for rows in found.typical] == [30, 20, 12]
    for group, rows in enumerate(found.typical):
        assert (found.group_of[rows] == group).all()


def test_a_number_that_is_asked_for_is_made_and_the_proposal_stays():
    features, _ = heaps(20, 20, 20)
    found = cluster(features, count=6)
    assert len(found.typical) == 6
    assert found.proposed == 3


def test_the_same_seed_gives_the_same_groups():
    features, _ = heaps(15, 15, apart=1.0)
    first, second = (cluster(features, count=4, seed=3).group_of for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pictures_that_are_all_the_same_are_borne():
    same = {"moments": np.ones((8, 4), np.float32), "last": np.ones((8, 3), np.float32)}
    assert cluster(same, count=3).group_of.shape == (8,)


@pytest.mark.parametrize(("pictures", "count"), [(3, None), (10, 1), (10, 6)])
def test_what_cannot_be_grouped_is_said(pictures, count):
    with pytest.raises(DatasetError, match=r"at least 4 pictures|2 to 5 groups"):
        check_count(pictures, count)


def test_classes_that_may_be_one_or_two_are_named():
    labels = np.repeat([0, 1, 2], 10)
    group_of = np.r_[np.zeros(20), np.ones(5), np.full(5, 2)].astype(int)
    found = compare_with_classes(labels, group_of, ["a", "b", "c"])
    assert found.mixed == (("a", "b"),)
    assert found.divided == ("c",)
    assert 0 < found.agreement < 1


def test_headless_it_writes_the_group_of_every_picture(tmp_path, workspace):
    folder = write_stripes(tmp_path / "pictures", each=6)
    (folder / "class 0" / "0.png").rename(folder / "no class.png")
    report, table = tmp_path / "out.json", tmp_path / "out.csv"
    words = ["cluster", str(folder), "--clusters", "2", "--report", str(report)]
    assert main([*words, "--assignments", str(table)]) == 0
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert len(rows) == 12
    assert {row["cluster"] for row in rows} == {"1", "2"}
    assert "no class.png" in {row["file"] for row in rows}
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["pictures"], found["clusters"], sum(found["sizes"])) == (12, 2, 12)
    assert found["ami"] is not None


def test_headless_a_number_of_groups_that_cannot_be_is_a_sentence(tmp_path, workspace, capsys):
    folder = write_stripes(tmp_path / "pictures", each=3)
    assert main(["cluster", str(folder), "--clusters", "9"]) == 2
    assert "2 to 3 groups, not 9" in capsys.readouterr().err

"""Tests of arrays on disk: what is read is what was written, or nothing."""

import os

import numpy as np
import pytest

from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.workspace.storage import Workspace

ROWS = {
    "values": np.arange(12, dtype=np.float32).reshape(3, 4),
    "halves": np.linspace(0, 1, 3 * 5 * 2).astype(np.float16).reshape(3, 5, 2),
    "pixels": np.arange(9, dtype=np.uint8).reshape(3, 3),
}


def filled(folder, digests="abc"):
    shelf = Shelf(folder)
    shelf.add(list(digests), ROWS)
    return shelf


@pytest.mark.parametrize("again", [False, True])
def test_rows_come_back_in_the_order_asked_for(tmp_path, again):
    shelf = filled(tmp_path / "shelf")
    shelf.add(["d"], {name: array[:1] + 1 for name, array in ROWS.items()})
    if again:
        shelf = Shelf(tmp_path / "shelf")
    assert set(shelf.digests) == set("abcd")
    for name, array in ROWS.items():
        found = shelf.take(name, ["c", "d", "a"])
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, [array[2], array[0] + 1, array[0]])


def test_without_a_folder_nothing_is_written():
    shelf = filled(None)
    np.testing.assert_array_equal(shelf.take("values", ["b"]), ROWS["values"][1:2])


def test_one_wrong_bit_anywhere_and_the_shard_is_gone(tmp_path):
    filled(tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        os.utime(path, ns=(place, place))  # another time than the one it was verified at
        assert not Shelf(tmp_path).digests, place
        assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"00000000", b"zzzzzzzz{}\n", b"short"])
def test_a_file_that_is_no_shard_is_removed(tmp_path, content):
    (tmp_path / "x.shard").write_bytes(content)
    assert not Shelf(tmp_path).digests
    assert not list(tmp_path.iterdir())


def test_a_cut_off_shard_is_computed_again(tmp_path):
    filled(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-64])
    assert not Shelf(tmp_path).digests


def test_other_facts_are_another_folder(tmp_path):
    workspace = Workspace(tmp_path)
    places = {
        shelf_folder(workspace, "p", "front", {"cut": 1}),
        shelf_folder(workspace, "p", "front", {"cut": 2}),
        shelf_folder(workspace, "p", "tiles", {"cut": 1}),
        shelf_folder(workspace, "q", "front", {"cut": 1}),
    }
    assert len(places) == 4
    assert shelf_folder(workspace, "p", "front", {"cut": 1}) in places

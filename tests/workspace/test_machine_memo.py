"""Tests of what is remembered about this machine."""

import sys

import pytest

from tl_core.workspace import machine_memo, storage
from tl_core.workspace.machine_memo import MachineMemo
from tl_core.workspace.storage import Workspace


def test_a_value_is_found_again_by_another_process_on_the_same_device_only(tmp_path):
    workspace = Workspace(tmp_path)
    MachineMemo(workspace, "cpu, 2 threads").put("network", {"precision": "float32"})
    assert MachineMemo(workspace, "cpu, 2 threads").get("network") == {"precision": "float32"}
    assert MachineMemo(workspace, "cuda, 2 threads").get("network") is None
    assert MachineMemo(workspace, "cpu, 2 threads").get("another") is None


def test_workspaces_share_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.delenv("TL_MACHINE_CACHE")
    monkeypatch.setattr(storage, "user_cache", lambda: tmp_path / "cache")
    MachineMemo(Workspace(tmp_path / "one"), "cpu").put("step", 1)
    assert MachineMemo(Workspace(tmp_path / "other"), "cpu").get("step") == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the system has another place")
def test_a_user_without_a_place_of_their_own_keeps_it_in_the_workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("TL_MACHINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "locked"))
    assert storage.user_cache.__wrapped__().is_relative_to(tmp_path / "locked")
    monkeypatch.setattr(storage.os, "access", lambda *_: False)
    assert Workspace(tmp_path).root / storage.user_cache.__wrapped__() == tmp_path / "machine"


def test_a_damaged_file_counts_as_nothing_measured(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.machine_dir.mkdir()
    for content in (b"{ damaged", b"[]", b"\xff"):
        (workspace.machine_dir / "measured.json").write_bytes(content)
        memo = MachineMemo(workspace, "cpu")
        assert memo.get("step") is None
        memo.put("step", 1)
        assert memo.get("step") == 1


def test_what_was_measured_on_a_busy_machine_does_not_stay(tmp_path, monkeypatch):
    memo = MachineMemo(Workspace(tmp_path), "cpu")
    assert memo.least_seconds("step", lambda: 3.0) == 3.0
    assert memo.least_seconds("step", lambda: 1.0) == 3.0, "still fresh"
    monkeypatch.setattr(machine_memo, "REPEAT_AFTER_SECONDS", -1)
    assert memo.least_seconds("step", lambda: 1.0) == 1.0
    assert memo.least_seconds("step", lambda: 2.0) == 1.0


def test_a_damaged_value_counts_as_not_measured(tmp_path):
    memo = MachineMemo(Workspace(tmp_path), "cpu")
    memo.put("step", {"when": "yesterday"})
    assert memo.get("step", tuple[float, ...]) is None
    assert memo.least_seconds("step", lambda: 0.5) == 0.5

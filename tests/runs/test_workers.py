"""How processes of our own are started, and how many workers there may be."""

import pytest

from tl_core.runs import processes, workers
from tl_core.workspace import liveness


def test_computing_processes_wait_passively_and_keep_to_their_cores():
    found = processes.environment(threads=3, offline=True)
    assert found["OMP_WAIT_POLICY"] == "PASSIVE"
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_only_downloads_may_ask_the_hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "HF_HUB_OFFLINE" not in processes.environment(threads=1, offline=False)


@pytest.mark.parametrize("setting, limit", [(None, 1), ("3", 3), ("0", 1), ("many", 1)])
def test_the_number_of_workers_is_a_setting(monkeypatch, setting, limit):
    monkeypatch.delenv("TL_WORKERS", raising=False)
    if setting is not None:
        monkeypatch.setenv("TL_WORKERS", setting)
    assert workers.worker_limit() == limit
    assert workers.worker_limit("downloads") == 1
    assert 1 <= workers.worker_threads() <= processes.cores()


def test_a_process_that_took_over_the_id_of_another_is_not_taken_for_it():
    pid, started = liveness.this_process()
    assert liveness.is_alive(pid, started)
    assert not liveness.is_alive(pid, started - 3600)
    assert not liveness.is_alive(None, None)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"pid": "one"}'])
def test_a_damaged_entry_counts_as_no_worker(workspace, content):
    registry = workspace.root / "workers"
    registry.mkdir()
    workers.register_worker(workspace, "training-one", liveness.this_process()[0])
    (registry / "training-two.json").write_bytes(content)
    assert workers.living_workers(workspace, "training") == 1
    assert [path.name for path in registry.iterdir()] == ["training-one.json"]

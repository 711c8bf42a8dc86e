import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tl_core import runs
from tl_core.errors import RunError, StorageFull, WorkspaceError
from tl_core.runs.events import Note, Progress
from tl_core.workspace import create_project, delete_project
from tl_core.workspace.database import RunRow, session

TRAIN = ("train",)


@pytest.fixture
def project(workspace):
    return create_project(workspace, "Beans").id


def claimed_by_dead_process(workspace, run_id, *, host=None):
    """Make it look as if a process that is gone had claimed the run some seconds ago."""
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(ended.pid).create_time()
    ended.communicate(b"\n")
    runs.claim_next(workspace, TRAIN)
    with session(workspace) as opened:
        row = opened.get(RunRow, run_id)
        row.pid, row.pid_started = ended.pid, started
        row.heartbeat = row.heartbeat.replace(year=row.heartbeat.year - 1)
        row.host = host or row.host


def test_a_started_run_waits_and_its_folder_holds_its_configuration(workspace, project):
    run = runs.start_run(workspace, project, config={"names": ("a", "b")})
    stored = json.loads((workspace.run_dir(project, run.id) / "config.json").read_text())
    assert run.state == "queued" and run.active
    assert stored == run.config == {"names": ["a", "b"]}


def test_a_second_start_returns_the_active_run(workspace, project):
    first = runs.start_run(workspace, project, config={"seed": 0})
    assert runs.start_run(workspace, project, config={"seed": 1}).id == first.id


def test_starting_at_the_same_moment_makes_one_run(workspace, project):
    with ThreadPoolExecutor(8) as threads:
        started = list(
            threads.map(lambda seed: runs.start_run(workspace, project, config={"s": seed}), "abcd")
        )
    assert len({run.id for run in started}) == 1
    assert len(runs.list_runs(workspace, project)) == 1


def test_downloads_of_different_things_run_beside_each_other(workspace, project):
    first = runs.start_run(workspace, project, kind="download-weights", config={"name": "a"})
    again = runs.start_run(workspace, project, kind="download-weights", config={"name": "a"})
    other = runs.start_run(workspace, project, kind="download-weights", config={"name": "b"})
    assert again.id == first.id != other.id


def test_an_unknown_kind_is_a_mistake_of_the_programmer(workspace, project):
    with pytest.raises(ValueError, match="kind is 'dance'"):
        runs.start_run(workspace, project, kind="dance", config={})


def test_a_run_needs_its_project(workspace, project):
    delete_project(workspace, project)
    with pytest.raises(WorkspaceError, match="no longer exists"):
        runs.start_run(workspace, project, config={})


def test_runs_are_claimed_oldest_first_and_not_more_than_the_limit(workspace):
    ids = [
        runs.start_run(workspace, create_project(workspace, name).id, config={}).id
        for name in "abc"
    ]
    assert runs.claim_next(workspace, TRAIN, limit=2).id == ids[0]
    assert runs.claim_next(workspace, TRAIN, limit=2).id == ids[1]
    assert runs.claim_next(workspace, TRAIN, limit=2) is None
    runs.finish_run(workspace, ids[0], "done")
    assert runs.claim_next(workspace, TRAIN, limit=2).id == ids[2]


def test_one_run_is_claimed_once_by_many(workspace, project):
    runs.start_run(workspace, project, config={})
    barrier = threading.Barrier(6)

    def claim(_):
        barrier.wait()
        return runs.claim_next(workspace, TRAIN, limit=10)

    with ThreadPoolExecutor(6) as threads:
        assert sum(run is not None for run in threads.map(claim, range(6))) == 1


def test_workers_of_one_kind_leave_the_other_kinds_alone(workspace, project):
    runs.start_run(workspace, project, kind="download-sample", config={})
    assert runs.claim_next(workspace, TRAIN) is None
    assert runs.claim_next(workspace, ("download-weights", "download-sample")) is not None


def test_a_waiting_run_stops_at_once_and_a_running_one_when_its_worker_looks(workspace, project):
    waiting = runs.start_run(workspace, project, config={})
    assert runs.request_stop(workspace, waiting.id).state == "stopped"
    running = runs.start_run(workspace, project, config={}, claimed=True)
    assert runs.heartbeat(workspace, running.id) is False
    assert runs.request_stop(workspace, running.id).state == "stopping"
    assert runs.heartbeat(workspace, running.id) is True


def test_stopping_a_run_that_is_done_changes_nothing(workspace, project):
    run = runs.start_run(workspace, project, config={}, claimed=True)
    runs.finish_run(workspace, run.id, "done", accuracy=0.5, n_test=4)
    stopped = runs.request_stop(workspace, run.id)
    assert (stopped.state, stopped.accuracy, stopped.n_test) == ("done", 0.5, 4)


def ended(workspace, project, correct: int, n: int, *, state="done", low=None) -> str:
    run = runs.start_run(workspace, project, config={}, claimed=True)
    end = {"accuracy": correct / n, "accuracy_low": low, "n_test": n}
    return runs.finish_run(workspace, run.id, state, **end).id


def test_the_best_run_is_the_one_that_is_good_for_sure(workspace, project):
    assert runs.best_runs(workspace) == {}
    ended(workspace, project, 4, 4)
    good = ended(workspace, project, 150, 160)
    ended(workspace, project, 120, 160)
    ended(workspace, project, 159, 160, state="stopped")
    ended(workspace, project, 158, 160, low=0.5)  # in a few groups
    assert runs.best_runs(workspace)[project].id == good
    assert runs.best_run(runs.list_runs(workspace, project)).id == good


def test_a_run_whose_process_is_gone_is_lost_and_says_what_to_do(workspace, project):
    run = runs.start_run(workspace, project, config={})
    claimed_by_dead_process(workspace, run.id)
    lost = runs.get_run(workspace, run.id)
    assert lost.state == "lost" and not lost.active
    assert "Resume" in lost.message
    assert runs.count_runs(workspace, TRAIN, runs.ACTIVE_STATES) == 0


def test_looking_at_a_lost_run_writes_nothing_and_acting_on_it_does(workspace, project):
    run = runs.start_run(workspace, project, config={})
    claimed_by_dead_process(workspace, run.id)

    def state_of_row():
        with session(workspace, write=False) as opened:
            return opened.get(RunRow, run.id).state

    lost = runs.get_run(workspace, run.id)
    assert [lost] == runs.list_runs(workspace, project)
    assert lost.state == "lost" and state_of_row() == "running"
    assert runs.request_stop(workspace, run.id) == lost
    assert state_of_row() == "lost"
    assert runs.resume_run(workspace, run.id).state == "queued"


def test_a_silent_run_of_another_machine_is_lost_too(workspace, project):
    run = runs.start_run(workspace, project, config={})
    claimed_by_dead_process(workspace, run.id, host="elsewhere")
    assert runs.list_runs(workspace, project)[0].state == "lost"


def test_a_run_that_is_only_slow_is_not_lost(workspace, project):
    run = runs.start_run(workspace, project, config={}, claimed=True)
    with session(workspace) as opened:
        row = opened.get(RunRow, run.id)
        row.heartbeat = row.heartbeat.replace(year=row.heartbeat.year - 1)
    assert runs.get_run(workspace, run.id).state == "running"


def test_a_lost_run_does_not_keep_the_project_from_training(workspace, project):
    run = runs.start_run(workspace, project, config={})
    claimed_by_dead_process(workspace, run.id)
    assert runs.start_run(workspace, project, config={}).id != run.id


@pytest.mark.parametrize("state", ["stopped", "failed", "lost"])
def test_resuming_keeps_checkpoint_and_log(workspace, project, state):
    run = runs.start_run(workspace, project, config={}, claimed=True)
    run_dir = workspace.run_dir(project, run.id)
    (run_dir / "checkpoint.safetensors").write_bytes(b"weights")
    runs.append_event(run_dir, Note("so far"))
    runs.finish_run(workspace, run.id, state, message="ended")
    resumed = runs.resume_run(workspace, run.id)
    assert (resumed.state, resumed.message) == ("queued", None)
    assert runs.claim_next(workspace, TRAIN).id == run.id
    assert (run_dir / "checkpoint.safetensors").read_bytes() == b"weights"
    assert runs.read_events(run_dir)[0] == [Note("so far")]


def test_a_finished_run_cannot_be_resumed(workspace, project):
    run = runs.start_run(workspace, project, config={}, claimed=True)
    runs.finish_run(workspace, run.id, "done")
    with pytest.raises(RunError, match="nothing to resume"):
        runs.resume_run(workspace, run.id)


def test_a_run_waits_for_the_other_run_of_its_project_to_end(workspace, project):
    old = runs.start_run(workspace, project, config={})
    runs.request_stop(workspace, old.id)
    runs.start_run(workspace, project, config={})
    with pytest.raises(RunError, match="Another run"):
        runs.resume_run(workspace, old.id)


def test_the_worker_of_a_deleted_run_is_told(workspace, project):
    run = runs.start_run(workspace, project, config={}, claimed=True)
    runs.delete_run(workspace, run.id)
    runs.delete_run(workspace, run.id)
    assert not workspace.run_dir(project, run.id).exists()
    with pytest.raises(RunError, match="no longer exists"):
        runs.heartbeat(workspace, run.id)
    assert runs.finish_run(workspace, run.id, "done") is None


def test_a_worker_whose_run_was_taken_over_is_told(workspace, project):
    run = runs.start_run(workspace, project, config={})
    claimed_by_dead_process(workspace, run.id)
    with pytest.raises(RunError, match="taken this run over"):
        runs.heartbeat(workspace, run.id)
    assert runs.finish_run(workspace, run.id, "done") is None


def test_a_full_disk_at_the_start_leaves_no_run(workspace, project, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tl_core.workspace.storage.Path.write_bytes", full)
    with pytest.raises(StorageFull, match="Free some space"):
        runs.start_run(workspace, project, config={})
    assert runs.list_runs(workspace, project) == []


def test_events_are_read_on_from_where_reading_ended(tmp_path):
    runs.append_event(tmp_path, Note("one"))
    first, offset = runs.read_events(tmp_path)
    assert runs.read_events(tmp_path, offset) == ([], offset)
    runs.append_event(tmp_path, Progress("features", 1, 2))
    second, _ = runs.read_events(tmp_path, offset)
    assert (first, second) == ([Note("one")], [Progress("features", 1, 2)])


def test_a_run_without_log_has_no_events(tmp_path):
    assert runs.read_events(tmp_path) == ([], 0)


def test_the_log_does_not_bring_a_deleted_folder_back(tmp_path):
    with pytest.raises(FileNotFoundError):
        runs.append_event(tmp_path / "gone", Note("late"))
    assert not (tmp_path / "gone").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=st.lists(st.text(), min_size=1, max_size=4), share=st.floats(0, 1))
def test_a_log_cut_anywhere_keeps_its_whole_lines_and_takes_new_ones(tmp_path, texts, share):
    log = tmp_path / "events.jsonl"
    log.unlink(missing_ok=True)
    for text in texts:
        runs.append_event(tmp_path, Note(text))
    whole = log.read_bytes()
    cut = round(share * len(whole))
    log.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert runs.read_events(tmp_path)[0] == [Note(text) for text in texts[:kept]]
    runs.append_event(tmp_path, Note("after"))
    after = runs.read_events(tmp_path)[0]
    assert after[:kept] == [Note(text) for text in texts[:kept]]
    assert after[-1] == Note("after")

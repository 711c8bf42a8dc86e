import os
import subprocess
import sys
import threading
from pathlib import Path

import fake_training
import psutil
import pytest
from patience import wait_for_end, wait_until

from tl_core import runs
from tl_core.runs import workers
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import MOST_STEPS, TrainingConfig, config_to_json
from tl_core.runs.events import EpochResult, Note
from tl_core.service import run_work, worker
from tl_core.service.execution import execute
from tl_core.workspace import create_project, delete_project
from tl_core.workspace.database import RunRow, session

TESTS = Path(__file__).parents[1]
FOREVER = MOST_STEPS  # epochs of the stand-in


@pytest.fixture
def project(workspace):
    return create_project(workspace, "Beans").id


@pytest.fixture
def here(monkeypatch):
    """Let runs be executed in this process, by the stand-in."""
    monkeypatch.setitem(sys.modules, "tl_core.approaches.training", fake_training)
    monkeypatch.delattr("tl_core.approaches.training", raising=False)


@pytest.fixture
def processes(tmp_path, monkeypatch, workspace):
    """Let Python processes that are started use the stand-in; end them afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    code = f"import sys\nsys.path.append({str(TESTS)!r})\nsys.path.append({str(TESTS.parent)!r})\n"
    code += "import fake_training\nfake_training.stand_in()\n"
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    yield
    for process in worker_processes(workspace):
        process.kill()
        process.wait()


def worker_processes(workspace):
    """Return the worker processes that belong to this workspace and to nobody else."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "tl_core.service.worker" in command and str(workspace.root) in command:
            found.append(process)
    return found


def start(workspace, project, **settings):
    config = TrainingConfig(backbone=find(BUNDLED), **settings)
    return runs.start_run(workspace, project, config=config_to_json(config))


def execute_here(workspace, run, *, until=None):
    claimed = runs.claim_next(workspace, ("train",))
    assert claimed.id == run.id
    for event in execute(workspace, claimed):
        if until is not None:
            until(event)
    return runs.get_run(workspace, run.id)


def epochs(workspace, run):
    events, _ = runs.read_events(workspace.run_dir(run.project_id, run.id))
    return [event.epoch for event in events if isinstance(event, EpochResult)]


def state(workspace, run):
    return runs.get_run(workspace, run.id).state


def test_a_run_ends_done_with_its_result_and_its_events(workspace, project, here):
    run = start(workspace, project, steps=3)
    done = execute_here(workspace, run)
    assert (done.state, done.message, done.accuracy, done.n_test) == ("done", None, 0.5, 2)
    assert done.finished >= done.started
    assert epochs(workspace, run) == [1, 2, 3]


def test_stop_keeps_and_evaluates_the_best_state_so_far(workspace, project, here):
    run = start(workspace, project, steps=FOREVER)
    stopped = execute_here(workspace, run, until=lambda _: runs.request_stop(workspace, run.id))
    events, _ = runs.read_events(workspace.run_dir(project, run.id))
    assert stopped.state == "stopped" and "best model" in stopped.message
    assert stopped.accuracy == 0.5
    assert isinstance(events[-1], Note) and "evaluated" in events[-1].text


def test_stop_before_anything_was_learnt_says_so_and_leaves_no_result(workspace, project, here):
    run = start(workspace, project, steps=FOREVER, seed=fake_training.NOTHING_LEARNT)
    stopped = execute_here(workspace, run, until=lambda _: runs.request_stop(workspace, run.id))
    assert (stopped.state, stopped.accuracy) == ("stopped", None)
    assert stopped.message == "Stopped before anything was learnt."
    assert runs.run_traceback(workspace, run.id) is None


def test_a_stopped_run_goes_on_where_it_was(workspace, project, here):
    run = start(workspace, project, steps=20)
    execute_here(workspace, run, until=lambda _: runs.request_stop(workspace, run.id))
    before = epochs(workspace, run)
    runs.resume_run(workspace, run.id)
    done = execute_here(workspace, run)
    assert done.state == "done"
    assert 0 < len(before) < 20
    assert epochs(workspace, run) == list(range(1, 21))


@pytest.mark.parametrize(
    "seed, message",
    [
        (fake_training.TROUBLE, "Class 'cat' has 1 picture"),
        (fake_training.MISTAKE, "Unexpected error (KeyError"),
        (fake_training.FULL_DISK, "The disk is full"),
    ],
)
def test_a_failed_run_has_a_sentence_and_the_log_the_traceback(
    workspace, project, here, capsys, seed, message
):
    failed = execute_here(workspace, start(workspace, project, seed=seed))
    assert failed.state == "failed"
    assert message in failed.message
    assert "Traceback" in runs.run_traceback(workspace, failed.id)
    assert failed.id in capsys.readouterr().out


def test_the_heartbeat_goes_on_through_a_long_step(workspace, project, here):
    run = start(workspace, project, seed=fake_training.LONG_STEP)
    beats = set()

    def look():
        with session(workspace, write=False) as opened:
            beats.add(opened.get(RunRow, run.id).heartbeat)
        return len(beats) > 2

    thread = threading.Thread(target=execute_here, args=(workspace, run))
    thread.start()
    wait_until(look)
    assert epochs(workspace, run) == []
    thread.join()


def test_a_run_deleted_while_it_trains_leaves_no_folder(workspace, project, here):
    run = start(workspace, project, steps=FOREVER)
    claimed = runs.claim_next(workspace, ("train",))
    for event in execute(workspace, claimed):
        if isinstance(event, EpochResult) and event.epoch == 2:
            runs.delete_run(workspace, run.id)
            workspace.run_dir(project, run.id).mkdir()  # a step that was being written
    assert runs.list_runs(workspace, project) == []
    assert not workspace.run_dir(project, run.id).exists()
    assert workspace.project_dir(project).exists()


def test_a_worker_does_one_run_after_the_other_then_goes_home(workspace, project, here):
    first = start(workspace, project, steps=1)
    second = start(workspace, create_project(workspace, "Peas").id, steps=1)
    worker.work(workspace, "training", idle_seconds=0.5)
    assert [state(workspace, run) for run in (first, second)] == ["done", "done"]


def test_a_run_that_is_queued_as_the_worker_leaves_is_done_all_the_same(
    workspace, project, here, monkeypatch
):
    late = []

    def unregister(*args):
        workers.unregister_worker(*args)
        if not late:
            late.append(start(workspace, project, steps=1))

    monkeypatch.setattr(worker, "unregister_worker", unregister)
    worker.main(["--workspace", str(workspace.root), "--identifier", "training-1", "--idle", "0.3"])
    assert state(workspace, late[0]) == "done"
    assert workers.living_workers(workspace, "training") == 0


def test_a_training_does_not_wait_for_a_comparison(workspace, project, here, monkeypatch):
    comparison = runs.start_run(workspace, project, kind="assess", config={})
    trained = []

    def compared(workspace, run, pulse):
        if not trained:  # a training has a comparison of its own queued
            training = start(workspace, project, steps=1)
            yield Note("One part is measured.")
            trained.append(state(workspace, training))
        return "done", None

    monkeypatch.setitem(run_work.WORK, "assess", compared)
    worker.work(workspace, "training", idle_seconds=0.5)
    assert trained == ["done"]
    assert state(workspace, comparison) == "done"


def test_ensuring_workers_twice_starts_one_and_it_does_the_run(workspace, project, processes):
    run = start(workspace, project, steps=3)
    workers.ensure_workers(workspace)
    workers.ensure_workers(workspace)
    assert workers.living_workers(workspace, "training") == 1
    wait_until(lambda: state(workspace, run) == "done")
    assert len(worker_processes(workspace)) == 1


def test_a_worker_that_was_started_ahead_does_the_run(workspace, project, processes):
    workers.start_ahead(workspace)
    workers.start_ahead(workspace)
    (ahead,) = worker_processes(workspace)
    run = start(workspace, project, steps=3)
    workers.ensure_workers(workspace)
    wait_until(lambda: state(workspace, run) == "done")
    assert worker_processes(workspace) == [ahead]


def test_nothing_is_started_when_nothing_waits(workspace, processes):
    workers.ensure_workers(workspace)
    assert workers.living_workers(workspace, "training") == 0


def test_a_download_does_not_wait_for_a_training(workspace, project, processes):
    training = start(workspace, project, steps=FOREVER)
    workers.ensure_workers(workspace)
    wait_until(lambda: epochs(workspace, training))
    config = {"sample": "no such set"}
    download = runs.start_run(workspace, project, kind="download-sample", config=config)
    workers.ensure_workers(workspace)
    wait_until(lambda: state(workspace, download) == "failed")
    assert "no such set" in runs.get_run(workspace, download.id).message
    assert state(workspace, training) == "running"


def test_a_killed_worker_leaves_a_lost_run_that_goes_on_from_its_checkpoint(
    workspace, project, processes
):
    run = start(workspace, project, steps=60)
    workers.ensure_workers(workspace)
    wait_until(lambda: len(epochs(workspace, run)) >= 3)
    (victim,) = worker_processes(workspace)
    victim.kill()
    lost = wait_until(lambda: (now := runs.get_run(workspace, run.id)).state == "lost" and now)
    assert "Resume" in lost.message
    runs.resume_run(workspace, run.id)
    workers.ensure_workers(workspace)
    wait_until(lambda: state(workspace, run) == "done")
    found = epochs(workspace, run)
    assert set(found) == set(range(1, 61))
    assert len(found) <= 61  # at most the epoch between checkpoint and log came twice


def test_a_project_deleted_while_it_trains_stays_deleted(workspace, project, processes):
    run = start(workspace, project, steps=FOREVER)
    workers.ensure_workers(workspace)
    wait_until(lambda: epochs(workspace, run))
    delete_project(workspace, project)
    other = start(workspace, create_project(workspace, "Peas").id, steps=1)
    wait_until(lambda: state(workspace, other) == "done")  # by the same worker, unharmed
    assert not workspace.project_dir(project).exists()


def test_a_training_survives_the_death_of_the_server(workspace, project, processes):
    run = start(workspace, project, steps=40)
    code = f"""
import os, pathlib, signal
from tl_core import workspace
from tl_core.runs import workers
workers.ensure_workers(workspace.open_workspace(pathlib.Path({str(workspace.root)!r})))
print("started", flush=True)
input()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent)])}
    environment["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert server.stdout.readline() == "started\n"
    wait_until(lambda: epochs(workspace, run))
    server.kill()
    server.communicate()
    seen = len(epochs(workspace, run))
    wait_until(lambda: state(workspace, run) == "done")
    assert seen < 40
    assert epochs(workspace, run) == list(range(1, 41))


def test_a_worker_that_ended_leaves_no_zombie(workspace, project, processes):
    start(workspace, project, steps=FOREVER)
    workers.ensure_workers(workspace)
    (process,) = wait_until(lambda: worker_processes(workspace))
    process.kill()
    wait_for_end(process.pid)
    assert workers.living_workers(workspace, "training") == 0

"""Kills at random moments, of workers, of the compute process, of the server: is anything lost?"""

import hashlib
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from playwright.sync_api import Browser

from benchmarks.measuring.browser import chromium, end_workers, server
from benchmarks.measuring.browser import workers as living
from benchmarks.measuring.projects import SMALL, different_pictures, project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.resources.first_number import BUTTON
from tl_core import runs
from tl_core.errors import TLCoreError
from tl_core.images import assign_class, image_path, list_images, thumbnail_path
from tl_core.runs import Run, compute_client, workers
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.events import EpochResult
from tl_core.runs.results.report import read_report
from tl_core.workspace import list_projects, open_workspace
from tl_core.workspace.storage import Workspace

WORKER_KILLS, COMPUTE_KILLS, SERVER_KILLS, SEED = 14, 13, 13, 2026
PICTURES = 60
PATIENCE = 120.0  # seconds


def measure(_data: Path) -> Measured:
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        project = project_with(workspace, "kills", different_pictures(PICTURES, size=SMALL))
        lost = _kill_workers(workspace, project, rng) + _kill_compute(workspace, project, rng)
        lost += _damage(workspace)
        with chromium() as browser:
            for _ in range(SERVER_KILLS):
                lost += _kill_server(browser, workspace, rng)
        end_workers(workspace.root)
    kills = WORKER_KILLS + COMPUTE_KILLS + SERVER_KILLS
    rows = [
        goal("kills of workers", WORKER_KILLS, form="{:.0f}"),
        goal("kills of the compute process", COMPUTE_KILLS, form="{:.0f}"),
        goal("kills of the server", SERVER_KILLS, form="{:.0f}"),
        goal("things lost or damaged", len(lost), most=0, form="{:.0f}"),
    ]
    return Measured([Table(f"{kills} kills at random moments", GOALS, rows, lost)], {"lost": lost})


def _kill_workers(workspace: Workspace, project: str, rng: random.Random) -> list[str]:
    """Kill workers in the middle of fine-tuning; every run must go on and end with a report."""
    lost, run, epoch = [], None, 0
    config = TrainingConfig(backbone=find(BUNDLED), strategy="fine-tune", steps=60)
    for _ in range(WORKER_KILLS):
        if run is None or runs.get_run(workspace, run.id).state == "done":
            run, epoch = runs.start_run(workspace, project, config=config_to_json(config)), 0
        else:
            runs.resume_run(workspace, run.id)
        workers.ensure_workers(workspace)
        time.sleep(rng.uniform(0, 12))
        for process in living(workspace.root):
            process.kill()
        _until(lambda run=run: runs.get_run(workspace, run.id).state != "running")
        reached = _epoch(workspace, run)
        lost += [f"epochs {reached} to {epoch} of a run"] if reached < epoch else []
        epoch = reached
    if runs.get_run(workspace, run.id).state != "done":
        runs.resume_run(workspace, run.id)
        workers.ensure_workers(workspace)
    for one in runs.list_runs(workspace, project):
        _until(lambda one=one: not runs.get_run(workspace, one.id).active)
        state = runs.get_run(workspace, one.id).state
        if state != "done" or read_report(workspace.run_dir(project, one.id)) is None:
            lost.append(f"a run that ended as {state}")
    end_workers(workspace.root)
    return lost


def _kill_compute(workspace: Workspace, project: str, rng: random.Random) -> list[str]:
    """Kill the compute process while it is asked; it must come back with the same answer."""
    lost = []
    picture = image_path(workspace, project, list_images(workspace, project, limit=1)[0])
    question = (str(workspace.root), project, [("picture", picture.read_bytes())])

    def answer() -> str:
        def said() -> str | None:
            compute_client.call("live_state", *question[:2])  # it moves on while somebody looks
            (found,) = compute_client.call("live_predict", *question)
            return found.prediction and found.prediction.class_name

        return _until(said)

    before = answer()
    for number in range(COMPUTE_KILLS):
        asking = threading.Thread(target=answer)
        asking.start()
        time.sleep(rng.uniform(0, 4))
        for process in _compute_processes():
            process.kill()
        asking.join()
        record = list_images(workspace, project, limit=PICTURES)[number]
        assign_class(workspace, project, [record.id], record.class_name)  # as people do meanwhile
        if answer() != before:
            lost.append("an answer of the live model")
    for process in _compute_processes():
        process.kill()
    return lost


def _kill_server(browser: Browser, workspace: Workspace, rng: random.Random) -> list[str]:
    """Kill the server after a click on the sample; what it had saved must be there, and whole."""
    with server(workspace.root) as (address, pid):
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("button", name=BUTTON).click()
        page.wait_for_timeout(1000 * rng.uniform(0, 8))
        known = {project.id: project.images for project in list_projects(workspace)}
        os.kill(pid, signal.SIGKILL)
        page.close()
    now = {project.id: project.images for project in list_projects(workspace)}
    lost = [
        f"{known[one]} pictures, now {now.get(one)}"
        for one in known
        if now.get(one, 0) < known[one]
    ]
    return lost + _damage(workspace)


def _damage(workspace: Workspace) -> list[str]:
    """Return what is wrong with pictures that the database names."""
    found = []
    for project in list_projects(workspace):
        for record in list_images(workspace, project.id, limit=100_000):
            path = image_path(workspace, project.id, record)
            small = thumbnail_path(workspace, project.id, record.digest)
            whole = (
                path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == record.digest
            )
            if not whole or not small.is_file() or not small.stat().st_size:
                found.append(f"the file of {record.name} in {project.name}")
    return found


def _epoch(workspace: Workspace, run: Run) -> int:
    events, _ = runs.read_events(workspace.run_dir(run.project_id, run.id))
    return max((event.epoch for event in events if isinstance(event, EpochResult)), default=0)


def _until(condition: Callable[[], object]) -> object:
    """Return the first true value, sentences on what is not ready yet aside."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(TLCoreError):
            if found := condition():
                return found
        time.sleep(0.2)
    raise TimeoutError("it did not happen in time")


def _compute_processes() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [one for one in found if compute_client.MODULE in one.cmdline()]

"""How quickly the app answers a click while two trainings run on this machine."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.measuring.browser import CLICK, browser_page, end_workers, server
from benchmarks.measuring.projects import project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core import runs
from tl_core.images.samples import sample_files
from tl_core.runs import workers
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

CLICKS = 25
TRAININGS = 2
FIRST_CLASS, ALL = "scratch", "All pictures"  # buttons of the gallery


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        projects = [
            project_with(workspace, f"project {number}", sample_files("surfaces"))
            for number in range(TRAININGS)
        ]
        with server(workspace.root) as (address, _pid), browser_page() as page:
            open_gallery(page, address, projects[0])
            idle = clicks(page, (FIRST_CLASS, ALL))
            started = start_trainings(workspace, projects)
            busy = clicks(page, (FIRST_CLASS, ALL))
            states = {runs.get_run(workspace, run.id).state for run in started}
        end_workers(workspace.root)
    rows = [
        goal(f"idle, median of {CLICKS}, ms", statistics.median(idle), form="{:.0f}"),
        goal(
            f"while {TRAININGS} trainings are {', '.join(states)}, median, ms",
            statistics.median(busy),
            most=200,
            form="{:.0f}",
        ),
        goal("the slowest of these, ms", max(busy), form="{:.0f}"),
    ]
    title = "From a click to the server's answer on the page"
    return Measured([Table(title, GOALS, rows)], {"idle": idle, "busy": busy})


def open_gallery(page: Page, address: str, project_id: str) -> None:
    page.goto(f"{address}/images?project={project_id}")
    page.wait_for_selector("h1")
    page.wait_for_timeout(2000)


def clicks(page: Page, labels: tuple[str, str]) -> list[float]:
    """Return milliseconds of `CLICKS` clicks, going to and fro between two buttons."""
    times = []
    for number in range(CLICKS):
        times.append(page.evaluate(CLICK, labels[number % 2]))
        page.wait_for_timeout(200)
    return times


def start_trainings(workspace: Workspace, projects: list[str]) -> list[runs.Run]:
    """Let every project fine-tune a whole network, side by side; return when all of them do."""
    config = TrainingConfig(
        backbone=find(BUNDLED), strategy="fine-tune", frozen_groups=0, steps=10_000
    )
    os.environ["TL_WORKERS"] = str(len(projects))
    started = [
        runs.start_run(workspace, project, config=config_to_json(config)) for project in projects
    ]
    workers.ensure_workers(workspace)
    for run in started:
        _wait_for_fine_tuning(workspace, run)
    return started


def _wait_for_fine_tuning(workspace: Workspace, run: runs.Run) -> None:
    run_dir = workspace.run_dir(run.project_id, run.id)
    end = time.monotonic() + 180
    while time.monotonic() < end:
        events, _ = runs.read_events(run_dir)
        if any(getattr(event, "phase", "") == "fine_tune" for event in events):
            return
        time.sleep(0.5)
    now = runs.get_run(workspace, run.id)
    raise TimeoutError(f"the training did not start: {now.state}, {now.message}")

"""How quickly the app answers: first page, a click during one training, large galleries."""

import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmarks.measuring.browser import browser_page, end_workers, server
from benchmarks.measuring.projects import SMALL, project_with, same_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.resources.clicks import (
    ALL,
    CLICKS,
    FIRST_CLASS,
    clicks,
    open_gallery,
    start_trainings,
)
from tl_core import runs
from tl_core.images.samples import sample_files
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

GALLERIES = (200, 2000)


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        small = project_with(workspace, "small", sample_files("surfaces"))
        galleries = {
            n: project_with(workspace, str(n), same_pictures(n, size=SMALL)) for n in GALLERIES
        }
        with server(workspace.root) as (address, pid):
            rows = [goal("first page of a fresh server, s", _first_page(address), most=2)]
            with browser_page() as page:
                rows += _clicking(page, address, workspace, small)
                rows += [_gallery(page, address, n, project) for n, project in galleries.items()]
            rows.append(("torch in the server's memory", *_torch_loaded(pid)))
        end_workers(workspace.root)
    return Measured([Table("The app in a browser", GOALS, rows)])


def _first_page(address: str) -> float:
    """Return seconds from opening the address in a fresh browser until the title stands there."""
    with browser_page() as page:
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector("h1")
        return time.perf_counter() - start


def _clicking(page: Page, address: str, workspace: Workspace, project_id: str) -> list[tuple]:
    open_gallery(page, address, project_id)
    labels = (FIRST_CLASS, ALL)
    idle = statistics.median(clicks(page, labels))
    (run,) = start_trainings(workspace, [project_id])
    busy = statistics.median(clicks(page, labels))
    state = runs.get_run(workspace, run.id).state
    runs.request_stop(workspace, run.id)
    while runs.get_run(workspace, run.id).active:
        time.sleep(0.2)
    return [
        goal(f"click, idle, median of {CLICKS}, ms", idle, form="{:.0f}"),
        goal(f"click while a training is {state}, ms", busy, most=150, form="{:.0f}"),
    ]


def _gallery(page: Page, address: str, pictures: int, project_id: str) -> tuple:
    open_gallery(page, address, project_id)
    median = statistics.median(clicks(page, ("class 0", ALL)))
    return goal(f"click in a gallery of {pictures:,} pictures, ms", median, form="{:.0f}")


def _torch_loaded(pid: int) -> tuple[str, str, str]:
    maps = psutil.Process(pid).memory_maps()
    loaded = any("torch" in entry.path for entry in maps)
    return ("yes", "no", "NO") if loaded else ("no", "no", "yes")

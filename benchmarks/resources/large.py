"""A project of 5,000 pictures: memory of worker and server, and how soon it is open."""

import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmarks.measuring.browser import CLICK, browser_page, end_workers, server
from benchmarks.measuring.peak import Peak
from benchmarks.measuring.projects import different_pictures, project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.resources.memory import train_in_worker
from tl_core.workspace import open_workspace

PICTURES = 5000
PAGES = ("images", "layers", "training", "evaluation", "predict")
OPENINGS = 5


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        start = time.perf_counter()
        pictures = different_pictures(PICTURES, size=(320, 240))
        project = project_with(workspace, "large", pictures)
        added = time.perf_counter() - start
        with server(workspace.root) as (address, pid), Peak(lambda: [psutil.Process(pid)]) as peak:
            with browser_page() as page:
                untrained = _openings(page, address)
            trained_at = time.perf_counter()
            worker, _run = train_in_worker(workspace, project)
            training = time.perf_counter() - trained_at
            with browser_page() as page:
                trained = _openings(page, address)
                for name in PAGES:
                    page.goto(f"{address}/{name}?project={project}")
                    page.wait_for_selector("h1")
                    page.wait_for_timeout(3000)
        end_workers(workspace.root)
    rows = [
        goal("adding them, s", added, form="{:.0f}"),
        goal("training, s, with the worker's start", training, form="{:.0f}"),
        goal("peak memory of the worker, GB", worker, most=2.5),
        goal("peak memory of the server, GB", peak.gigabytes, most=0.3),
        goal("opening the project (its pictures), s", untrained, most=1),
        goal("opening the project (its result), s", trained, most=1),
    ]
    figures = {"added": added, "worker": worker, "server": peak.gigabytes}
    figures |= {"open": untrained, "open_trained": trained}
    return Measured([Table(f"{PICTURES:,} pictures", GOALS, rows)], figures)


def _openings(page: Page, address: str) -> float:
    """Return the median of seconds from a click on "Open" until the page stands there."""
    times = []
    for _attempt in range(OPENINGS):
        page.goto(address)
        page.get_by_role("button", name="Open", exact=False).first.wait_for()
        page.wait_for_timeout(1500)
        times.append(page.evaluate(CLICK, "Open") / 1000)
    return statistics.median(times)

"""Peak memory of a worker on 2,000 pictures of 12 megapixels."""

import tempfile
import time
from pathlib import Path

from benchmarks.measuring.browser import end_workers
from benchmarks.measuring.browser import workers as living
from benchmarks.measuring.peak import Peak
from benchmarks.measuring.projects import LARGE, project_with, same_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core import runs
from tl_core.runs import workers
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

PICTURES = 2000


def train_in_worker(workspace: Workspace, project_id: str) -> tuple[float, str]:
    """Train as the app does; return the worker's peak in gigabytes and the run's id.

    Raises:
        RuntimeError: If there is no model afterwards.
    """
    config = config_to_json(TrainingConfig(backbone=find(BUNDLED)))
    with Peak(lambda: living(workspace.root)) as peak:
        run = runs.start_run(workspace, project_id, config=config)
        workers.ensure_workers(workspace)
        while runs.get_run(workspace, run.id).active:
            time.sleep(0.5)
    finished = runs.get_run(workspace, run.id)
    report = workspace.run_dir(project_id, run.id) / "report.json"
    if finished.state != "done" or not report.exists():
        raise RuntimeError(f"the training ended as {finished.state}: {finished.message}")
    return peak.gigabytes, run.id


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        start = time.perf_counter()
        project = project_with(workspace, "large", same_pictures(PICTURES, size=LARGE))
        added = time.perf_counter() - start
        peak, _run = train_in_worker(workspace, project)
        end_workers(workspace.root)
    rows = [
        goal("adding them, s", added, form="{:.0f}"),
        goal("peak memory of the worker, GB", peak, most=2),
    ]
    title = f"{PICTURES:,} pictures of {LARGE[0] * LARGE[1] / 1e6:.0f} megapixels"
    return Measured([Table(title, GOALS, rows)], {"peak": peak})

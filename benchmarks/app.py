"""How quickly the app answers: first page, clicks during a training, a large gallery."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmarks.browser import browser_page, server
from benchmarks.memory import photographs
from benchmarks.table import print_table
from tl_core import engines, runs
from tl_core.catalogue import BUNDLED, find
from tl_core.config import TrainingConfig, config_to_json
from tl_core.datasets import add_images
from tl_core.imagefiles import SourceFile
from tl_core.samples import sample_files
from tl_core.storage import Workspace
from tl_core.workspace import create_project, open_workspace, save_backbone

CLICKS = 25
GALLERIES = (200, 2000)

# Time from a click until the server's answer stands on the page, measured inside the page:
# the script's state goes to "running" and back; nothing polls.
CLICK = """
(label) => new Promise((resolve, reject) => {
  const app = document.querySelector('[data-testid=stApp]');
  const buttons = root => [...root.querySelectorAll('*')].flatMap(node => [
    ...(node.tagName === 'BUTTON' ? [node] : []),
    ...(node.shadowRoot ? buttons(node.shadowRoot) : []),
  ]);
  const target = buttons(document).find(button => button.innerText.includes(label));
  if (!target) { reject(new Error('no button named ' + label)); return; }
  let ran = false;
  const start = performance.now();
  const observer = new MutationObserver(changes => {
    const state = app.getAttribute('data-test-script-state');
    if (state === 'running' || changes.some(change => change.oldValue === 'running')) ran = true;
    if (ran && state === 'notRunning') {
      observer.disconnect();
      resolve(performance.now() - start);
    }
  });
  observer.observe(app, {
    attributes: true, attributeOldValue: true, attributeFilter: ['data-test-script-state'],
  });
  target.click();
})
"""


def project_with(workspace: Workspace, name: str, files: Iterator[SourceFile]) -> str:
    project = create_project(workspace, name)
    save_backbone(workspace, project.id, find(BUNDLED))
    for _ in add_images(workspace, project.id, files):
        pass
    return project.id


def first_page(address: str) -> float:
    """Return seconds from opening the address in a fresh browser until the title stands there."""
    with browser_page() as page:
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector("h1")
        return time.perf_counter() - start


def clicks(page: Page, labels: tuple[str, str]) -> list[float]:
    """Return milliseconds of `CLICKS` clicks, going to and fro between two buttons."""
    times = []
    for number in range(CLICKS):
        times.append(page.evaluate(CLICK, labels[number % 2]))
        page.wait_for_timeout(200)
    return times


def open_gallery(page: Page, address: str, project_id: str) -> None:
    page.goto(f"{address}/images?project={project_id}")
    page.wait_for_selector("h1")
    page.wait_for_timeout(2000)


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        small = project_with(workspace, "small", sample_files("surfaces"))
        galleries = {n: project_with(workspace, str(n), photographs(n)) for n in GALLERIES}
        with server(workspace.root) as (address, pid):
            rows.append(("first page of a fresh server", f"{first_page(address):.2f} s", "2 s"))
            with browser_page() as page:
                rows += _clicking(page, address, workspace, small)
                rows += [_gallery(page, address, n, project) for n, project in galleries.items()]
            rows.append(("torch in the server's memory", _torch_loaded(pid), "no"))
    print_table("The app in a browser", ("", "measured", "wanted at most"), rows)


def _clicking(page: Page, address: str, workspace: Workspace, project_id: str) -> list[tuple]:
    open_gallery(page, address, project_id)
    labels = ("scratch", "All pictures")
    idle = statistics.median(clicks(page, labels))
    config = TrainingConfig(
        backbone=find(BUNDLED), strategy="fine-tune", frozen_groups=0, steps=10_000
    )
    run = runs.start_run(workspace, project_id, config=config_to_json(config))
    engines.ensure_workers(workspace)
    _wait_for_fine_tuning(workspace, run)
    busy = clicks(page, labels)
    still = runs.get_run(workspace, run.id).state
    runs.request_stop(workspace, run.id)
    while runs.get_run(workspace, run.id).active:
        time.sleep(0.2)
    return [
        (f"click, idle, median of {CLICKS}", f"{idle:.0f} ms", ""),
        (f"click while training ({still})", f"{statistics.median(busy):.0f} ms", "150 ms"),
    ]


def _gallery(page: Page, address: str, pictures: int, project_id: str) -> tuple:
    open_gallery(page, address, project_id)
    median = statistics.median(clicks(page, ("class 0", "All pictures")))
    return (f"click in a gallery of {pictures:,} pictures", f"{median:.0f} ms", "as with 200")


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


def _torch_loaded(pid: int) -> str:
    maps = psutil.Process(pid).memory_maps()
    return "yes" if any("torch" in entry.path for entry in maps) else "no"

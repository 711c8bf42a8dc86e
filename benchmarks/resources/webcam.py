"""How often the model answers for the camera's picture, in a real browser with a made-up camera."""

import os
import statistics
import tempfile
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.measuring.browser import browser_page, end_workers, server
from benchmarks.measuring.projects import ANTS, has_pictures, train
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.draft import save_backbone
from tl_core.workspace import list_projects, open_workspace

SECONDS = 10
# When each answer of the model was drawn, milliseconds.
DRAWN = """
(seconds) => new Promise((resolve) => {
  const box = [...document.querySelectorAll('*')]
    .map(node => node.shadowRoot?.querySelector('.camera')).find(Boolean);
  const times = [];
  const observer = new MutationObserver(() => times.push(performance.now()));
  observer.observe(box, { attributes: true, attributeFilter: ['data-heard'] });
  setTimeout(() => { observer.disconnect(); resolve(times); }, 1000 * seconds);
})
"""


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train"):
        return None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        train(data / ANTS / "train", Path(folder), strategy="probe")
        workspace = open_workspace(Path(folder))
        project = list_projects(workspace)[0].id
        # On the Images page the live model answers; a project made headless has no backbone chosen.
        save_backbone(workspace, project, find(BUNDLED))
        with server(workspace.root) as (address, _pid), browser_page() as page:
            pages = {"Predict": predict_page, "Images": images_page}
            times = {name: seen(page, address, project) for name, seen in pages.items()}
        end_workers(workspace.root)
    rows = [
        goal(f"answers a second on the {name} page", len(drawn) / SECONDS, least=5)
        for name, drawn in times.items()
    ]
    gaps = {
        name: [after - before for before, after in pairwise(drawn)] for name, drawn in times.items()
    }
    rows += [
        goal(f"between two of them, median, ms ({name})", statistics.median(gap), form="{:.0f}")
        for name, gap in gaps.items()
    ]
    return Measured([Table("Answers for the camera's picture", GOALS, rows)], gaps)


def predict_page(page: Page, address: str, project: str) -> list[float]:
    page.goto(f"{address}/predict?project={project}")
    page.get_by_role("radio", name="Webcam").click()
    return _answers(page)


def images_page(page: Page, address: str, project: str) -> list[float]:
    page.goto(f"{address}/images?project={project}")
    page.get_by_text("Add pictures", exact=True).first.click()
    page.get_by_role("radio", name="Webcam").click()
    field = page.locator(".st-key-adding-class input")
    field.fill("ants")
    field.press("Enter")
    return _answers(page)


def _answers(page: Page) -> list[float]:
    page.locator(".answer").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)  # the network is loaded and warm
    return page.evaluate(DRAWN, SECONDS)

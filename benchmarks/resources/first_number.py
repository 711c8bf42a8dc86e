"""The accuracy on screen, in a real browser: after one click on the sample, after a new label."""

import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.measuring.browser import chromium, end_workers, server
from benchmarks.measuring.projects import different_pictures, project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.workspace import open_workspace

BUTTON = "Try it with sample pictures"
READING_SECONDS = 4  # of the first page, before somebody clicks
PICTURES, CLASSES, LABELS = 1000, 9, 15  # each class has a button
MOST_MILLISECONDS = 600_000
# Milliseconds from the click until the accuracy stands on the page and covers all pictures;
# looked for at every frame, inside the page.
FIRST_NUMBER = """
(label) => new Promise((resolve, reject) => {
  const button = [...document.querySelectorAll('button')].find(b => b.innerText.includes(label));
  const start = performance.now();
  const look = () => {
    const line = document.querySelector('.tl-live');
    if (line?.querySelector('b') && !line.innerText.includes('looked at'))
      resolve([performance.now() - start, line.innerText]);
    else if (performance.now() - start > 120000) reject(new Error(line?.innerText ?? 'no line'));
    else requestAnimationFrame(look);
  };
  button.click();
  look();
})
"""
COMPLETE = """
() => {
  const line = document.querySelector('.tl-live');
  return line?.querySelector('b') && !line.innerText.includes('looked at');
}
"""
# Milliseconds from a click on "To <class>" until the accuracy of another model stands there.
RELABEL = """
([tile, label]) => new Promise((resolve, reject) => {
  const all = root => [...root.querySelectorAll('*')].flatMap(
    node => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
  const nodes = all(document), line = () => document.querySelector('.tl-live');
  nodes.filter(node => node.classList.contains('tick'))[tile].click();
  const before = line().dataset.version, start = performance.now();
  const look = () => {
    if (line().dataset.version !== before) resolve(performance.now() - start);
    else if (performance.now() - start > 60000) reject(new Error(line().innerText));
    else requestAnimationFrame(look);
  };
  all(document).find(node => node.tagName === 'BUTTON' && node.title === label).click();
  look();
})
"""


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chromium() as browser:
        root = Path(folder)
        with server(root / "at once") as (address, _pid):
            at_once, _, _ = _first_number(browser, address)
        with server(root / "read") as (address, _pid):
            first, again, said = _first_number(browser, address, reading=READING_SECONDS)
        times = _relabelled(browser, root / "labels")
        for workspace in ("at once", "read", "labels"):
            end_workers(root / workspace)
    rows = [
        goal(f"first click on a fresh server, {READING_SECONDS} s after it was opened, s ({said})",
             first, most=5),
        goal("first click, at once", at_once),
        goal("second click, s", again, most=2),
        goal(f"a new label of {PICTURES:,} pictures to the new accuracy, median, s",
             statistics.median(times), most=0.3),
        goal("the slowest of these, s", max(times)),
    ]  # fmt: skip
    return Measured([Table("The accuracy on screen", GOALS, rows)], {"relabelled": times})


def _first_number(
    browser: Browser, address: str, *, reading: float = 0
) -> tuple[float, float, str]:
    """Return the seconds from the click to the accuracy, again in the same session, and the line
    that states it.
    """
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("button", name=BUTTON).wait_for()
    page.wait_for_timeout(1000 * reading)
    first, said = page.evaluate(FIRST_NUMBER, BUTTON)
    page.get_by_role("link", name="Projects").click()
    page.get_by_role("button", name=BUTTON).wait_for()
    page.wait_for_function("() => !document.querySelector('.tl-live')")
    again, _ = page.evaluate(FIRST_NUMBER, BUTTON)
    page.close()
    return first / 1000, again / 1000, " ".join(said.split())


def _relabelled(browser: Browser, root: Path) -> list[float]:
    """Return the seconds from each of several new labels to the accuracy that it makes."""
    workspace = open_workspace(root)
    pictures = different_pictures(PICTURES, size=(320, 240), classes=CLASSES)
    project = project_with(workspace, "labels", pictures)
    with server(root) as (address, _pid):
        page: Page = browser.new_page()
        page.goto(f"{address}/images?project={project}")
        page.wait_for_function(COMPLETE, timeout=MOST_MILLISECONDS)
        page.wait_for_timeout(5000)
        found = []
        for number in range(LABELS):
            milliseconds = page.evaluate(RELABEL, [number, f"To class {(number + 1) % CLASSES}"])
            found.append(milliseconds / 1000)
            page.wait_for_timeout(1500)
    return found

"""From the click on "Try it with sample pictures" to the accuracy on screen, in a real browser."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.measuring.browser import chromium, end_workers, server
from benchmarks.measuring.table import GOALS, Measured, Table, goal

BUTTON = "Try it with sample pictures"
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


def measure(_data: Path) -> Measured:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with server(root) as (address, _pid), chromium() as browser:
            first, said = _first_number(browser.new_page(), address)
            again, _ = _first_number(browser.new_page(), address)
        end_workers(root)
    rows = [
        goal(f"first click on a fresh server, s ({said})", first, most=5),
        goal("second click, s", again, most=2),
    ]
    return Measured([Table("From one click on the sample to the accuracy", GOALS, rows)])


def _first_number(page: Page, address: str) -> tuple[float, str]:
    """Return the seconds from the click to the accuracy, and the line that states it."""
    page.goto(address)
    page.get_by_role("button", name=BUTTON).wait_for()
    milliseconds, said = page.evaluate(FIRST_NUMBER, BUTTON)
    return milliseconds / 1000, " ".join(said.split())

"""A fresh server and a real Chromium, for what only a browser shows.

CHROMIUM in the environment says where the browser is, if not where Debian puts it.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tl_core.runs.processes import environment
from tl_core.workspace.liveness import is_alive

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

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


@contextmanager
def server(workspace: Path, *, port: int | None = None) -> Iterator[tuple[str, int]]:
    """Run the app, on a free port if none is named; give its address and process id.

    Nobody has visited it yet. Its compute process ends with it; workers live on, as they do
    for people: see `end_workers`.
    """
    port = port or _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    variables = environment(threads=2, offline=True) | {"TL_WORKSPACE": str(workspace)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process)
        yield address, process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def chromium(*, camera: bool = True) -> Iterator[Browser]:
    """Launch the browser; every context made of it is a visitor of its own.

    `camera` gives it a made-up camera, which every page may use.
    """
    flags = FLAGS + CAMERA if camera else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(width: int = 1280, height: int = 900) -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": width, "height": height})


def workers(workspace: Path) -> list[psutil.Process]:
    """Return the worker processes that were started for a workspace and still live."""
    found = []
    for path in (workspace / "workers").glob("*.json"):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            if is_alive(entry["pid"], entry["started"]):
                found.append(psutil.Process(entry["pid"]))
        except (OSError, ValueError, psutil.NoSuchProcess):  # it ended just now
            continue
    return found


def end_workers(workspace: Path) -> None:
    """End the workers of a workspace, which would wait a while for the next run."""
    found = workers(workspace)
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    end = time.monotonic() + 10
    while any(is_alive(p.pid, p.create_time()) for p in found) and time.monotonic() < end:
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(address: str, process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server at {address} ended at once")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the server at {address} did not come up in {seconds:.0f} s")

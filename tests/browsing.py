"""A real server and a real Chromium, for what only a browser shows.

Set TL_BROWSER=required to fail instead of skip where there is no Chromium.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@contextmanager
def server(workspace: Path, **environment: str) -> Iterator[str]:
    """Start the app on a free port and yield its address; nobody has visited it yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", "app.py"),
            *("--server.port", str(port), "--server.headless", "true"),
        ],
        cwd=ROOT,
        env={**os.environ, "TL_WORKSPACE": str(workspace), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            assert process.poll() is None, "the server ended at once"
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@contextmanager
def browser_page(*, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator:
    """Open a page in a fresh Chromium; mistakes in the page's own code fail the test."""
    if not (shutil.which(CHROMIUM) or Path(CHROMIUM).exists()):
        message = f"no Chromium at {CHROMIUM}; set CHROMIUM to where it is"
        (pytest.fail if os.environ.get("TL_BROWSER") == "required" else pytest.skip)(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        page = context.new_page()
        mistakes: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        try:
            yield page
        finally:
            chromium.close()
        assert mistakes == []


def settled(page) -> None:
    """Wait until the script has run and the page has been drawn."""
    page.wait_for_timeout(300)
    page.wait_for_selector(
        '[data-testid=stApp][data-test-script-state="notRunning"]', timeout=60_000
    )
    page.wait_for_timeout(300)

"""Visits of a real browser to a real server, and what no visit may do.

Set TL_BROWSER=required to fail instead of skip where there is no Chromium.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError

from benchmarks.measuring import browser as real

WAIT = 120_000  # milliseconds for anything that is worth waiting for; the machine may be loaded
PRIMARY = "[data-testid=stMain] [data-testid=stBaseButton-primary]"
# Chromium says so on its own account while a test has ended the server.
SERVER_AWAY = (
    "net::ERR_",
    "WebSocket",
    "Failed to load resource",
    "disconnected",
    "Failed to fetch",
)
# From a deep link Streamlit looks for its server below the page's address first, then at the root.
ASKED_BELOW = re.compile(r"/\w+/_stcore/")


@contextmanager
def server(workspace: Path) -> Iterator[str]:
    """Start the app on a free port and yield its address; its workers end with it."""
    try:
        with real.server(workspace) as (address, _pid):
            yield address
    finally:
        real.end_workers(workspace)


@contextmanager
def chromium(*, camera: bool = True) -> Iterator[Browser]:
    """Launch Chromium, or skip the test where there is none; `camera` gives it a made-up one."""
    if not (shutil.which(real.CHROMIUM) or Path(real.CHROMIUM).exists()):
        message = f"no Chromium at {real.CHROMIUM}; set CHROMIUM to where it is"
        (pytest.fail if os.environ.get("TL_BROWSER") == "required" else pytest.skip)(message)
    with real.chromium(camera=camera) as browser:
        yield browser


@contextmanager
def visit(
    browser: Browser, *, width: int = 1280, height: int = 900, scheme: str = "light",
    server_ends: bool = False,
) -> Iterator[Page]:  # fmt: skip
    """Open a page as a new visitor; mistakes of its code and requests to elsewhere fail the test.

    Args:
        browser: From `chromium`.
        width: Of the window, pixels.
        height: Of the window, pixels.
        scheme: "light" or "dark".
        server_ends: Whether the test ends the server meanwhile, so that connections break.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
    )
    context.set_default_timeout(WAIT)
    page = context.new_page()
    mistakes: list[str] = []
    elsewhere: list[str] = []

    def heard(message) -> None:
        url = message.location.get("url", "")
        away = server_ends and any(words in message.text for words in SERVER_AWAY)
        if message.type == "error" and not away and not ASKED_BELOW.match(urlsplit(url).path):
            mistakes.append(f"{message.text} ({url})")

    def asked(request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            elsewhere.append(request.url)

    def failed(error: Exception) -> None:
        if not (server_ends and any(words in str(error) for words in SERVER_AWAY)):
            mistakes.append(str(error))

    page.on("pageerror", failed)
    page.on("console", heard)
    page.on("request", asked)
    page.on("websocket", asked)
    try:
        yield page
    except Exception as error:
        error.add_note(f"mistakes until then: {mistakes}")
        raise
    finally:
        context.close()
    if mistakes or elsewhere:
        pytest.fail(f"mistakes: {mistakes}; requests to elsewhere: {elsewhere}")


@contextmanager
def browser_page(*, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Page]:
    """Open a page in a Chromium of its own."""
    with (
        chromium() as browser,
        visit(browser, width=width, height=height, scheme=scheme) as page,
    ):
        yield page


def settled(page: Page) -> None:
    """Wait until the script has run and the page has been drawn."""
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid=stApp][data-test-script-state="notRunning"]', timeout=WAIT)
    page.wait_for_timeout(300)


def primary_button(page: Page, label: str) -> Locator:
    """Return the page's one primary button once it has this label and can be pressed."""
    button = page.locator(PRIMARY)
    try:
        page.wait_for_function(
            "([selector, label]) => {"
            "  const found = [...document.querySelectorAll(selector)];"
            "  return found.length === 1 && found[0].innerText.includes(label)"
            "    && !found[0].disabled;"
            "}",
            arg=[PRIMARY, label],
        )
    except TimeoutError as error:
        found = page.evaluate(
            "s => [...document.querySelectorAll(s)].map(b => [b.innerText, b.disabled])", PRIMARY
        )
        text = page.locator("[data-testid=stMain]").inner_text()
        raise AssertionError(f"wanted “{label}”, found {found} on the page:\n{text}") from error
    return button


def heading(page: Page, text: str) -> None:
    """Wait for the page with this title."""
    try:
        page.get_by_role("heading", name=text, level=1).wait_for()
    except TimeoutError as error:
        shown = page.locator("body").inner_text()
        raise AssertionError(f"wanted the page “{text}”, found at {page.url}:\n{shown}") from error

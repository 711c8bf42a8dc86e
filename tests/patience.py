"""Waiting for what another process or thread does; nothing is asserted about speed."""

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

PATIENCE = 180.0  # seconds until a test gives up
Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], seconds: float = PATIENCE) -> Found:
    """Return the first true value that the condition gives."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.05)
    return found


def wait_for_end(pid: int) -> None:
    """Wait until there is no process of this id, not even one that nobody has waited for."""
    wait_until(lambda: not psutil.pid_exists(pid))

"""Whether a process of ours still lives: told by its id and the time at which it was started."""

import os
from functools import cache

import psutil

CREATION_TOLERANCE_SECONDS = 5.0  # a corrected system clock moves the creation time a little


@cache  # a corrected clock would give another creation time
def this_process() -> tuple[int, float]:
    """Return this process's id and creation time (seconds since the epoch)."""
    return os.getpid(), psutil.Process().create_time()


def process_started(pid: int) -> float | None:
    """Return a process's creation time, seconds since the epoch; None when it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process with this id and creation time still runs on this machine."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < CREATION_TOLERANCE_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

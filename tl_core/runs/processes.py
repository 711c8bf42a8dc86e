"""Python processes of our own beside the server, and how they are started."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

MAX_LOG_BYTES = 1_000_000  # a longer log starts anew with the next process


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(*, threads: int, offline: bool) -> dict[str, str]:
    """Return the environment for a process that computes.

    Args:
        threads: Processor cores that it may keep busy.
        offline: Whether the Hugging Face hub must not be asked.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [package_root, os.environ.get("PYTHONPATH", "")]
    extra = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads lose up to ten-fold to any other load
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
    }
    if offline:
        extra["HF_HUB_OFFLINE"] = "1"
    return {**os.environ, **extra}


def give_way() -> None:
    """Let this process work only when nobody waits: a click comes before a training step."""
    with suppress(psutil.Error, OSError):
        low = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10
        psutil.Process().nice(low)


def start_python(
    module: str,
    arguments: list[str],
    *,
    env: dict[str, str],
    log: Path = Path(os.devnull),
    talks: bool = False,
) -> subprocess.Popen:
    """Start ``python -m module`` so that it outlives this process and leaves no zombie.

    Its output goes to the end of the file `log`; if it `talks`, its standard input and output are
    pipes (see `child`).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.unlink(missing_ok=True)
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        detached = {"creationflags": flags}
    else:
        detached = {"start_new_session": True}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else output,
            stderr=output,
            env=env,
            **detached,
        )
    threading.Thread(target=process.wait, daemon=True).start()
    return process

"""See to it that a worker process is there for every queued run; know which workers live."""

import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from tl_core import runs
from tl_core.runs.processes import (
    cores,
    environment,
    start_python,
)
from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.liveness import is_alive, process_started
from tl_core.workspace.storage import Workspace, storage_errors

# Downloads wait for the network, not for the processor: they never queue behind a training.
WORKER_KINDS = {
    "training": ("train", "assess", "rank"),
    "downloads": ("download-weights", "download-sample"),
}

_starting = threading.Lock()


@dataclass(frozen=True)
class Entry:
    """A worker's process: its id, and when it was started, seconds since the epoch."""

    pid: int
    started: float


def worker_limit(name: str = "training") -> int:
    """Return how many workers of this name may be at work at once (TL_WORKERS, default 1)."""
    if name != "training":
        return 1
    try:
        return max(1, int(os.environ.get("TL_WORKERS", "1")))
    except ValueError:
        return 1


def worker_threads() -> int:
    """Return how many processor cores one training may use."""
    return max(1, cores() // worker_limit())


def ensure_workers(workspace: Workspace) -> None:
    """See to it that a worker is there for every queued run; cheap when there is none.

    Workers outlive the server. Call it after starting or resuming a run, and whenever a page
    shows one that is queued.

    Raises:
        StorageFull: If the disk is full.
    """
    for name, kinds in WORKER_KINDS.items():
        if not runs.count_runs(workspace, kinds, ("queued",)):
            continue
        wanted = min(runs.count_runs(workspace, kinds, runs.ACTIVE_STATES), worker_limit(name))
        with _starting:
            missing = wanted - living_workers(workspace, name)
            for _ in range(missing):
                _start_worker(workspace, name)


def start_ahead(workspace: Workspace) -> None:
    """See to it that a worker is there for a training that is likely to come soon.

    Starting one takes seconds, the recommended training little more than one.

    Raises:
        StorageFull: If the disk is full.
    """
    with _starting:
        if not living_workers(workspace, "training"):
            _start_worker(workspace, "training")


def living_workers(workspace: Workspace, name: str) -> int:
    """Return how many workers of this name live on this machine; forget the dead."""
    living = 0
    for path in _registry(workspace).glob(f"{name}-*.json"):
        entry = read_json(path, Entry)
        if entry and is_alive(entry.pid, entry.started):
            living += 1
        else:
            path.unlink(missing_ok=True)
    return living


def register_worker(workspace: Workspace, identifier: str, pid: int) -> None:
    """Write down that a worker lives; `identifier` starts with its name and a hyphen."""
    started = process_started(pid)
    if started is not None:
        _registry(workspace).mkdir(exist_ok=True)
        write_json(_registry(workspace) / f"{identifier}.json", Entry(pid, started))


def unregister_worker(workspace: Workspace, identifier: str) -> None:
    (_registry(workspace) / f"{identifier}.json").unlink(missing_ok=True)


def _start_worker(workspace: Workspace, name: str) -> None:
    identifier = f"{name}-{secrets.token_hex(4)}"
    downloads = name == "downloads"
    with storage_errors("starting a worker"):
        process = start_python(
            "tl_core.service.worker",
            ["--workspace", str(workspace.root), "--identifier", identifier],
            env=environment(threads=worker_threads(), offline=not downloads),
            log=_registry(workspace) / f"{name}.log",
        )
        register_worker(workspace, identifier, process.pid)


def _registry(workspace: Workspace) -> Path:
    return workspace.root / "workers"

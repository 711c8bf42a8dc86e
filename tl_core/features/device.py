"""On what networks compute here, with how many threads, and what was measured of that."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from threadpoolctl import threadpool_limits

from tl_core.workspace.machine_memo import MachineMemo
from tl_core.workspace.storage import Workspace

SMALL_PROBLEM = 10_000  # pictures; below it threads wait for each other longer than they work


def device() -> str:
    """Return where networks run here: "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def machine_memo(workspace: Workspace) -> MachineMemo:
    """Return what was measured on this device with as many threads."""
    return MachineMemo(workspace, f"{device()}, {torch.get_num_threads()} threads")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let every Python thread compute alone: batches side by side waste less than split ones."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def suited_threads(pictures: int) -> AbstractContextManager:
    """Return a context in which linear algebra on that many pictures is not slowed by threads."""
    return threadpool_limits(1 if pictures < SMALL_PROBLEM else None)

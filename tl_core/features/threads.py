"""How many processor cores one piece of work uses: a network by torch, a regression by BLAS."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from threadpoolctl import threadpool_limits

SMALL_PROBLEM = 10_000  # pictures; below it threads wait for each other longer than they work


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

"""Work in a thread of the server, so that a click elsewhere interrupts nothing.

The work is a generator; what it yielded last is how far it is and, at its end, its result. All
visitors share the table of jobs: two tabs see the same progress. A job never touches Streamlit.
"""

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.shared.elements import drawn_again
from tl_core.errors import TLCoreError

LOOK_EVERY = 0.5  # seconds

_LOG = logging.getLogger(__name__)


@dataclass
class Job:
    """One piece of work; written by its thread, except `stop`, which asks it to end.

    Args:
        doing: What is going on, as in "Adding pictures".
        said: What the work yielded last; before that, what `start` was given.
        error: Why it went wrong, a sentence.
        finished: Whether its thread has come to an end.
        stop: Set it, and the work ends before its next step.
    """

    doing: str
    said: Any = None
    error: str | None = None
    finished: bool = False
    stop: bool = False


@dataclass
class _Table:
    lock: threading.Lock = field(default_factory=threading.Lock)
    jobs: dict[str, Job] = field(default_factory=dict)


@st.cache_resource
def _table() -> _Table:
    return _Table()


def start(key: str, work: Generator[Any, None, Any], *, doing: str, said: Any = None) -> Job:
    """Begin to work; while a job with this key is under way, that one is returned instead."""
    table = _table()
    with table.lock:
        job = table.jobs.get(key)
        if job is not None and not job.finished:
            return job
        job = table.jobs[key] = Job(doing, said)
    threading.Thread(target=_run, args=(job, work), name=doing, daemon=True).start()
    return job


def job_of(key: str) -> Job | None:
    return _table().jobs.get(key)


def jobs_under(prefix: str) -> dict[str, Job]:
    """Return the jobs whose key starts so, by key, in the order in which they began."""
    table = _table()
    with table.lock:
        return {key: job for key, job in table.jobs.items() if key.startswith(prefix)}


def forget(key: str) -> None:
    """Ask the job with this key to end, and drop it from the table."""
    table = _table()
    with table.lock:
        job = table.jobs.pop(key, None)
    if job is not None:
        job.stop = True


def show(job: Job, draw: Callable[[Job], None]) -> None:
    """Draw a job and look again until it is finished; then the whole page is drawn anew."""

    drawn_again(lambda: draw(job), every=LOOK_EVERY, ended=lambda: job.finished)


def _run(job: Job, work: Generator[Any, None, Any]) -> None:
    try:
        with closing(work):
            for job.said in work:
                if job.stop:
                    break
    except TLCoreError as error:
        job.error = str(error)
    except Exception:
        _LOG.exception("%s failed", job.doing)
        job.error = f"{job.doing} stopped: unexpected error. Details are in the log."
    finally:
        job.finished = True

"""Ask the compute process: `call`, over pipes that stay open.

Questions stand in line in lanes: what a page shows of a live model, and what a camera sees, never
waits for work that takes seconds. A process that is late with work, or gone, is ended and the next
question starts a fresh one.
"""

import contextlib
import itertools
import os
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from tl_core.errors import ComputeError, TLCoreError
from tl_core.runs.child import ONLY_LANE, Child
from tl_core.runs.processes import cores, environment

CALL_SECONDS = 60.0
MOST_LATE = 3  # answers about a live model in a row, before the process counts as stuck
START_SECONDS = 120.0  # importing torch on a busy machine
MODULE = "tl_core.service.compute"

TOO_LONG = (
    "This took too long and was stopped. Try again with fewer or smaller pictures or a smaller "
    "backbone."
)
ENDED = (
    "The compute process ended unexpectedly, perhaps out of memory. Try again; if it happens "
    "again, close other programs or choose a smaller backbone."
)

# What is answered from memory, and what a camera's pictures wait for; all else shares a lane.
FROM_MEMORY, CAMERA = "from memory", "camera"
LANES = {
    "live_state": FROM_MEMORY,
    "live_answers": FROM_MEMORY,
    "live_order": FROM_MEMORY,
    "live_predict": CAMERA,
}


def call(function: str, *args: Any, timeout: float = CALL_SECONDS, **kwargs: Any) -> Any:
    """Let the compute process answer a short question.

    Args:
        function: Name of a function that `tl_core.service.compute` offers.
        timeout: Seconds that the answer may take, waiting for other callers included. Starting
            the process, when it is not warm, has its own limit.

    Raises:
        TLCoreError: Whatever the function raised for the person.
        ComputeError: If there was no answer in time or the process died; the next call starts
            a fresh one.
    """
    return _link().call(function, args, kwargs, deadline=time.monotonic() + timeout)


def warm() -> None:
    """Start the compute process in the background, so that the first question is quick."""
    threading.Thread(target=_link().start_quietly, daemon=True).start()


class ComputeLink:
    """One compute process, and a lock per lane that lets one caller at a time speak in it."""

    def __init__(self, module: str = MODULE) -> None:
        self._module = module
        self._lanes = {lane: threading.Lock() for lane in (ONLY_LANE, *LANES.values())}
        self._starting = threading.Lock()
        self._numbers = itertools.count()
        self._late = dict.fromkeys(self._lanes, 0)
        self._child: Child | None = None

    def call(self, function: str, args: tuple, kwargs: dict, *, deadline: float) -> Any:
        """Return the function's answer, or raise what it raised; see `call`."""
        lane = LANES.get(function, ONLY_LANE)
        asked = time.monotonic()
        if not self._lanes[lane].acquire(timeout=max(0.0, deadline - asked)):
            raise ComputeError("Another computation is still running. Try again soon.")
        try:
            status, value = self._asked(lane, (function, args, kwargs), deadline)
        finally:
            self._lanes[lane].release()
        if status == "answer":
            return value
        if status == "trouble" and isinstance(value, TLCoreError):
            raise value
        raise RuntimeError(f"{function} failed in the compute process:\n{value}")

    def start_quietly(self) -> None:
        """Start the process unless it is there; trouble shows at the first question."""
        with contextlib.suppress(ComputeError, OSError):
            self._started()

    def close(self) -> None:
        """End the process; a later call starts a fresh one."""
        for lock in self._lanes.values():
            lock.acquire()
        try:
            self._end(self._child)
        finally:
            for lock in self._lanes.values():
                lock.release()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def _asked(self, lane: str, question: tuple, deadline: float) -> tuple[str, Any]:
        attempts_left = 1 if lane == ONLY_LANE else 2  # work in another lane may have ended it
        while True:
            started = time.monotonic()
            child = self._started()
            deadline += time.monotonic() - started
            attempts_left -= 1
            try:
                found = self._answer(child, lane, question, deadline)
                self._late[lane] = 0
                return found
            except BaseException as error:
                self._late[lane] += 1
                late = isinstance(error, TimeoutError)
                if not (late and lane != ONLY_LANE and self._late[lane] < MOST_LATE):
                    self._end(child)  # what it is at would keep the next one waiting
                if late:
                    raise ComputeError(TOO_LONG) from error
                if not isinstance(error, EOFError | OSError):
                    raise
                if not attempts_left:
                    raise ComputeError(ENDED) from error

    def _answer(self, child: Child, lane: str, question: tuple, deadline: float) -> tuple[str, Any]:
        number = next(self._numbers)
        child.send((lane, number, question))
        while True:  # an answer may come after whoever asked has given up
            answered, status, value = child.receive(deadline - time.monotonic(), lane)
            if answered == number:
                return status, value

    def _started(self) -> Child:
        with self._starting:
            if self._child is None or not self._child.alive:
                self._end(self._child)
                log = Path(tempfile.gettempdir()) / f"tl_core-compute-{os.getpid()}.log"
                env = environment(threads=cores(), offline=True)
                child = Child(self._module, [], env=env, log=log, lanes=tuple(self._lanes))
                try:
                    child.receive(START_SECONDS)  # says that it is there
                except (TimeoutError, EOFError) as error:
                    child.end()
                    raise ComputeError(
                        f"The compute process could not be started; its log is {log}. Check that "
                        "the installation is complete: pip install -r requirements.txt"
                    ) from error
                self._child = child
            return self._child

    def _end(self, child: Child | None) -> None:
        if child is not None:
            child.end()
            if self._child is child:
                self._child = None


@cache
def _link() -> ComputeLink:
    return ComputeLink()

"""Ask the compute process: `call`, one question at a time, over pipes that stay open.

A process that is late or gone is ended and the next question starts a fresh one.
"""

import contextlib
import os
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from tl_core.errors import ComputeError, TLCoreError
from tl_core.runs.child import Child
from tl_core.runs.processes import cores, environment

CALL_SECONDS = 60.0
START_SECONDS = 120.0  # importing torch on a busy machine
MODULE = "tl_core.service.compute"


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
    """One compute process and the lock that lets one caller at a time speak to it."""

    def __init__(self, module: str = MODULE) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._child: Child | None = None

    def call(self, function: str, args: tuple, kwargs: dict, *, deadline: float) -> Any:
        """Return the function's answer, or raise what it raised; see `call`."""
        asked = time.monotonic()
        if not self._lock.acquire(timeout=max(0.0, deadline - asked)):
            raise ComputeError("Another computation is still running. Try again soon.")
        try:
            started = time.monotonic()
            child = self._started()
            deadline += time.monotonic() - started
            status, value = _ask(child, (function, args, kwargs), deadline)
        except BaseException:
            self._end()  # the next answer would belong to this question
            raise
        finally:
            self._lock.release()
        if status == "answer":
            return value
        if status == "trouble" and isinstance(value, TLCoreError):
            raise value
        raise RuntimeError(f"{function} failed in the compute process:\n{value}")

    def start_quietly(self) -> None:
        """Start the process unless somebody is using it; trouble shows at the first question."""
        if self._lock.acquire(blocking=False):
            try:
                with contextlib.suppress(ComputeError, OSError):
                    self._started()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process; a later call starts a fresh one."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def _started(self) -> Child:
        if self._child is None or not self._child.alive:
            self._end()
            log = Path(tempfile.gettempdir()) / f"tl_core-compute-{os.getpid()}.log"
            env = environment(threads=cores(), offline=True)
            self._child = Child(self._module, [], env=env, log=log)
            try:
                self._child.receive(START_SECONDS)  # says that it is there
            except (TimeoutError, EOFError) as error:
                self._end()
                raise ComputeError(
                    f"The compute process could not be started; its log is {log}. Check that the "
                    "installation is complete: pip install -r requirements.txt"
                ) from error
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


def _ask(child: Child, question: tuple, deadline: float) -> tuple[str, Any]:
    try:
        child.send(question)
        return child.receive(deadline - time.monotonic())
    except TimeoutError as error:
        raise ComputeError(
            "This took too long and was stopped. Try again with fewer or smaller pictures or a "
            "smaller backbone."
        ) from error
    except (EOFError, OSError) as error:
        raise ComputeError(
            "The compute process ended unexpectedly, perhaps out of memory. Try again; if it "
            "happens again, close other programs or choose a smaller backbone."
        ) from error


@cache
def _link() -> ComputeLink:
    return ComputeLink()

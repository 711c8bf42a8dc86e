"""Ask the compute process: `call`, one question at a time, over a connection that stays open.

The process connects back to us with a random key that only it was given; a process that
is late or gone is ended and the next question starts a fresh one.
"""

import contextlib
import os
import secrets
import subprocess
import tempfile
import threading
import time
from functools import cache
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from tl_core.errors import ComputeError, TLCoreError
from tl_core.runs.processes import cores, environment, start_python

CALL_SECONDS = 60.0
START_SECONDS = 120.0  # importing torch on a busy machine
ADDRESS_VARIABLE = "TL_COMPUTE_ADDRESS"
KEY_VARIABLE = "TL_COMPUTE_KEY"
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
        self._process: subprocess.Popen | None = None
        self._connection: Connection | None = None

    def call(self, function: str, args: tuple, kwargs: dict, *, deadline: float) -> Any:
        """Return the function's answer, or raise what it raised; see `call`."""
        function = function.removeprefix(f"{MODULE}:")
        asked = time.monotonic()
        if not self._lock.acquire(timeout=max(0.0, deadline - asked)):
            raise ComputeError("The computer is still busy with something else. Try again soon.")
        try:
            started = time.monotonic()
            connection = self._connected()
            deadline += time.monotonic() - started
            status, value = self._ask(connection, (function, args, kwargs), deadline)
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
                    self._connected()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process; a later call starts a fresh one."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _ask(self, connection: Connection, question: tuple, deadline: float) -> tuple[str, Any]:
        try:
            connection.send(question)
            if not connection.poll(max(0.0, deadline - time.monotonic())):
                raise ComputeError(
                    "This took too long and was given up. Try again, with fewer or smaller "
                    "pictures or a smaller backbone."
                )
            return connection.recv()
        except (EOFError, OSError) as error:
            raise ComputeError(
                "The process that computes ended unexpectedly, perhaps for want of memory. Try "
                "again; if it happens again, close other programs or choose a smaller backbone."
            ) from error

    def _connected(self) -> Connection:
        if self._connection is not None and self._process.poll() is None:
            return self._connection
        self._end()
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener:
            self._process = start_python(
                self._module,
                [],
                env={
                    **environment(threads=cores(), offline=True),
                    ADDRESS_VARIABLE: str(listener.address),
                    KEY_VARIABLE: key.hex(),
                },
                log=_log_file(),
            )
            self._connection = _accept(listener, self._process, key)
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None


@cache
def _link() -> ComputeLink:
    return ComputeLink()


def _accept(listener: Listener, process: subprocess.Popen, key: bytes) -> Connection:
    """Wait for `process` to connect, for `START_SECONDS` or as long as it lives."""
    arrived: list[Connection] = []

    def accept() -> None:
        with contextlib.suppress(OSError, EOFError):
            arrived.append(listener.accept())

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    limit = time.monotonic() + START_SECONDS
    while thread.is_alive() and process.poll() is None and time.monotonic() < limit:
        thread.join(0.1)
    if thread.is_alive():  # accept() knows no time limit: connect ourselves to end it
        with contextlib.suppress(OSError, EOFError):
            Client(listener.address, authkey=key).close()
        thread.join(5.0)
        arrived.clear()
    if not arrived:
        raise ComputeError(
            f"The process that computes could not be started; its log is {_log_file()}. "
            "Check that the installation is complete: pip install -r requirements.txt"
        )
    return arrived[0]


def _log_file() -> Path:
    return Path(tempfile.gettempdir()) / f"tl_core-compute-{os.getpid()}.log"

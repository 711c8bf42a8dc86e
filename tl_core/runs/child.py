"""A Python process of ours that exchanges values with us through its input and output.

Nothing listens on a port, and the child sees the end of its input when we are gone. What it
prints goes to its log, never between the values.
"""

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from tl_core.runs.processes import start_python

_GONE = object()


class Child:
    """A process that runs ``python -m module`` and is ended by `end`, or with a `with` block.

    Args:
        module: It finds the other end with `values_to_parent` and `values_from_parent`.
        arguments: Of its command line.
        env: Its environment, see `processes.environment`.
        log: File that gets what it prints, if that is to be kept.
    """

    def __init__(
        self,
        module: str,
        arguments: list[str],
        *,
        env: dict[str, str],
        log: Path = Path(os.devnull),
    ) -> None:
        self._process = start_python(module, arguments, env=env, log=log, talks=True)
        self._received: Queue[Any] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, value: object) -> None:
        """Send a value; raises `OSError` if the process is gone."""
        pickle.dump(value, self._process.stdin)
        self._process.stdin.flush()

    def receive(self, seconds: float) -> Any:
        """Return the next value.

        Raises:
            TimeoutError: If none came in this time.
            EOFError: If the process ended without another one.
        """
        try:
            value = self._received.get(timeout=max(0.0, seconds))
        except Empty:
            raise TimeoutError(f"no answer in {seconds:.0f} seconds") from None
        if value is _GONE:
            self._received.put(_GONE)
            raise EOFError("the process has ended")
        return value

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()

    def _read(self) -> None:
        try:
            while True:
                self._received.put(pickle.load(self._process.stdout))
        except (EOFError, OSError, pickle.UnpicklingError):
            self._received.put(_GONE)


def values_to_parent() -> Callable[[object], None]:
    """Return how this process, a child, sends a value; from now on prints go to its log."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(value: object) -> None:
        output.write(pickle.dumps(value))
        output.flush()

    return send


def values_from_parent() -> Iterator[Any]:
    """Yield what this process, a child, is sent, until its parent is gone."""
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return

"""A Python process of ours that exchanges values with us through its input and output.

Nothing listens on a port, and the child sees the end of its input when we are gone. What it
prints goes to its log, never between the values. Values of several lanes do not wait for one
another.
"""

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from tl_core.runs.processes import start_python

ONLY_LANE = ""
_GONE = object()


class Child:
    """A process that runs ``python -m module`` and is ended by `end`, or with a `with` block.

    Args:
        module: It finds the other end with `values_to_parent` and `values_from_parent`.
        arguments: Of its command line.
        env: Its environment, see `processes.environment`.
        log: File that gets what it prints, if that is to be kept.
        lanes: Names of the lanes in which it sends values.
    """

    def __init__(
        self,
        module: str,
        arguments: list[str],
        *,
        env: dict[str, str],
        log: Path = Path(os.devnull),
        lanes: Sequence[str] = (ONLY_LANE,),
    ) -> None:
        self._process = start_python(module, arguments, env=env, log=log, talks=True)
        self._received: dict[str, Queue[Any]] = {lane: Queue() for lane in lanes}
        self._sending = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, value: object) -> None:
        """Send a value; raises `OSError` if the process is gone."""
        with self._sending:
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()

    def receive(self, seconds: float, lane: str = ONLY_LANE) -> Any:
        """Return the next value of a lane.

        Raises:
            TimeoutError: If none came in this time.
            EOFError: If the process ended without another one.
        """
        try:
            value = self._received[lane].get(timeout=max(0.0, seconds))
        except Empty:
            raise TimeoutError(f"no answer in {seconds:.0f} seconds") from None
        if value is _GONE:
            self._received[lane].put(_GONE)
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
                lane, value = pickle.load(self._process.stdout)
                self._received[lane].put(value)
        except (EOFError, OSError, pickle.UnpicklingError):
            for queue in self._received.values():
                queue.put(_GONE)


def values_to_parent() -> Callable[..., None]:
    """Return how this process, a child, sends a value in a lane; prints go to its log from now on.

    Several threads may send.
    """
    output, sending = os.fdopen(os.dup(1), "wb"), threading.Lock()
    os.dup2(2, 1)

    def send(value: object, lane: str = ONLY_LANE) -> None:
        content = pickle.dumps((lane, value))
        with sending:
            output.write(content)
            output.flush()

    return send


def values_from_parent() -> Iterator[Any]:
    """Yield what this process, a child, is sent, until its parent is gone."""
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return

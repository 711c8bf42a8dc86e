"""The most memory that processes took while something went on."""

import threading
from collections.abc import Callable, Iterable

import psutil


class Peak:
    """Watches the memory of processes; `gigabytes` is the most that one of them took."""

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self.gigabytes = 0.0
        self._processes = processes
        self._ended = threading.Event()

    def __enter__(self) -> "Peak":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            for process in self._processes():
                try:
                    self.gigabytes = max(self.gigabytes, process.memory_info().rss / 1e9)
                except psutil.NoSuchProcess:
                    continue

"""Decode bytes from strangers in processes of their own, so that they can hurt nothing else.

A few such processes serve everybody in this one. What takes too much memory or time ends with
the file that asked for it named; the next file gets a fresh process.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import LifoQueue
from typing import IO

from PIL import Image

from tl_core.errors import ImageFileError
from tl_core.images.files import decoding_process
from tl_core.images.files.decoding import PictureFacts

PROCESSES = max(2, min(4, os.cpu_count() or 1))
SECONDS = 60.0  # for one file, by the clock; processor time is limited in the process
_PIPE_BYTES = 2**20
_LOOK_EVERY = 1.0  # seconds between two looks for files that take too long
_ROOT = Path(__file__).parents[3]


class Decoders:
    """Decoding for one person's files; `stop` ends what is being decoded for them."""

    def __init__(self) -> None:
        self._busy: set[_Process] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def examine(self, data: bytes, digest: str) -> tuple[PictureFacts, bytes]:
        """Return what the picture is and its thumbnail; see `decoding.examine`.

        Raises:
            ImageFileError: With the reason, if this is not a picture that can be read.
        """
        facts, thumbnail = self._ask(data, {"thumbnail": True, "digest": digest})
        return PictureFacts(**facts), thumbnail

    def picture(self, data: bytes, *, shortest: int | None = None) -> Image.Image:
        """Return the picture; see `decoding.read_picture`.

        Raises:
            ImageFileError: With the reason, if this is not a picture that can be read.
        """
        facts, pixels = self._ask(data, {"thumbnail": False, "shortest": shortest})
        return Image.frombytes("RGB", (facts["width"], facts["height"]), pixels)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._busy:
                process.kill()

    def _ask(self, data: bytes, request: dict) -> tuple[dict, bytes]:
        free = _pool()
        process = free.get()
        try:
            if process is None or not process.alive:
                process = _Process()
            with self._lock:
                if self._stopped:
                    raise ImageFileError("it was not read: stopped.")
                self._busy.add(process)
            facts, content = process.ask(data, request)
        finally:
            with self._lock:
                self._busy.discard(process)
            free.put(process)
        if "refused" in facts:
            raise ImageFileError(facts["refused"])
        return facts, content


def read_untrusted(data: bytes, *, shortest: int | None = None) -> Image.Image:
    """Decode one picture from a stranger; see `decoding.read_picture`.

    Raises:
        ImageFileError: With the reason, if this is not a picture that can be read.
    """
    return Decoders().picture(data, shortest=shortest)


@cache
def _pool() -> "LifoQueue[_Process | None]":
    """Return the processes that wait for work, the last used first; None is one not started."""
    free: LifoQueue[_Process | None] = LifoQueue()
    for _ in range(PROCESSES):
        free.put(None)
    return free


class _Process:
    """One process that decodes one file at a time."""

    def __init__(self) -> None:
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-P", decoding_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "OPENBLAS_NUM_THREADS": "1",  # each thread would take memory of its own
            },
            **({"start_new_session": True} if sys.platform != "win32" else {}),
        )
        _widen(self._process.stdin, self._process.stdout)
        self._deadline = float("inf")
        threading.Thread(target=self._watch, daemon=True, name="decoding-watch").start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def ask(self, data: bytes, request: dict) -> tuple[dict, bytes]:
        """Return the answer's facts and content; raises `ImageFileError` if the process dies."""
        data = memoryview(data)
        self._deadline = time.monotonic() + SECONDS
        try:
            head = json.dumps({**request, "bytes": data.nbytes}).encode() + b"\n"
            self._process.stdin.write(head)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            facts = json.loads(self._process.stdout.readline())
            size = facts.pop("bytes")
            content = self._process.stdout.read(size)
            if len(content) == size:
                return facts, content
        except (OSError, ValueError):
            pass  # it has died
        finally:
            self._deadline = float("inf")
        self._process.kill()
        raise ImageFileError(_cause(self._process.wait()))

    def _watch(self) -> None:
        while self.alive:
            if time.monotonic() > self._deadline:
                self.kill()
            time.sleep(_LOOK_EVERY)


def _widen(*pipes: IO[bytes]) -> None:
    """Let more bytes pass at once, where the system allows it: a picture has many megabytes."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        for pipe in pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _cause(returned: int) -> str:
    if sys.platform != "win32" and returned == -signal.SIGXCPU:
        return (
            f"decoding takes more than {decoding_process.CPU_SECONDS} seconds of a processor, so "
            "it was given up; save it anew as JPEG or PNG."
        )
    return "the program that decodes pictures broke down on it, so it was given up; save it anew."

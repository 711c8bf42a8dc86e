"""The process that decodes strangers' files, limited in memory and processor time.

It is started by its path and imports no more of the package than it needs, so that it is there
within a fifth of a second. A request and an answer are a line of JSON and bytes; nothing in them
can run code.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

MOST_MEMORY = 900 * 2**20  # bytes of address space, the program itself included
CPU_SECONDS = 8  # of processor time for one file, rounded up by the system
_ROWS_AT_ONCE = 512


def main() -> None:
    package = ModuleType("tl_core.images")  # in place of the whole one, which opens databases
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules[package.__name__] = package
    from tl_core.errors import ImageFileError
    from tl_core.images.files import decoding

    with suppress(ImportError):  # of an older Pillow
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each would take memory of its own
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    _limit("RLIMIT_AS", MOST_MEMORY)
    _limit("RLIMIT_FSIZE", 0)  # it has nothing to write
    _limit("RLIMIT_CORE", 0)
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        _limit("RLIMIT_CPU", int(time.process_time()) + CPU_SECONDS, for_good=False)
        try:
            if request["thumbnail"]:
                facts, thumbnail = decoding.examine(data, digest=request["digest"])
                _send(answers, {**vars(facts), "bytes": len(thumbnail)}, thumbnail)
            else:
                _send_pixels(answers, decoding.read_picture(data, shortest=request["shortest"]))
        except ImageFileError as error:
            _send(answers, {"refused": str(error), "bytes": 0})
        except MemoryError:
            _send(answers, {"refused": decoding.NO_MEMORY, "bytes": 0})
        del data


def _send(answers: BinaryIO, facts: dict, content: bytes = b"") -> None:
    answers.write(json.dumps(facts).encode() + b"\n")
    answers.write(content)
    answers.flush()


def _send_pixels(answers: BinaryIO, picture) -> None:
    width, height = picture.size
    _send(answers, {"width": width, "height": height, "bytes": 3 * width * height})
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = picture.crop((0, top, width, min(height, top + _ROWS_AT_ONCE)))
        answers.write(rows.tobytes())
    answers.flush()


def _limit(name: str, value: int, *, for_good: bool = True) -> None:
    """Set a limit of the operating system, where it has this one."""
    with suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        kind = getattr(resource, name)
        hard = value if for_good else resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value, hard))


if __name__ == "__main__":
    main()

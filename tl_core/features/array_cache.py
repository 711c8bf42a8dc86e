"""Arrays per picture, computed once and kept on disk: found by what made them and by content hash.

A shelf is a folder of a project whose name says what makes its values: whatever changes one changes
the name. A shard on it is one file that is never changed: a checksum, a line of JSON and the
arrays, which are mapped into memory. A damaged one is deleted, and computed again by whoever asks.
"""

import hashlib
import json
import mmap
import uuid
from collections.abc import KeysView, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from tl_core.workspace.storage import Workspace, checksum, storage_errors, write_atomic

FORMAT = 3
SUFFIX = ".shard"
_ALIGNED = 64  # bytes
_DIGITS = 8  # of the checksum, CRC-32 of all that follows


def shelf_folder(
    workspace: Workspace, project_id: str, kind: str, facts: Mapping[str, object]
) -> Path:
    """Return the folder of values of one kind that these JSON-able facts determine."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
    name = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    return workspace.features_dir(project_id) / name


class Shelf:
    """Named arrays of pictures.

    Args:
        folder: Where they are kept; None keeps them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._shards: list[Mapping[str, np.ndarray]] = []
        self._places: dict[str, tuple[int, int]] = {}  # digest -> shard, row
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder else ():
            try:
                self._hold(*_read(path))
            except (OSError, ValueError, KeyError, TypeError):
                with suppress(OSError):
                    path.unlink()

    @property
    def digests(self) -> KeysView[str]:
        """Whose values are here."""
        return self._places.keys()

    def take(self, name: str, digests: Sequence[str]) -> np.ndarray:
        """Return a copy of one array's rows, (n, ...), of at least one picture, in their order."""
        places = [self._places[digest] for digest in digests]
        return np.stack([self._shards[shard][name][row] for shard, row in places])

    def add(self, digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays with a row per picture, written as one shard at once.

        Raises:
            StorageFull: If the disk is full.
        """
        if self.folder is not None:
            with storage_errors("keeping what was computed of the pictures"):
                self.folder.mkdir(parents=True, exist_ok=True)
            # A name of its own, so that two processes never meet.
            path = self.folder / f"{uuid.uuid4().hex}{SUFFIX}"
            write_atomic(path, _content(digests, arrays))
            digests, arrays = _read(path)
        self._hold(digests, arrays)

    def _hold(self, digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
        for row, digest in enumerate(digests):
            self._places[digest] = (len(self._shards), row)
        self._shards.append(arrays)


def _content(digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> bytes:
    kinds = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    header = json.dumps({"digests": list(digests), "arrays": kinds}).encode()
    header += b" " * (-(_DIGITS + len(header) + 1) % _ALIGNED) + b"\n"
    parts = [header]
    for array in arrays.values():
        parts.append(memoryview(np.ascontiguousarray(array)).cast("B"))
        parts.append(bytes(-array.nbytes % _ALIGNED))
    return b"".join([checksum(*parts).encode(), *parts])


def _read(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return digests and arrays, or raise what a damaged file makes json and numpy raise."""
    state = path.stat()
    if not _is_whole(path, state.st_size, state.st_mtime_ns):
        raise ValueError(f"{path} is damaged")
    content = _mapped(path)
    start = content.find(b"\n") + 1
    header = json.loads(content[_DIGITS:start])
    arrays = {}
    for name, (kind, shape) in header["arrays"].items():
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(content, kind, count, start).reshape(shape)
        start += arrays[name].nbytes + -arrays[name].nbytes % _ALIGNED
    return header["digests"], arrays


@lru_cache(maxsize=4096)  # a shard never changes: once in a process is enough
def _is_whole(path: Path, _size: int, _changed: int) -> bool:
    content = memoryview(_mapped(path))
    return checksum(content[_DIGITS:]).encode() == bytes(content[:_DIGITS])


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

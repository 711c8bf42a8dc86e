"""Where things lie on disk, and how they are written: atomically, and what a full disk means."""

import errno
import os
import secrets
import sys
import zlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tl_core.errors import StorageFull, WorkspaceError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_WINDOWS_FULL = {39, 112}  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
_SYNCED_AT_ONCE = 16  # files
TEMPORARY = ".tmp"  # how the name of a file ends that is still being written


@dataclass(frozen=True)
class Workspace:
    """A folder that holds projects; `root` is absolute."""

    root: Path

    @property
    def projects_dir(self) -> Path:
        return self.root / "projects"

    @property
    def machine_dir(self) -> Path:
        """What was measured on this machine, and networks that were converted for it.

        Workspaces share the user's own folder, or the one that TL_MACHINE_CACHE names; a relative
        one lies in each workspace.
        """
        return self.root / (os.environ.get("TL_MACHINE_CACHE") or user_cache())

    def project_dir(self, project_id: str) -> Path:
        return self.projects_dir / project_id

    def images_dir(self, project_id: str) -> Path:
        return self.project_dir(project_id) / "images"

    def thumbnails_dir(self, project_id: str) -> Path:
        return self.project_dir(project_id) / "thumbnails"

    def features_dir(self, project_id: str) -> Path:
        return self.project_dir(project_id) / "features"

    def weights_dir(self, project_id: str) -> Path:
        return self.project_dir(project_id) / "weights"

    def run_dir(self, project_id: str, run_id: str) -> Path:
        return self.project_dir(project_id) / "runs" / run_id


@cache
def user_cache() -> Path:
    """Return where this user's programs keep what can be made again, as the system has it.

    A folder that cannot be written gives way to a relative one.
    """
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return Path("machine")
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        place = home / "Library" / "Caches"
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    folder = place / "guided-transfer-learning"
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return folder if os.access(there, os.W_OK) else Path("machine")


def is_full_disk(error: OSError) -> bool:
    """Whether the operating system said that there is no space left."""
    return error.errno in _FULL or getattr(error, "winerror", None) in _WINDOWS_FULL


def storage_full(what: str) -> StorageFull:
    return StorageFull(
        f"The disk is full while {what}. What was saved before is kept. "
        "Free some space, or delete projects that you no longer need, and try again."
    )


@contextmanager
def storage_errors(what: str = "saving") -> Iterator[None]:
    """Turn what the disk refuses into sentences; `what` completes "while ...".

    Raises:
        StorageFull: If there is no space left.
        WorkspaceError: If writing is not allowed.
    """
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise storage_full(what) from error
        if error.errno in _DENIED:
            raise WorkspaceError(
                f"{what[:1].upper()}{what[1:]} is not possible: '{error.filename}' cannot be "
                f"written ({error.strerror}). Correct the permissions of its folder, or choose "
                "another workspace with TL_WORKSPACE."
            ) from error
        raise


def checksum(*parts: bytes | memoryview) -> str:
    """Return the CRC-32 of bytes and arrays in this order, 8 digits: it tells damage, not malice.

    Source: Peterson & Brown (1961), "Cyclic Codes for Error Detection"; a gigabyte takes about a
    second.
    """
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return f"{found:08x}"


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that `path` is at any moment absent, the old content or the new one.

    On return it is on the disk itself: a power cut takes nothing back.

    Raises:
        StorageFull: If the disk is full; no half-written file is left.
    """
    with _replacing(path) as temporary:
        temporary.write_bytes(data)
        _sync_file(temporary)
    _sync_folder(path.parent)


def write_unsynced(path: Path, data: bytes) -> None:
    """Write one of many files; a power cut may empty it until `sync_files` has seen it."""
    with _replacing(path) as temporary:
        temporary.write_bytes(data)


def sync_files(paths: Collection[Path]) -> None:
    """Have files and what their folders say of them on the disk itself.

    Several at a time: each waits for the disk, which takes many in one go.

    Raises:
        StorageFull: If the disk is full.
        OSError: If a file is gone or the disk fails.
    """
    with storage_errors(), ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        list(pool.map(_sync_file, paths))
    for folder in {path.parent for path in paths}:
        _sync_folder(folder)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a file to write that then takes the place of `path`."""
    temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    with storage_errors():
        try:
            yield temporary
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:  # Windows syncs only what could be written to
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, and some file systems sync none
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

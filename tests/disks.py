"""Disks of our own for a test: a file with a file system, mounted where the machine lets us."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tl_core.workspace.connection import database_url, engine_for
from tl_core.workspace.opening import workspace_at


def new_disk(path: Path, *, megabytes: int = 256) -> Path:
    """Make a disk, or skip the test where none of ours can be mounted."""
    if not (shutil.which("mkfs.ext4") and hasattr(os, "geteuid") and os.geteuid() == 0):
        pytest.skip("needs mkfs.ext4 and the right to mount")
    with path.open("wb") as new:
        new.truncate(megabytes * 2**20)
    _run("mkfs.ext4", "-q", "-F", path)
    return path


@contextmanager
def mounted(disk: Path, folder: Path) -> Iterator[Path]:
    """Mount a disk; a workspace of this process on it is in `workspace`."""
    folder.mkdir()
    try:
        _run("mount", "-o", "loop", disk, folder)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"this machine mounts no disk of ours: {error}")
    try:
        yield folder
    finally:
        engine_for(database_url(workspace_at(folder / "workspace"))).dispose()
        _run("umount", folder)


def _run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=60)

"""A power cut after an import, on a disk of its own that is copied without being flushed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pictures import file, photograph
from projects import add

from tl_core.images import image_path, list_images, read_picture, thumbnail_path
from tl_core.workspace import Workspace, create_project, list_projects, open_workspace
from tl_core.workspace.connection import database_url, engine_for

DISK_BYTES = 64 * 2**20
PICTURES = 30


def run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=60)


@contextmanager
def mounted(disk: Path, folder: Path) -> Iterator[None]:
    folder.mkdir()
    try:
        run("mount", "-o", "loop", disk, folder)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"this machine mounts no disk of ours: {error}")
    try:
        yield
    finally:
        engine_for(database_url(Workspace(folder / "workspace"))).dispose()
        run("umount", folder)


def test_no_picture_of_a_row_is_lost(tmp_path: Path) -> None:
    if not (shutil.which("mkfs.ext4") and hasattr(os, "geteuid") and os.geteuid() == 0):
        pytest.skip("needs mkfs.ext4 and the right to mount")
    disk, after_cut = tmp_path / "disk", tmp_path / "after the cut"
    with disk.open("wb") as new:
        new.truncate(DISK_BYTES)
    run("mkfs.ext4", "-q", "-F", disk)
    with mounted(disk, tmp_path / "before"):
        workspace = open_workspace(tmp_path / "before" / "workspace")
        project = create_project(workspace, "Leaves")
        offered = {f"ants/{n}.jpg": photograph(200 + n, 150) for n in range(PICTURES)}
        sizes = {name: len(data) for name, data in offered.items()}
        add(workspace, project.id, [file(name, data) for name, data in offered.items()])
        with (workspace.root / "tl.db-wal").open("rb") as rows:  # as the system does in time
            os.fsync(rows.fileno())
        shutil.copy(disk, after_cut)
    with mounted(after_cut, tmp_path / "after"):
        workspace = open_workspace(tmp_path / "after" / "workspace")
        assert [one.images for one in list_projects(workspace)] == [PICTURES]
        for record in list_images(workspace, project.id):
            path = image_path(workspace, project.id, record)
            assert path.stat().st_size == sizes[record.name]
            assert read_picture(thumbnail_path(workspace, project.id, record.digest))

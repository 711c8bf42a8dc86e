"""A power cut after an import, on a disk of its own that is copied without being flushed."""

import os
import shutil
from pathlib import Path

from disks import mounted, new_disk
from pictures import file, photograph
from projects import add

from tl_core.images import image_path, list_images, read_picture, thumbnail_path
from tl_core.workspace import create_project, list_projects, open_workspace

PICTURES = 30


def test_no_picture_of_a_row_is_lost(tmp_path: Path) -> None:
    disk, after_cut = new_disk(tmp_path / "disk"), tmp_path / "after the cut"
    with mounted(disk, tmp_path / "before") as folder:
        workspace = open_workspace(folder / "workspace")
        project = create_project(workspace, "Leaves")
        offered = {f"ants/{n}.jpg": photograph(200 + n, 150) for n in range(PICTURES)}
        sizes = {name: len(data) for name, data in offered.items()}
        add(workspace, project.id, [file(name, data) for name, data in offered.items()])
        with (workspace.root / "tl.db-wal").open("rb") as rows:  # as the system does in time
            os.fsync(rows.fileno())
        shutil.copy(disk, after_cut)
    with mounted(after_cut, tmp_path / "after") as folder:
        workspace = open_workspace(folder / "workspace")
        assert [one.images for one in list_projects(workspace)] == [PICTURES]
        for record in list_images(workspace, project.id):
            path = image_path(workspace, project.id, record)
            assert path.stat().st_size == sizes[record.name]
            assert read_picture(thumbnail_path(workspace, project.id, record.digest))

"""Imports that were cut off: no file without a row stays, and the page says what happened."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pictures import files
from projects import add, project_with

from tl_core.images import add_images, count_images, list_images
from tl_core.workspace import Workspace, create_project, open_workspace
from tl_core.workspace.interrupted import forget_interrupted, interrupted_imports
from tl_core.workspace.opening import reopen

ROOT = Path(__file__).parents[2]

# Ends itself without any cleaning up, as a kill does, with a batch written and its rows not.
CUT_OFF = """
import os, sys
sys.path.insert(0, "tests")
from pathlib import Path
from pictures import files
from tl_core.images import add_images, saving
from tl_core.workspace import open_workspace

def ended(*_):
    (images / ".half.tmp").write_bytes(b"half a pict")
    os._exit(9)

workspace, project_id = open_workspace(Path(sys.argv[1])), sys.argv[2]
images = workspace.images_dir(project_id)
work = add_images(workspace, project_id, files(ants=300), total=300)
while not next(work).added:
    pass
saving.sync_files = ended
for _ in work:
    pass
"""


def on_disk(workspace: Workspace, project_id: str) -> dict[str, list[str]]:
    folders = workspace.images_dir(project_id), workspace.thumbnails_dir(project_id)
    return {one.name: sorted(path.stem for path in one.iterdir()) for one in folders}


def listed(workspace: Workspace, project_id: str) -> dict[str, list[str]]:
    digests = sorted(one.digest for one in list_images(workspace, project_id, limit=1000))
    return {"images": digests, "thumbnails": digests}


def cut_off(workspace: Workspace, project_id: str) -> None:
    command = [sys.executable, "-c", CUT_OFF, str(workspace.root), project_id]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 9, done.stderr


def test_an_import_that_was_cut_off_leaves_nothing_unlisted_and_is_said(
    workspace: Workspace,
) -> None:
    project_id = project_with(workspace, bees=3)
    cut_off(workspace, project_id)
    assert on_disk(workspace, project_id) != listed(workspace, project_id)
    reopen(workspace)
    workspace = open_workspace(workspace.root)
    assert on_disk(workspace, project_id) == listed(workspace, project_id)
    assert 3 < count_images(workspace, project_id) < 303
    (found,) = interrupted_imports(workspace, project_id)
    assert found.total == 300
    forget_interrupted(workspace, project_id)
    assert interrupted_imports(workspace, project_id) == []


def test_nothing_is_swept_up_under_an_import_that_goes_on(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    work = add_images(workspace, project_id, files(bees=100))
    next(work)
    cut_off(workspace, project_id)
    before = on_disk(workspace, project_id)
    reopen(workspace)
    workspace = open_workspace(workspace.root)
    assert all(set(before[name]) <= set(on_disk(workspace, project_id)[name]) for name in before)
    *_, _last = work
    forget_interrupted(workspace, project_id)
    assert on_disk(workspace, project_id) == listed(workspace, project_id)
    assert count_images(workspace, project_id) > 100


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_import_that_was_stopped_leaves_nothing_unlisted(
    workspace: Workspace, steps: int
) -> None:
    project_id = create_project(workspace, "Leaves").id
    work = add_images(workspace, project_id, files(ants=200))
    for _ in range(steps):
        next(work)
    work.close()
    assert on_disk(workspace, project_id) == listed(workspace, project_id)
    assert interrupted_imports(workspace, project_id) == []


def test_an_import_to_its_end_says_nothing(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    add(workspace, project_id, files(ants=3))
    assert interrupted_imports(workspace, project_id) == []
    assert not list((workspace.project_dir(project_id) / "adding").iterdir())


def test_files_that_a_killed_process_left_half_written_go_in_time(workspace: Workspace) -> None:
    run_dir = workspace.run_dir(create_project(workspace, "Leaves").id, "run")
    run_dir.mkdir(parents=True)
    old, new = run_dir / ".old.tmp", run_dir / ".new.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    long_ago = time.time() - 7200
    os.utime(old, (long_ago, long_ago))
    reopen(workspace)
    open_workspace(workspace.root)
    assert not old.exists() and new.exists()

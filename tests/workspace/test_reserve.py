"""A full disk is no dead end: what is there can be read and deleted."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from disks import mounted, new_disk
from pictures import files
from projects import add, project_with

from tl_core import runs
from tl_core.errors import StorageFull
from tl_core.images import add_images, count_images, image_path, list_images
from tl_core.workspace import (
    Workspace,
    create_project,
    delete_project,
    list_projects,
    open_workspace,
    reserve,
)
from tl_core.workspace.database import session


def reserve_of(workspace: Workspace) -> Path:
    return workspace.root / "reserve"


def free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(reserve.shutil, "disk_usage", lambda _folder: usage)


def fill(folder: Path) -> None:
    """Leave not a single block."""
    with (folder / "filling").open("wb", buffering=0) as filling:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    filling.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_on_a_full_disk_a_project_is_read_and_deleted(tmp_path: Path) -> None:
    with mounted(new_disk(tmp_path / "disk"), tmp_path / "mounted") as folder:
        workspace = open_workspace(folder / "workspace")
        kept, doomed = project_with(workspace, ants=2), project_with(workspace, ants=100)
        assert reserve_of(workspace).stat().st_blocks * 512 >= reserve.RESERVE_BYTES
        fill(folder)
        with pytest.raises(StorageFull):
            create_project(workspace, "One more")
        assert len(list_projects(workspace)) == 2
        (first, _second) = list_images(workspace, kept)
        assert image_path(workspace, kept, first).read_bytes()
        delete_project(workspace, doomed)
        assert [one.id for one in list_projects(workspace)] == [kept]
        assert not workspace.project_dir(doomed).exists()
        create_project(workspace, "There is room again")


@pytest.mark.parametrize("what", ["project", "run"])
def test_deleting_frees_the_reserve_if_it_must(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    project_id = project_with(workspace, ants=1)
    run = runs.start_run(workspace, project_id, config={})
    original, refused = session, []

    def full_until_freed(*args: object, write: bool = True):
        if write and reserve_of(workspace).exists():
            refused.append(True)
            raise StorageFull("full")
        return original(*args, write=write)

    monkeypatch.setattr("tl_core.workspace.projects.session", full_until_freed)
    monkeypatch.setattr("tl_core.runs.control.session", full_until_freed)
    if what == "project":
        delete_project(workspace, project_id)
    else:
        runs.delete_run(workspace, run.id)
    assert refused == [True]
    assert reserve_of(workspace).stat().st_size == reserve.RESERVE_BYTES
    assert runs.list_runs(workspace, project_id) == []


def test_nothing_is_added_when_hardly_any_space_is_left(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = create_project(workspace, "Leaves").id
    free_bytes(monkeypatch, 10 * 2**20)
    with pytest.raises(StorageFull, match=r"Only 10 MB are free.*at least 100 MB.*Free some"):
        add(workspace, project_id, files(ants=1))
    assert not list(workspace.images_dir(project_id).iterdir())


def test_adding_ends_before_the_disk_is_full_and_keeps_what_came_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = create_project(workspace, "Leaves").id
    work = add_images(workspace, project_id, files(ants=200))
    added = next(one.added for one in work if one.added)
    free_bytes(monkeypatch, 10 * 2**20)
    with pytest.raises(StorageFull):
        next(work)
    assert added > 0
    stored = len(list(workspace.images_dir(project_id).iterdir()))
    assert count_images(workspace, project_id) == stored < 200


def test_reading_writes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even that a run whose process is gone is lost."""
    project_id = project_with(workspace, ants=2)
    run = runs.start_run(workspace, project_id, config={}, claimed=True)
    monkeypatch.setattr("tl_core.runs.record.is_alive", lambda *_: False)
    monkeypatch.setattr("tl_core.runs.record.LOST_AFTER_SECONDS", -1.0)

    def refuse(*_: object, write: bool = True):
        if write:
            raise StorageFull("full")
        return session(workspace, write=False)

    reading: list[Callable[[], object]] = [
        lambda: runs.get_run(workspace, run.id).state,
        lambda: runs.list_runs(workspace, project_id)[0].state,
    ]
    for module in ("control", "claims"):
        monkeypatch.setattr(f"tl_core.runs.{module}.session", refuse)
    assert [read() for read in reading] == ["lost", "lost"]

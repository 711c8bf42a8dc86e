"""Backups of the database, and what a damaged one leads to."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import project_with

from tl_core.errors import DatabaseDamaged
from tl_core.workspace import Workspace, backups, create_project, list_projects, open_workspace
from tl_core.workspace.opening import reopen
from tl_core.workspace.recovery import open_backup


def database(workspace: Workspace) -> Path:
    return workspace.root / "tl.db"


def copies(workspace: Workspace) -> list[Path]:
    return sorted((workspace.root / "backups").iterdir())


def damage(path: Path, content: bytes = b"no database any more" * 500) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)


def test_the_first_writing_of_a_day_leaves_a_copy(workspace: Workspace) -> None:
    create_project(workspace, "Leaves")
    (copy,) = copies(workspace)
    assert copy.name == f"tl-{datetime.now(UTC):%Y-%m-%d}.db"
    create_project(workspace, "Later today")
    assert copies(workspace) == [copy]
    assert backups.newest_backup(database(workspace)).projects == 1


def test_a_few_copies_are_kept(workspace: Workspace) -> None:
    create_project(workspace, "Leaves")
    for day in range(10):
        backups.back_up(database(workspace), f"2020-01-{day:02d}")
    assert len(copies(workspace)) == backups.KEPT


def test_an_empty_list_pushes_out_no_copy(workspace: Workspace) -> None:
    create_project(workspace, "Leaves")
    before = copies(workspace)
    reopen(workspace)
    damage(database(workspace), b"")
    again = open_workspace(workspace.root)
    backups.back_up(database(again), "tomorrow")
    assert list_projects(again) == [] and copies(again) == before


def test_a_damaged_copy_is_not_offered(workspace: Workspace) -> None:
    create_project(workspace, "Leaves")
    backups.back_up(database(workspace), "newer")
    newest = backups.newest_backup(database(workspace)).path
    content = bytearray(newest.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    newest.write_bytes(content)
    assert backups.newest_backup(database(workspace)).path != newest


@pytest.mark.parametrize("content", [b"no database any more" * 500, b"SQLite format 3\0" * 300])
def test_a_damaged_database_gets_a_sentence_and_a_backup_opens(
    workspace: Workspace, content: bytes
) -> None:
    project_id = project_with(workspace, ants=2)
    backups.back_up(database(workspace), "newest")
    reopen(workspace)
    damage(database(workspace), content)
    with pytest.raises(DatabaseDamaged, match=r"damaged.*backup.*rebuild"):
        open_workspace(workspace.root)
    open_backup(workspace)
    (found,) = list_projects(open_workspace(workspace.root))
    assert (found.id, found.images) == (project_id, 2)
    assert [one.read_bytes() for one in workspace.root.glob("tl-aside-*.db")] == [content]

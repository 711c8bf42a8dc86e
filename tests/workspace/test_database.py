"""Transactions: several windows and processes at once, and a database in trouble."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from pictures import files
from projects import add, project_with
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tl_core.errors import StorageFull, WorkspaceError
from tl_core.images import image_set, list_images
from tl_core.workspace import Workspace, open_workspace
from tl_core.workspace.connection import database_url, engine_for
from tl_core.workspace.database import ClassRow, session
from tl_core.workspace.opening import _prepare

ROOT = Path(__file__).parents[2]


def test_the_environment_names_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path.as_posix()}/elsewhere.db")
    project_with(open_workspace(tmp_path / "workspace"), ants=1)
    assert (tmp_path / "elsewhere.db").is_file()
    assert not (tmp_path / "workspace" / "tl.db").exists()


def test_the_workspace_may_have_a_strange_name(tmp_path: Path) -> None:
    strange = tmp_path / "50% of it's #1 & größer"
    project_with(open_workspace(strange), ants=1)
    assert (strange / "tl.db").is_file()


def test_an_exception_rolls_everything_back(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1)
    with pytest.raises(ZeroDivisionError), session(workspace) as opened:
        opened.add(ClassRow(project_id=project_id, name="bees"))
        opened.flush()
        raise ZeroDivisionError
    with session(workspace, write=False) as opened:
        assert [row.name for row in opened.query(ClassRow)] == ["ants"]


def test_a_reader_does_not_wait_for_a_writer(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=1)
    with session(workspace) as writer:
        writer.add(ClassRow(project_id=project_id, name="bees"))
        writer.flush()
        with session(workspace, write=False) as reader:
            assert reader.query(ClassRow).count() == 1


def test_writers_that_read_first_lose_no_update(workspace: Workspace) -> None:
    """Read, then write, from many threads: with deferred transactions SQLite refuses some."""
    project_id = project_with(workspace, a=1)

    def lengthen() -> None:
        for _ in range(10):
            with session(workspace) as opened:
                row = opened.query(ClassRow).filter_by(project_id=project_id).one()
                row.name += "a"

    threads = [threading.Thread(target=lengthen) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with session(workspace, write=False) as opened:
        assert opened.query(ClassRow).one().name == "a" * 61


def test_two_processes_write_to_one_workspace(workspace: Workspace) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tl_core.workspace import open_workspace, create_project\n"
        "ws = open_workspace(Path(sys.argv[1]))\n"
        "for n in range(20): create_project(ws, str(n))"
    )
    command = [sys.executable, "-c", code, str(workspace.root)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    with session(workspace, write=False) as opened:
        assert opened.execute(text("select count(*) from projects")).scalar() == 40


def test_a_full_disk_in_the_database_says_what_to_do(workspace: Workspace) -> None:
    """A limit on the number of pages makes SQLite report the same as a full disk."""
    project_id = project_with(workspace, ants=1)
    with pytest.raises(StorageFull, match="Free some space"), session(workspace) as opened:
        opened.execute(text("PRAGMA max_page_count=1"))
        for number in range(500):
            opened.add(ClassRow(project_id=project_id, name=f"{number}" * 100))
        opened.flush()


@pytest.mark.parametrize(
    ("reported", "says"),
    [
        ("database is locked", "Try again"),
        ("unable to open database file", "cannot be opened"),
        ("attempt to write a readonly database", "cannot be opened"),
    ],
)
def test_trouble_with_the_database_is_a_sentence(
    workspace: Workspace, reported: str, says: str
) -> None:
    with pytest.raises(WorkspaceError, match=says), session(workspace):
        raise OperationalError("select", {}, Exception(reported))


def test_unknown_trouble_with_the_database_stays_loud(workspace: Workspace) -> None:
    with pytest.raises(OperationalError), session(workspace):
        raise OperationalError("select", {}, Exception("no such table"))


def test_a_workspace_of_an_earlier_version_keeps_everything(tmp_path: Path) -> None:
    """Its database lacks the newer column and tables, and stores the splits that were drawn."""
    root = tmp_path / "workspace"
    project_id = project_with(open_workspace(root), ants=3)
    before = list_images(open_workspace(root), project_id)
    engine_for(database_url(open_workspace(root))).dispose()
    with closing(sqlite3.connect(root / "tl.db")) as old:
        old.execute("ALTER TABLE images DROP COLUMN locked")
        old.execute("ALTER TABLE images ADD COLUMN split TEXT")
        old.execute("UPDATE images SET split = 'test'")
        for table in ("groups", "group_decisions", "locked_tests", "alembic_version"):
            old.execute(f"DROP TABLE {table}")
        old.commit()
    _prepare.cache_clear()
    assert list_images(open_workspace(root), project_id) == before
    _prepare.cache_clear()
    add(open_workspace(root), project_id, files(bees=3))
    assert len(image_set(open_workspace(root), project_id).train) == 2


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("oracle+nonesuch://host/name", r"driver is not installed.*pip"),
        ("mysql+pymysql://host/name", r"driver is not installed here \(“pymysql”\)"),
        ("nonsense", "not the address"),
    ],
)
def test_a_database_that_cannot_be_spoken_with_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(WorkspaceError, match=says):
        open_workspace(tmp_path)

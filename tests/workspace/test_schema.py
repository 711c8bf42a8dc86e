"""Versions of the tables: earlier ones are brought up to date, newer ones are left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from projects import project_with
from sqlalchemy import create_engine

from tl_core.errors import WorkspaceError
from tl_core.images import list_images
from tl_core.runs import list_runs
from tl_core.workspace import open_workspace
from tl_core.workspace.connection import database_url, engine_for
from tl_core.workspace.database import Base, VersionRow
from tl_core.workspace.opening import reopen
from tl_core.workspace.schema import MIGRATIONS, VERSION, _upgrade

LATER = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9000", "0005"
def upgrade():
    op.add_column("projects", sa.Column("note", sa.Text))
"""


def test_the_newest_migration_is_the_version() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == VERSION


def test_migrations_lead_to_the_tables_of_the_app() -> None:
    with create_engine("sqlite://").begin() as connection:
        _upgrade(connection, "")
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found = compare_metadata(context, Base.metadata)
    own = VersionRow.__tablename__
    wrong = [one for one in found if getattr(one[1], "name", "") != own]
    assert wrong == []


def test_tables_from_before_the_versions_keep_what_is_in_them(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    project_id = project_with(workspace, ants=3)
    before = list_images(workspace, project_id)
    reopen(workspace)
    with closing(sqlite3.connect(tmp_path / "tl.db")) as old:
        old.execute("DROP TABLE alembic_version")
        old.execute("DROP TABLE locked_tests")
        old.execute("ALTER TABLE images DROP COLUMN locked")
        old.execute("ALTER TABLE runs DROP COLUMN accuracy_low")
        old.commit()
    workspace = open_workspace(tmp_path)
    assert list_images(workspace, project_id) == before
    with engine_for(database_url(workspace)).connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == VERSION
    assert (tmp_path / "backups" / f"tl-before-{VERSION}.db").is_file()


def test_a_later_migration_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one more version than today's, as the next release will have it."""
    workspace = open_workspace(tmp_path / "workspace")
    project_id = project_with(workspace, ants=2)
    later = tmp_path / "migrations" / "versions"
    later.mkdir(parents=True)
    for path in (MIGRATIONS / "versions").glob("*.py"):
        (later / path.name).write_text(path.read_text("utf-8"), encoding="utf-8")
    (later / "later.py").write_text(LATER, encoding="utf-8")
    monkeypatch.setattr("tl_core.workspace.schema.MIGRATIONS", later.parent)
    monkeypatch.setattr("tl_core.workspace.schema.VERSION", "9000")
    reopen(workspace)
    open_workspace(workspace.root)
    with closing(sqlite3.connect(workspace.root / "tl.db")) as opened:
        assert opened.execute("SELECT id, note FROM projects").fetchall() == [(project_id, None)]
        assert opened.execute("SELECT version_num FROM alembic_version").fetchone() == ("9000",)


def test_a_workspace_of_a_newer_version_gets_a_sentence(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    reopen(workspace)
    with closing(sqlite3.connect(tmp_path / "tl.db")) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    with pytest.raises(WorkspaceError, match=r"newer version.*9999.*Update"):
        open_workspace(tmp_path)


def test_the_first_numbered_version_is_brought_up_to_date(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    project_id = project_with(workspace, ants=2)
    reopen(workspace)
    with closing(sqlite3.connect(tmp_path / "tl.db")) as old:
        old.execute("ALTER TABLE runs DROP COLUMN accuracy_low")
        old.execute("UPDATE alembic_version SET version_num = '0001'")
        old.commit()
    workspace = open_workspace(tmp_path)
    assert list_runs(workspace, project_id) == []
    assert len(list_images(workspace, project_id)) == 2

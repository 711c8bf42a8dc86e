"""The tables as this version of the app wants them, brought there from any earlier one.

To change a table: change it in `database`, add a file to `migrations/versions` that does the same
to what is there (Alembic's `op`), and raise `VERSION` to its revision.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, select

from tl_core.errors import WorkspaceError
from tl_core.workspace.backups import back_up
from tl_core.workspace.connection import (
    database_errors,
    database_file,
    database_url,
    engine_for,
)
from tl_core.workspace.database import Base, VersionRow
from tl_core.workspace.storage import Workspace

VERSION = "0005"
MIGRATIONS = Path(__file__).with_name("migrations")


def create_tables(workspace: Workspace) -> None:
    """Make the tables, or bring those of an earlier version up to date; nothing in them is lost.

    Raises:
        WorkspaceError: If a newer version of the app has used this workspace.
    """
    engine = engine_for(database_url(workspace))
    with database_errors(), engine.execution_options(write=False).connect() as connection:
        found = _version(connection)
    if found == VERSION:
        return
    if found is not None and (file := database_file(workspace)):
        back_up(file, f"before-{VERSION}")
    with database_errors(), engine.begin() as connection:
        found = _version(connection)  # another process may have been faster
        if found is None:
            Base.metadata.create_all(connection)
            connection.execute(VersionRow.__table__.insert().values(version_num=VERSION))
        elif found != VERSION:
            _upgrade(connection, found)


def _version(connection: Connection) -> str | None:
    """Return the schema's version, "" if it is older than versions, None without any table."""
    tables = inspect(connection).get_table_names()
    if VersionRow.__tablename__ in tables:
        found = connection.scalar(select(VersionRow.version_num))
        if found:
            return found
    return "" if "projects" in tables else None


def _upgrade(connection: Connection, found: str) -> None:
    from alembic.operations import Operations  # slow to import, seldom needed
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    scripts = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection)
    try:
        missing = list(scripts.iterate_revisions(VERSION, found or "base"))
    except RevisionError as error:
        raise WorkspaceError(
            f"A newer version of this app has used this workspace (its list of projects has "
            f"version {found}, this app knows {VERSION}). Update the app, or choose another "
            "folder with TL_WORKSPACE."
        ) from error
    with Operations.context(context):
        for script in reversed(missing):
            script.module.upgrade()
    context.stamp(scripts, VERSION)

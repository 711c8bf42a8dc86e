"""The way to the database: where it is, one engine per process, its troubles as sentences."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from tl_core.errors import DatabaseDamaged, WorkspaceError
from tl_core.workspace.storage import Workspace, storage_full

DATABASE = "tl.db"
BUSY_TIMEOUT_SECONDS = 10.0
_DAMAGED = ("malformed", "not a database", "encrypted", "disk i/o error")  # in SQLite's words


def database_url(workspace: Workspace) -> URL:
    """Return where the tables are.

    Raises:
        WorkspaceError: If ``DATABASE_URL`` is no address of a database.
    """
    named = os.environ.get("DATABASE_URL")
    if not named:  # not as text: a folder may have "?" or "%" in its name
        return URL.create("sqlite", database=str(workspace.root / DATABASE))
    try:
        return make_url(named)
    except ArgumentError as error:
        raise WorkspaceError(
            "DATABASE_URL is not the address of a database. It looks like "
            "postgresql+psycopg://user:password@host/name."
        ) from error


def database_file(workspace: Workspace) -> Path | None:
    """Return the SQLite file beside the projects, None if the tables are elsewhere."""
    return None if os.environ.get("DATABASE_URL") else workspace.root / DATABASE


@lru_cache(maxsize=64)
def engine_for(url: URL) -> Engine:
    """Return the one engine of this process for `url`.

    Raises:
        WorkspaceError: If the package that speaks with this kind of database is not installed.
    """
    try:
        engine = create_engine(url)
    except (ImportError, NoSuchModuleError) as error:
        missing = getattr(error, "name", None) or url.drivername
        raise WorkspaceError(
            f"DATABASE_URL names a database of the kind “{url.drivername}”, whose driver is not "
            f"installed here (“{missing}”). Install it with pip (for PostgreSQL: pip install "
            "'psycopg[binary]', with postgresql+psycopg:// in the address), or remove "
            "DATABASE_URL."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection) -> None:
    # A reader that turns writer fails at once when another process wrote in between, whatever
    # the busy time-out: writers therefore queue up at the start of their transaction.
    write = connection.get_execution_options().get("write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what a database says of its state into sentences; see `session`."""
    try:
        yield
    except DatabaseError as error:
        text = str(error.orig).lower()
        if "full" in text:
            raise storage_full("saving to the database") from error
        if "is locked" in text or "busy" in text:
            raise WorkspaceError(
                "Another process is writing to this workspace. Try again in a moment."
            ) from error
        if "unable to open" in text or "readonly" in text or "read-only" in text:
            raise WorkspaceError(
                "The workspace's database cannot be opened for writing. Check that its folder "
                "exists and is writable."
            ) from error
        if any(words in text for words in _DAMAGED):
            raise DatabaseDamaged(
                f"The list of projects ({DATABASE}) is damaged and cannot be read. Pictures and "
                "models lie in the workspace's folders and are untouched. Open the backup, or "
                "rebuild the list from the folders: the app's pages offer both."
            ) from error
        raise

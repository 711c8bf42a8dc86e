"""The tables, and `session`: one transaction per action of a person.

SQLite beside the projects by default, any SQLAlchemy URL through ``DATABASE_URL``.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    ForeignKey,
    Index,
    Text,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    false,
    inspect,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateColumn

from tl_core.errors import WorkspaceError
from tl_core.workspace.storage import Workspace, storage_full

BUSY_TIMEOUT_SECONDS = 10.0


class UtcDateTime(TypeDecorator[datetime]):
    """Time-zone aware moments in UTC, also on SQLite, which drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {str: Text, dict: JSON, datetime: UtcDateTime}  # noqa: RUF012


def _project_key(**options: bool) -> Mapped[str]:
    return mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), **options)


class ProjectRow(Base):
    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=utc_now)
    backbone: Mapped[dict | None]
    config: Mapped[dict | None]


class ClassRow(Base):
    __tablename__ = "classes"
    # autoincrement: an id must never come back, or undoing a deletion could hit another class
    __table_args__ = (UniqueConstraint("project_id", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key()
    name: Mapped[str]


class ImageRow(Base):
    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("project_id", "digest"),
        Index("images_by_class", "project_id", "class_id", "excluded", "id"),
        Index("images_in_order", "project_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key()
    digest: Mapped[str]  # SHA-256 of the original bytes, hexadecimal
    extension: Mapped[str]  # from the content, without a dot
    name: Mapped[str]  # as the person knows it
    width: Mapped[int]  # upright, pixels
    height: Mapped[int]
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id", ondelete="SET NULL"))
    excluded: Mapped[bool] = mapped_column(default=False)
    split_given: Mapped[str | None]  # by the person's folders
    group: Mapped[str | None] = mapped_column("group_name")  # pictures that stay together
    locked: Mapped[bool] = mapped_column(default=False, server_default=false())  # locked test part


class GroupRow(Base):
    """What is known of a group beyond its pictures, which name it in `ImageRow.group`."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key()
    name: Mapped[str]
    kind: Mapped[str]  # "copies" found, "names" of files, "own" choice, "recording"
    accepted: Mapped[bool] = mapped_column(default=False)  # by the person


class GroupDecisionRow(Base):
    """What the person said no to: `kind` "apart" (parts that are not joined) or "names"."""

    __tablename__ = "group_decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key(index=True)
    kind: Mapped[str]
    data: Mapped[dict]


class LockedTestRow(Base):
    """That a project has a locked test part, and how often somebody looked."""

    __tablename__ = "locked_tests"

    project_id: Mapped[str] = _project_key(primary_key=True)
    own: Mapped[bool]  # the test folder that the person brought, not a drawn part
    opened: Mapped[int] = mapped_column(default=0)
    created: Mapped[datetime | None] = mapped_column(default=utc_now)


class SkippedRow(Base):
    __tablename__ = "skipped"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key(index=True)
    name: Mapped[str]
    reason: Mapped[str]


class ChangeRow(Base):
    """One action that can be undone: `before` is the state that it replaced."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key(index=True)
    description: Mapped[str]
    before: Mapped[dict]


class RunRow(Base):
    __tablename__ = "runs"
    __table_args__ = (
        Index("runs_by_project", "project_id", "kind", "created"),
        Index("runs_by_state", "state", "created"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key()
    kind: Mapped[str]
    state: Mapped[str]
    config: Mapped[dict]
    message: Mapped[str | None]
    traceback: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(default=utc_now)
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    heartbeat: Mapped[datetime | None]
    host: Mapped[str | None]
    pid: Mapped[int | None]
    pid_started: Mapped[float | None]
    stop_requested: Mapped[bool] = mapped_column(default=False)
    accuracy: Mapped[float | None]
    n_test: Mapped[int | None]


def database_url(workspace: Workspace) -> URL:
    # not as text: a folder may have "?" or "%" in its name
    beside = URL.create("sqlite", database=str(workspace.root / "tl.db"))
    named = os.environ.get("DATABASE_URL")
    return make_url(named) if named else beside


@lru_cache(maxsize=64)
def engine_for(url: URL) -> Engine:
    """Return the one engine of this process for `url`."""
    engine = create_engine(url)
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


def create_tables(workspace: Workspace) -> None:
    """Make what is missing; a database of an earlier version keeps all that is in it."""
    with _database_errors(), engine_for(database_url(workspace)).begin() as connection:
        Base.metadata.create_all(connection)
        _add_missing_columns(connection)


def _add_missing_columns(connection: Connection) -> None:
    """Add columns that tables of an earlier version lack; they are nullable or have a default."""
    found = inspect(connection)
    for table in Base.metadata.sorted_tables:
        known = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                added = CreateColumn(column).compile(dialect=connection.dialect)
                name = connection.dialect.identifier_preparer.format_table(table)
                connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {added}")


@contextmanager
def session(workspace: Workspace, *, write: bool = True) -> Iterator[Session]:
    """Open one transaction: committed at the end, rolled back on any exception.

    With ``write=False`` it only reads and never waits for a writer.

    Raises:
        StorageFull: If the disk is full.
        WorkspaceError: If the database cannot be opened or stays busy for `BUSY_TIMEOUT_SECONDS`.
    """
    engine = engine_for(database_url(workspace)).execution_options(write=write)
    with _database_errors(), Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).lower()
        if "full" in text:
            raise storage_full("saving to the database") from error
        if "locked" in text or "busy" in text:
            raise WorkspaceError(
                "Another process is writing to this workspace. Try again in a moment."
            ) from error
        if "unable to open" in text or "readonly" in text or "read-only" in text:
            raise WorkspaceError(
                "The workspace's database cannot be opened for writing. Check that its folder "
                "exists and is writable."
            ) from error
        raise

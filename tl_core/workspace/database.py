"""The tables, and `session`: one transaction per action of a person.

SQLite beside the projects by default, any SQLAlchemy URL through ``DATABASE_URL``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tl_core.workspace.backups import back_up_daily
from tl_core.workspace.connection import (
    database_errors,
    database_file,
    database_url,
    engine_for,
)
from tl_core.workspace.storage import Workspace


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
    place: Mapped[str | None]  # another place that it shows, where a model will be used


class AnswerRow(Base):
    """A picture's answer to a further question; its class answers the first one."""

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("image_id", "question"),
        Index("answers_by_question", "project_id", "question"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = _project_key()
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    question: Mapped[str]
    answer: Mapped[str]


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
    """What the person said no to: `kind` "apart" (not joined), "names" or "health"."""

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
    copy_of: Mapped[str | None]  # digest of the picture that it is exactly the same as
    class_name: Mapped[str | None]  # that it was offered for, if it is a copy
    split: Mapped[str | None]


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
    accuracy_low: Mapped[float | None]  # lower end of its 95 % interval
    n_test: Mapped[int | None]


class VersionRow(Base):
    """The schema's version, where Alembic looks for it."""

    __tablename__ = "alembic_version"

    version_num: Mapped[str] = mapped_column(primary_key=True)


@contextmanager
def session(workspace: Workspace, *, write: bool = True) -> Iterator[Session]:
    """Open one transaction: committed at the end, rolled back on any exception.

    With ``write=False`` it only reads and never waits for a writer. The first writing of a day
    leaves a backup.

    Raises:
        DatabaseDamaged: If the SQLite file is no longer one.
        StorageFull: If the disk is full.
        WorkspaceError: If the database cannot be opened or stays busy for `BUSY_TIMEOUT_SECONDS`.
    """
    engine = engine_for(database_url(workspace)).execution_options(write=write)
    with database_errors(), Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened
    if write and (file := database_file(workspace)):
        back_up_daily(file)

"""Copies of the SQLite database: one a day, the newest few kept, and one opened again."""

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tl_core.workspace.storage import TEMPORARY, storage_errors, sync_files

KEPT = 7
_BESIDE = ("", "-wal", "-shm")  # what SQLite keeps of one database


@dataclass(frozen=True)
class Backup:
    """A copy that can be opened."""

    path: Path
    made: datetime
    projects: int


def backups_dir(database: Path) -> Path:
    return database.with_name("backups")


def back_up_daily(database: Path) -> None:
    """Make today's copy unless it is there; cheap when it is."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    if not _copy_of(database, today).exists():
        back_up(database, today)


def back_up(database: Path, name: str) -> None:
    """Copy the database while others use it; trouble leaves the earlier copies as they are.

    One that is damaged or lists no projects is not copied: it would push out a good one in time.
    """
    copy = _copy_of(database, name)
    part = copy.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    with suppress(OSError, sqlite3.Error):
        try:
            copy.parent.mkdir(exist_ok=True)
            with closing(_reading(database)) as source, closing(sqlite3.connect(part)) as target:
                source.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")  # one file
            if _projects(part):
                sync_files([part])
                os.replace(part, copy)
                sync_files([copy])
                for old in _copies(database)[KEPT:]:
                    old.unlink()
        finally:
            part.unlink(missing_ok=True)


def newest_backup(database: Path) -> Backup | None:
    """Return the newest copy that can be read from end to end."""
    for path in _copies(database):
        if projects := _projects(path):
            made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            return Backup(path, made, projects)
    return None


def put_aside(database: Path) -> None:
    """Give the database another name, so that a new one can take its place; nothing is deleted."""
    mark = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for suffix in _BESIDE:
        path = Path(f"{database}{suffix}")
        if path.exists():
            path.rename(database.with_name(f"{database.stem}-aside-{mark}.db{suffix}"))


def put_back(backup: Backup, database: Path) -> None:
    """Let a copy be the database; the present one is put aside.

    Raises:
        StorageFull: If the disk is full; the database is as it was.
    """
    part = database.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    with storage_errors("opening the backup"):
        try:
            part.write_bytes(backup.path.read_bytes())
            sync_files([part])
            put_aside(database)
            os.replace(part, database)
        finally:
            part.unlink(missing_ok=True)


def _copy_of(database: Path, name: str) -> Path:
    return backups_dir(database) / f"{database.stem}-{name}.db"


def _copies(database: Path) -> list[Path]:
    """Return the copies, the newest first."""
    found = backups_dir(database).glob(f"{database.stem}-*.db")
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _reading(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _projects(database: Path) -> int:
    """Return how many projects a database lists, 0 if it is damaged anywhere."""
    try:
        with closing(_reading(database)) as opened:
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
            (count,) = opened.execute("SELECT count(*) FROM projects").fetchone()
    except sqlite3.Error:
        return 0
    return count if found == "ok" else 0

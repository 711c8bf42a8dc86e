"""Files into the project: verified, deduplicated, with thumbnails; nothing skipped silently.

A bounded number of files is in flight, so that memory stays flat however many files there are.
"""

import hashlib
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from tl_core.errors import DatasetError, ImageFileError
from tl_core.images.files.decoding import in_parallel
from tl_core.images.files.sources import Skipped, SourceFile, uploaded_files
from tl_core.images.files.untrusted import PROCESSES, Decoders
from tl_core.images.queries import class_row, thumbnail_path
from tl_core.images.records import AddProgress, clean_class_name
from tl_core.images.saving import (
    First,
    Stored,
    copy_of,
    known_pictures,
    project_gone,
    save_batch,
)
from tl_core.images.undo import remember
from tl_core.workspace.database import ImageRow, session
from tl_core.workspace.interrupted import importing
from tl_core.workspace.reserve import require_space
from tl_core.workspace.storage import Workspace, write_unsynced

_THREADS = PROCESSES + 2  # some read and write while the processes decode
_PICTURES_PER_TRANSACTION = 64
_PROGRESS_EVERY_SECONDS = 0.5  # longest time between two words on progress


@dataclass(frozen=True)
class Offered:
    """A file whose bytes are not there yet."""

    file: SourceFile
    data: bytes
    digest: str
    has_row: bool


@dataclass(frozen=True)
class Again:
    """A file whose bytes came before, and were kept or refused then."""

    name: str
    class_name: str | None
    split: str | None
    digest: str


def add_images(
    workspace: Workspace,
    project_id: str,
    files: Iterable[SourceFile | Skipped],
    *,
    total: int | None = None,
) -> Iterator[AddProgress]:
    """Add files to the project while the caller asks for progress; the last value is the total.

    A picture that is there already (same bytes) is skipped, unless its file is missing or of
    another size: then it is put back. When the caller stops asking, what was finished by then is
    kept.

    Args:
        files: What to add, from `sources` or `samples`.
        total: Number of files, if known.

    Raises:
        WorkspaceError: If the project does not exist or is deleted meanwhile.
        StorageFull: If the disk is nearly full; what was added before is kept.
    """
    require_space(workspace, "adding pictures")
    known = known_pictures(workspace, project_id)
    skipped: list[Skipped] = []
    waiting: list[Stored | Skipped] = []
    done = added = 0
    last = time.monotonic()

    def save() -> int:
        stored, left_out = save_batch(workspace, project_id, waiting)
        unsaved.difference_update(one.facts.digest for one in waiting if isinstance(one, Stored))
        waiting.clear()
        skipped.extend(left_out)
        return stored

    with (
        importing(workspace, project_id, total) as unsaved,
        closing(_outcomes(workspace, project_id, files, known, unsaved)) as outcomes,
    ):
        try:
            for outcome in outcomes:
                if outcome is not None:
                    waiting.append(outcome)
                    done += 1
                late = time.monotonic() - last > _PROGRESS_EVERY_SECONDS
                if late or len(waiting) >= _PICTURES_PER_TRANSACTION:
                    added += save()
                    last = time.monotonic()
                    yield AddProgress(done=done, total=total, added=added, skipped=tuple(skipped))
                    require_space(workspace, "adding pictures")
        finally:
            added += save()
    yield AddProgress(done=done, total=total or done, added=added, skipped=tuple(skipped))


def add_picture(
    workspace: Workspace, project_id: str, name: str, content: bytes, class_name: str
) -> AddProgress:
    """Add one picture to a class, which may be new; it can be undone.

    Raises:
        DatasetError: If the class name is not usable.
        WorkspaceError: If the project does not exist.
        StorageFull: If the disk is full.
    """
    class_name = clean_class_name(class_name)
    with session(workspace, write=False) as opened:
        is_new = class_row(opened, project_id, class_name) is None
    offered = uploaded_files([(name, content)], class_name=class_name)
    *_, last = add_images(workspace, project_id, offered, total=1)
    if last.added:
        digest = hashlib.sha256(content).hexdigest()
        with session(workspace) as opened:
            row = class_row(opened, project_id, class_name)
            added = opened.scalars(
                select(ImageRow.id).where(
                    ImageRow.project_id == project_id, ImageRow.digest == digest
                )
            )
            remember(
                opened,
                project_id,
                f"add a picture to '{class_name}'",
                created=[row] if is_new and row else [],
                added=list(added),
            )
    return last


def _outcomes(
    workspace: Workspace,
    project_id: str,
    files: Iterable[SourceFile | Skipped],
    known: dict[str, First],
    unsaved: set[str],
) -> Generator[Stored | Skipped | None, None, None]:
    """Yield what became of each file, in order, and None when one of them takes long."""
    decoders = Decoders()
    refused: dict[str, str] = {}  # digest -> reason

    def store(new: Offered | Again | Skipped) -> Stored | Again | Skipped:
        if not isinstance(new, Offered):
            return new
        outcome = _store(workspace, project_id, new, decoders, unsaved)
        if isinstance(outcome, Skipped):
            refused[new.digest] = outcome.reason
        return outcome

    def new(file: SourceFile | Skipped) -> Offered | Again | Skipped:
        return file if isinstance(file, Skipped) else _read(workspace, project_id, file, known)

    for outcome in in_parallel(
        store,
        map(new, files),
        threads=_THREADS,
        ahead=1,
        patience=_PROGRESS_EVERY_SECONDS,
        stop=decoders.stop,
    ):
        if isinstance(outcome, Again):  # what became of the first one is known by now
            name, digest = outcome.name, outcome.digest
            same = copy_of(name, outcome.class_name, outcome.split, digest, known[digest])
            yield Skipped(name, refused[digest]) if digest in refused else same
        else:
            yield outcome


def _read(
    workspace: Workspace, project_id: str, file: SourceFile, known: dict[str, First]
) -> Offered | Again | Skipped:
    try:
        class_name = clean_class_name(file.class_name) if file.class_name is not None else None
        data = file.read()
    except (ImageFileError, DatasetError) as error:
        return Skipped(file.name, str(error).rstrip("."))
    except OSError as error:
        return Skipped(file.name, f"the file cannot be read ({error.strerror})")
    digest = hashlib.sha256(data).hexdigest()
    first = known.get(digest)
    if first is not None:
        thumbnail = thumbnail_path(workspace, project_id, digest)
        if first.original is None or (_size(first.original) == len(data) and _size(thumbnail)):
            return Again(file.name, class_name, file.split, digest)
    known[digest] = First(file.name, class_name)
    return Offered(replace(file, class_name=class_name), data, digest, first is not None)


def _store(
    workspace: Workspace, project_id: str, new: Offered, decoders: Decoders, unsaved: set[str]
) -> Stored | Skipped:
    file = new.file
    try:
        facts, thumbnail = decoders.examine(new.data, new.digest)
    except ImageFileError as error:
        return Skipped(file.name, str(error).rstrip("."))
    original = workspace.images_dir(project_id) / f"{new.digest}.{facts.extension}"
    small = thumbnail_path(workspace, project_id, new.digest)
    try:
        if _size(original) != len(new.data):  # else it is not this import's to take away again
            unsaved.add(new.digest)
            write_unsynced(original, new.data)
        write_unsynced(small, thumbnail)
    except FileNotFoundError as error:
        raise project_gone() from error
    files = (original, small)
    known = (file.name, file.class_name, file.split, file.group, facts, files, new.has_row)
    return Stored(*known, file.place)


def _size(path: Path) -> int:
    """Return a file's bytes, 0 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0

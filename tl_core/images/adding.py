"""Files into the project: verified, deduplicated, with thumbnails; nothing skipped silently.

Decoding runs in a few threads (Pillow lets go of the interpreter lock while it works) with a
bounded number of files in flight, so that memory stays flat however many files there are.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from tl_core.errors import DatasetError, ImageFileError, WorkspaceError
from tl_core.images.files.decoding import PictureFacts, examine, in_parallel
from tl_core.images.files.sources import Skipped, SourceFile
from tl_core.images.labels import add_class
from tl_core.images.queries import thumbnail_path
from tl_core.images.records import AddProgress, clean_class_name
from tl_core.workspace.database import ClassRow, ImageRow, ProjectRow, SkippedRow, session
from tl_core.workspace.names import printable
from tl_core.workspace.storage import Workspace, storage_errors, write_atomic

_DECODING_THREADS = max(2, min(4, os.cpu_count() or 1))
_PICTURES_PER_TRANSACTION = 64
_PROGRESS_EVERY_SECONDS = 0.5  # longest time between two words on progress


@dataclass(frozen=True)
class Stored:
    """A picture whose files are on disk and whose row is not there yet."""

    name: str
    class_name: str | None
    split: str | None
    group: str | None
    facts: PictureFacts


@dataclass(frozen=True)
class First:
    """Where a picture was seen first."""

    name: str
    class_name: str | None


def add_images(
    workspace: Workspace,
    project_id: str,
    files: Iterable[SourceFile | Skipped],
    *,
    total: int | None = None,
) -> Iterator[AddProgress]:
    """Add files to the project while the caller asks for progress; the last value is the total.

    A picture that is there already (same bytes) is skipped. When the caller stops asking, what
    was finished by then is kept.

    Args:
        files: What to add, from `sources` or `samples`.
        total: Number of files, if known.

    Raises:
        WorkspaceError: If the project does not exist or is deleted meanwhile.
        StorageFull: If the disk is full; what was added before is kept.
    """
    known = _known_pictures(workspace, project_id)
    skipped: list[Skipped] = []
    waiting: list[Stored | Skipped] = []
    done = added = 0
    last = time.monotonic()

    def save() -> int:
        stored, left_out = _save_batch(workspace, project_id, waiting)
        waiting.clear()
        skipped.extend(left_out)
        return stored

    try:
        for outcome in _outcomes(workspace, project_id, files, known):
            waiting.append(outcome)
            done += 1
            late = time.monotonic() - last > _PROGRESS_EVERY_SECONDS
            if late or len(waiting) >= _PICTURES_PER_TRANSACTION:
                added += save()
                last = time.monotonic()
                yield AddProgress(done=done, total=total, added=added, skipped=tuple(skipped))
    finally:
        added += save()
    yield AddProgress(done=done, total=total or done, added=added, skipped=tuple(skipped))


def _outcomes(
    workspace: Workspace,
    project_id: str,
    files: Iterable[SourceFile | Skipped],
    known: dict[str, First],
) -> Iterator[Stored | Skipped]:
    """Yield what became of each file, in order."""

    def store(new: tuple[SourceFile, bytes, str] | Skipped) -> Stored | Skipped:
        return new if isinstance(new, Skipped) else _store(workspace, project_id, *new)

    offered = (file if isinstance(file, Skipped) else _new(file, known) for file in files)
    return in_parallel(store, offered, threads=_DECODING_THREADS)


def _new(file: SourceFile, known: dict[str, First]) -> tuple[SourceFile, bytes, str] | Skipped:
    """Read the file, unless it is one that is there already."""
    try:
        class_name = clean_class_name(file.class_name) if file.class_name is not None else None
        data = file.read()
    except (ImageFileError, DatasetError) as error:
        return Skipped(file.name, str(error).rstrip("."))
    except OSError as error:
        return Skipped(file.name, f"the file cannot be read ({error.strerror})")
    file = replace(file, class_name=class_name)
    digest = hashlib.sha256(data).hexdigest()
    if digest in known:
        return Skipped(file.name, _duplicate_reason(class_name, known[digest]))
    known[digest] = First(file.name, class_name)
    return file, data, digest


def _store(
    workspace: Workspace, project_id: str, file: SourceFile, data: bytes, digest: str
) -> Stored | Skipped:
    try:
        facts, thumbnail = examine(data, digest=digest)
    except ImageFileError as error:
        return Skipped(file.name, str(error).rstrip("."))
    original = workspace.images_dir(project_id) / f"{digest}.{facts.extension}"
    try:
        if not original.exists():  # as after an interruption; a file is whole or not there
            write_atomic(original, data)
        write_atomic(thumbnail_path(workspace, project_id, digest), thumbnail)
    except FileNotFoundError as error:
        raise _project_gone() from error
    return Stored(file.name, file.class_name, file.split, file.group, facts)


def _known_pictures(workspace: Workspace, project_id: str) -> dict[str, First]:
    """Return all pictures of the project by digest; also makes sure of its folders.

    Raises:
        WorkspaceError: If the project does not exist.
    """
    with session(workspace, write=False) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise _project_gone()
        known = _first_seen(opened, project_id)
    with storage_errors("adding pictures"):
        for folder in (workspace.images_dir(project_id), workspace.thumbnails_dir(project_id)):
            folder.mkdir(parents=True, exist_ok=True)
    return known


def _save_batch(
    workspace: Workspace, project_id: str, outcomes: list[Stored | Skipped]
) -> tuple[int, list[Skipped]]:
    """Write one batch; return how many pictures went in and what did not.

    Raises:
        WorkspaceError: If the project was deleted meanwhile.
    """
    if not outcomes:
        return 0, []
    with session(workspace) as opened:
        if opened.get(ProjectRow, project_id) is None:
            raise _project_gone()
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        digests = ImageRow.digest.in_([one.facts.digest for one in stored])  # of one batch: few
        there = _first_seen(opened, project_id, digests)
        new, left_out = [], []
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                left_out.append(Skipped(printable(outcome.name), outcome.reason))
            elif outcome.facts.digest in there:  # another window was faster
                reason = _duplicate_reason(outcome.class_name, there[outcome.facts.digest])
                left_out.append(Skipped(printable(outcome.name), reason))
            else:
                new.append(outcome)
        _insert(opened, project_id, new)
        if left_out:
            rows = [{"project_id": project_id, **vars(one)} for one in left_out]
            opened.execute(insert(SkippedRow), rows)
    return len(new), left_out


def _insert(opened: Session, project_id: str, new: list[Stored]) -> None:
    classes = {
        row.name: row.id
        for row in opened.scalars(select(ClassRow).where(ClassRow.project_id == project_id))
    }
    for name in dict.fromkeys(one.class_name for one in new if one.class_name is not None):
        if name not in classes:
            classes[name] = add_class(opened, project_id, name).id
    rows = [
        {
            "project_id": project_id,
            "digest": one.facts.digest,
            "extension": one.facts.extension,
            "name": printable(one.name) or one.facts.digest[:8],
            "width": one.facts.width,
            "height": one.facts.height,
            "class_id": classes.get(one.class_name),
            "excluded": False,
            "split_given": one.split,
            "group": one.group,
        }
        for one in new
    ]
    if rows:
        opened.execute(insert(ImageRow), rows)


def _first_seen(opened: Session, project_id: str, *which: ColumnElement) -> dict[str, First]:
    """Return the project's pictures by digest."""
    wanted = (
        select(ImageRow.digest, ImageRow.name, ClassRow.name)
        .outerjoin(ClassRow, ClassRow.id == ImageRow.class_id)
        .where(ImageRow.project_id == project_id, *which)
    )
    return {digest: First(*first) for digest, *first in opened.execute(wanted)}


def _duplicate_reason(class_name: str | None, first: First) -> str:
    same = f"exactly the same picture as '{printable(first.name)}'"
    if first.class_name is None:
        return f"{same}, which has no class yet"
    if class_name is None or class_name == first.class_name:
        return f"{same} in class '{first.class_name}'"
    return (
        f"{same}, which is in class '{first.class_name}' and stays there; "
        f"if '{class_name}' is right, move it"
    )


def _project_gone() -> WorkspaceError:
    return WorkspaceError("The project was deleted while pictures were being added.")

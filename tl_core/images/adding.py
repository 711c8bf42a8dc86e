"""Files into the project: verified, deduplicated, with thumbnails; nothing skipped silently.

Decoding runs in a few threads (Pillow lets go of the interpreter lock while it works) with a
bounded number of files in flight, so that memory stays flat however many files there are.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from tl_core.errors import DatasetError, ImageFileError
from tl_core.images.decoding import examine
from tl_core.images.queries import thumbnail_path
from tl_core.images.records import AddProgress, clean_class_name
from tl_core.images.saving import (
    First,
    Stored,
    duplicate_reason,
    known_pictures,
    project_gone,
    save_batch,
)
from tl_core.images.sources import Skipped, SourceFile
from tl_core.workspace.storage import Workspace, write_atomic

_THREADS = max(2, min(4, os.cpu_count() or 1))
_IN_FLIGHT = 2 * _THREADS
_BATCH = 64  # pictures per transaction
_SECONDS = 0.5  # longest time between two words on progress


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
        workspace: Where the project lives.
        project_id: The project.
        files: What to add, from `imagefiles` or `samples`.
        total: Number of files, if known.

    Raises:
        WorkspaceError: If the project does not exist or is deleted meanwhile.
        StorageFull: If the disk is full; what was added before is kept.
    """
    known = known_pictures(workspace, project_id)
    skipped: list[Skipped] = []
    waiting: list[Stored | Skipped] = []
    done = added = 0
    last = time.monotonic()

    def save() -> int:
        stored, left_out = save_batch(workspace, project_id, waiting)
        waiting.clear()
        skipped.extend(left_out)
        return stored

    try:
        for outcome in _outcomes(workspace, project_id, files, known):
            waiting.append(outcome)
            done += 1
            if len(waiting) >= _BATCH or time.monotonic() - last > _SECONDS:
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
    pending: deque[Skipped | Future[Stored | Skipped]] = deque()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="add-images")

    def oldest() -> Stored | Skipped:
        outcome = pending.popleft()
        return outcome if isinstance(outcome, Skipped) else outcome.result()

    try:
        for file in files:
            new = file if isinstance(file, Skipped) else _new(file, known)
            if not isinstance(new, Skipped):
                new = pool.submit(_store, workspace, project_id, *new)
            pending.append(new)
            if len(pending) >= _IN_FLIGHT:
                yield oldest()
        while pending:
            yield oldest()
    finally:
        pool.shutdown(cancel_futures=True)


def _new(file: SourceFile, known: dict[str, First]) -> tuple[SourceFile, bytes, str] | Skipped:
    """Read the file, unless it is one that is there already."""
    try:
        class_name = clean_class_name(file.class_name) if file.class_name is not None else None
        data = file.read()
    except (ImageFileError, DatasetError) as error:
        return Skipped(file.name, str(error).rstrip("."))
    except OSError as error:
        return Skipped(file.name, f"the file cannot be read ({error.strerror})")
    file = SourceFile(file.name, file.read, class_name, file.split)
    digest = hashlib.sha256(data).hexdigest()
    if digest in known:
        return Skipped(file.name, duplicate_reason(class_name, known[digest]))
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
        raise project_gone() from error
    return Stored(file.name, file.class_name, file.split, facts)

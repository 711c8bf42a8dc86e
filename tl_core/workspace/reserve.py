"""Space kept back, so that a full disk is no dead end: deleting needs a little to write."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress

from tl_core.errors import StorageFull
from tl_core.workspace.storage import Workspace

RESERVE_BYTES = 16 * 2**20  # what the database may write to delete a large project
LEAST_FREE_BYTES = 100 * 2**20  # below this nothing is added: trainings and answers come first


def keep_reserve(workspace: Workspace) -> None:
    """Set the reserve aside if it is not there and the disk has room."""
    file = workspace.root / "reserve"
    with suppress(OSError):
        if file.exists() or shutil.disk_usage(workspace.root).free < LEAST_FREE_BYTES:
            return
        with file.open("wb") as opened:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(opened.fileno(), 0, RESERVE_BYTES)
            else:
                for _ in range(RESERVE_BYTES >> 20):
                    opened.write(bytes(2**20))


def with_reserve(workspace: Workspace, delete: Callable[[], None]) -> None:
    """Delete something, with the reserve freed if the disk is too full even for that.

    Raises:
        StorageFull: If it still is.
    """
    try:
        delete()
    except StorageFull:
        (workspace.root / "reserve").unlink(missing_ok=True)
        delete()
    keep_reserve(workspace)


def require_space(workspace: Workspace, what: str) -> None:
    """Refuse to add things while there is hardly any space; `what` completes "... needs".

    Raises:
        StorageFull: If less than `LEAST_FREE_BYTES` are free.
    """
    free = shutil.disk_usage(workspace.root).free
    if free < LEAST_FREE_BYTES:
        raise StorageFull(
            f"Only {free / 2**20:.0f} MB are free on the disk; {what} needs at least "
            f"{LEAST_FREE_BYTES / 2**20:.0f} MB, so that trainings can still be saved. Free some "
            "space, or delete projects that you no longer need, and try again."
        )

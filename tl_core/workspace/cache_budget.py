"""How much disk the caches of a workspace may take, and what goes first."""

import os
import shutil
from pathlib import Path

from tl_core.workspace.storage import Workspace

DEFAULT_GIGABYTES = 5.0


def budget_bytes() -> int:
    """Return the bound on all cached values of a workspace (TL_CACHE_GB)."""
    try:
        gigabytes = float(os.environ.get("TL_CACHE_GB", DEFAULT_GIGABYTES))
    except ValueError:
        gigabytes = DEFAULT_GIGABYTES
    return int(max(0.0, gigabytes) * 2**30)


def mark_used(shelf: Path) -> None:
    """Note that a shelf was used just now: it goes last."""
    shelf.mkdir(parents=True, exist_ok=True)
    os.utime(shelf)


def make_room(workspace: Workspace, wanted: int, *, keep: set[Path]) -> bool:
    """Delete the least recently used shelves until `wanted` bytes in `keep` fit into the budget.

    Returns:
        Whether they fit; shelves in `keep` are never deleted.
    """
    shelves = list(workspace.projects_dir.glob("*/features/*"))
    sizes = {shelf: _size(shelf) for shelf in shelves}
    room = budget_bytes() - sum(size for shelf, size in sizes.items() if shelf not in keep)
    for shelf in sorted(shelves, key=_last_used):
        if room >= wanted:
            break
        if shelf not in keep:
            shutil.rmtree(shelf, ignore_errors=True)
            room += sizes[shelf] - _size(shelf)
    return room >= wanted


def _last_used(shelf: Path) -> float:
    try:
        return shelf.stat().st_mtime
    except OSError:
        return 0.0


def _size(shelf: Path) -> int:
    total = 0
    for path in shelf.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # deleted meanwhile
    return total

"""Thousands of damaged pictures and hundreds of archives: nothing ends, nothing takes too much."""

import io
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tests import hostile
from tl_core.errors import ImageFileError, TLCoreError
from tl_core.images import add_images, zip_files
from tl_core.images.files import untrusted
from tl_core.images.files.untrusted import Decoders
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

PICTURES, ARCHIVES, SEED = 3000, 300, 2026


class Watch:
    """Adds up what happens to file after file.

    Attributes:
        counts: "read", "refused", "crash" (anything but a sentence), "process ended".
        slowest: Most processor seconds of one file, in this process and the decoding one, and
            which file it was.
        peak: Most memory of a decoding process, in gigabytes.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.slowest = (0.0, "")
        self.peak = 0.0

    def one(self, name: str, work: Callable[[], object]) -> None:
        before, began = _decoding(), _processor_seconds()
        try:
            work()
            self.counts["read"] += 1
        except TLCoreError:
            self.counts["refused"] += 1
        except Exception:
            self.counts["crash"] += 1
            print(name, traceback.format_exc())
        self.slowest = max(self.slowest, (_processor_seconds() - began, name))
        after = _decoding()
        self.counts["process ended"] += len(before - after)
        self.peak = max([self.peak, *map(_peak, after)])


def measure(_data: Path) -> Measured:
    untrusted.PROCESSES = 1  # so that what a file takes is told apart from what others take
    decoders, pictures, archives = Decoders(), Watch(), Watch()
    for name, data in hostile.mutated_pictures(PICTURES - len(hostile.GREEDY), seed=SEED):
        pictures.one(name, lambda data=data: decoders.examine(data, "0" * 64))
    for name, make in hostile.GREEDY.items():
        data = make()
        pictures.one(name, lambda data=data: decoders.examine(data, "0" * 64))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        for name, data in hostile.hostile_archives(ARCHIVES, seed=SEED):
            archives.one(name, lambda name=name, data=data: _import(workspace, name, data))
    tables = [
        _table(f"{PICTURES:,} damaged and greedy pictures", pictures),
        _table(f"{ARCHIVES:,} damaged and crafted archives, imported", archives),
    ]
    return Measured(tables, {"pictures": pictures.counts, "archives": archives.counts})


def _import(workspace: Workspace, name: str, data: bytes) -> None:
    project = create_project(workspace, name).id
    *_, last = add_images(workspace, project, zip_files(io.BytesIO(data)))
    if not last.added:
        raise ImageFileError("nothing in it could be read")


def _table(title: str, watch: Watch) -> Table:
    counts = watch.counts
    rows = [
        goal("crashes", counts["crash"], most=0, form="{:.0f}"),
        goal("read", counts["read"], form="{:.0f}"),
        goal("refused with a sentence", counts["refused"], form="{:.0f}"),
        goal("decoding processes that ended", counts["process ended"], form="{:.0f}"),
        goal(f"slowest: {watch.slowest[1]}, s of processor", watch.slowest[0], most=10),
        goal("peak memory of the decoding process, GB", watch.peak, most=1),
    ]
    return Table(title, GOALS, rows)


def _decoding() -> set[psutil.Process]:
    """Return the decoding processes that live."""
    found = psutil.Process().children()
    return {one for one in found if one.status() != psutil.STATUS_ZOMBIE}


def _processor_seconds() -> float:
    """Return the processor seconds of this process and of all that it started."""
    own = psutil.Process().cpu_times()
    times = [own, *(one.cpu_times() for one in _decoding())]
    return sum(one.user + one.system for one in times) + own.children_user + own.children_system


def _peak(process: psutil.Process) -> float:
    """Return the most memory that a process ever took, in gigabytes (now, where not on Linux)."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 1e9
    lines = status.read_text().splitlines()
    return max(int(one.split()[1]) * 1024 / 1e9 for one in lines if one.startswith("VmHWM"))

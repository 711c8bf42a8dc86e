"""Seconds and memory of a probe's training for more and more pictures.

The pictures are those of every set in the folder, evenly drawn; the class is the set.
"""

import shutil
import tempfile
from pathlib import Path

import psutil

from benchmarks.measuring.peak import Peak
from benchmarks.measuring.projects import has_pictures, known_machine, train, workspace_on
from benchmarks.measuring.table import Measured, Table
from tl_core.images import SourceFile, folder_files

SIZES = (100, 400, 1600)
COLUMNS = (
    "pictures", "seconds", "features", "regression", "measuring", "ms per picture",
    "peak memory, GB",
)  # fmt: skip


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, "ants_and_bees/train"):
        return None
    rows, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        machine = known_machine(data)
        for size in SIZES:
            drawn = _draw(data, size, place / f"pictures {size}")
            workspace = workspace_on(machine, place / str(size))
            with Peak(psutil.Process().children) as peak:
                seconds = train(drawn, workspace)["seconds"]
            pictures = sum(1 for _ in drawn.glob("*/*"))
            parts = [seconds[name] for name in ("total", "features", "probe", "evaluate")]
            each = f"{1000 * parts[0] / pictures:.1f}"
            rows.append([pictures, *(f"{s:.2f}" for s in parts), each, f"{peak.gigabytes:.2f}"])
            sizes.append({"pictures": pictures, "gigabytes": peak.gigabytes, **seconds})
    return Measured([Table("A probe, by number of pictures", COLUMNS, rows)], {"sizes": sizes})


def _draw(data: Path, count: int, folder: Path) -> Path:
    """Copy about `count` pictures into `folder`, one class per set."""
    sets = sorted(path for path in data.iterdir() if path.is_dir())
    if len(sets) == 1:  # then its own classes
        sets = sorted(path for path in sets[0].rglob("*") if any(path.glob("*.*")))
    found = [
        (one.name, data / one.name / file.name)
        for one in sets
        for file in folder_files(one)
        if isinstance(file, SourceFile)
    ]
    for number in range(min(count, len(found))):
        name, path = found[number * len(found) // min(count, len(found))]
        target = folder / name / f"{number}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder

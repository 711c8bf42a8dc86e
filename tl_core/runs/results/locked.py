"""What came out for a run on the locked test part."""

from dataclasses import dataclass
from pathlib import Path

from tl_core.images import LockedTest
from tl_core.runs.record import Run
from tl_core.workspace.json_values import read_json, write_json

FILE = "locked.json"


@dataclass(frozen=True, kw_only=True)
class LockedResult:
    """What came out for a run on the locked test part: `correct` of `n` pictures.

    `opened`: how often the part had been opened then.
    """

    correct: int
    n: int
    opened: int


def began_before(run: Run, locked: LockedTest) -> bool:
    """Whether a run may have learnt from pictures that were locked afterwards."""
    return locked.created is not None and (run.started or run.created) < locked.created


def write_locked_result(run_dir: Path, result: LockedResult) -> None:
    write_json(run_dir / FILE, result)


def read_locked_result(run_dir: Path) -> LockedResult | None:
    """Return what was found for this run, or None if nobody has looked."""
    return read_json(run_dir / FILE, LockedResult)

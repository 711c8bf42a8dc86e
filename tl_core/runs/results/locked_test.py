"""What came out when somebody opened the locked test part for a run; kept in the run's folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_core.images import LockedTest
from tl_core.runs import Run
from tl_core.workspace.storage import write_atomic

_FILE = "locked.json"


@dataclass(frozen=True, kw_only=True)
class LockedResult:
    """`correct` of `n` locked pictures; `opened`: how often the part had been opened then."""

    correct: int
    n: int
    opened: int


def began_before(run: Run, locked: LockedTest) -> bool:
    """Whether a run may have learnt from pictures that were locked afterwards."""
    return locked.created is not None and (run.started or run.created) < locked.created


def write_locked_result(run_dir: Path, result: LockedResult) -> None:
    write_atomic(run_dir / _FILE, json.dumps(asdict(result)).encode())


def read_locked_result(run_dir: Path) -> LockedResult | None:
    """Return what was found for this run, or None if nobody has looked."""
    try:
        return LockedResult(**json.loads((run_dir / _FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None

"""What was measured on this machine, kept for every process and every later start."""

import math
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tl_core.workspace.json_values import UNREADABLE, read_json, value_of, write_json
from tl_core.workspace.storage import Workspace, storage_errors

REPEAT_AFTER_SECONDS = 600.0


@dataclass(frozen=True)
class _Least:
    """The least seconds that something took, and when that was measured."""

    seconds: float
    when: float


class MachineMemo:
    """JSON values by name in one file of the user's; damaged content counts as none.

    Args:
        workspace: Says where that is.
        computing: On what this process computes, as "cpu, 2 threads": what was measured on
            something else is not found.
    """

    def __init__(self, workspace: Workspace, computing: str) -> None:
        self._file = workspace.machine_dir / "measured.json"
        processor = platform.processor() or platform.machine()
        self._here = f"{platform.node()}, {processor}, {computing}"

    def get(self, name: str, kind: Any = Any) -> Any:
        """Return the value of that name as `kind`, None if there is none."""
        found = self._read().get(self._key(name))
        with suppress(*UNREADABLE):
            return None if found is None else value_of(kind, found)
        return None

    def put(self, name: str, value: Any) -> None:
        """Keep a JSON-able value.

        Raises:
            StorageFull: If the disk is full.
        """
        with storage_errors():
            self._file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._file, {**self._read(), self._key(name): value})

    def least_seconds(self, name: str, measure: Callable[[], float]) -> float:
        """Return the least that was measured so far; from time to time it is measured again.

        The machine may have been busy: an expectation must not stay too high for ever.
        """
        known = self.get(name, _Least)
        if known is None or time.time() - known.when > REPEAT_AFTER_SECONDS:
            seconds = min(measure(), known.seconds if known else math.inf)
            known = _Least(round(seconds, 6), time.time())
            self.put(name, asdict(known))
        return known.seconds

    def _key(self, name: str) -> str:
        return f"{name} | {self._here}"

    def _read(self) -> dict[str, Any]:
        return read_json(self._file, dict) or {}


def networks_dir(workspace: Workspace) -> Path:
    """Return the folder of networks that were converted for this machine."""
    return workspace.machine_dir / "networks"

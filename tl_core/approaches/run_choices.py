"""How a run computes, decided once and kept in its folder: a resumed run goes on as it began.

What is the fastest may be answered otherwise tomorrow; other arithmetic gives other last digits.
"""

import json
from pathlib import Path
from typing import Any

from tl_core.workspace.storage import write_atomic

FILE = "computing.json"


def choice(run_dir: Path, name: str) -> Any:
    """Return what this run chose under `name`, plain JSON; None if nothing yet."""
    return _choices(run_dir).get(name)


def keep_choice(run_dir: Path, name: str, value: Any) -> None:
    run_dir.mkdir(parents=True, exist_ok=True)
    content = {**_choices(run_dir), name: value}
    write_atomic(run_dir / FILE, json.dumps(content, indent=1).encode())


def _choices(run_dir: Path) -> dict[str, Any]:
    try:
        return json.loads((run_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}

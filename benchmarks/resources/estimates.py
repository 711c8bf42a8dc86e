"""Seconds expected before a training against those that it then took, phase by phase.

The first set is expected from what was measured on a few pictures, the others from what the sets
before them took.
"""

import tempfile
from pathlib import Path

from benchmarks.measuring.projects import (
    asked,
    has_pictures,
    known_machine,
    remember,
    train,
    workspace_on,
)
from benchmarks.measuring.table import Measured, Table
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace

SETS = ("ants_and_bees/train", "sign_digits", "neu_steel6")
STRATEGIES = ("recommended", "fine-tune", "improve")
FACTOR = 1.5
SHORT = 0.5  # seconds by which a phase may always be wrong: nobody notices
COLUMNS = ("set", "strategy", "phase", "expected, s", "took, s", "factor", "within 1.5")


def measure(data: Path) -> Measured | None:
    sets = [name for name in SETS if has_pictures(data, name)]
    if not sets:
        return None
    rows, figures = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        machine = known_machine(data)
        for name in sets:
            for strategy in STRATEGIES:
                root = workspace_on(machine, place / f"{Path(name).parts[0]} {strategy}")
                project, _ = project_of_folder(open_workspace(root), data / name, None)
                expected = asked("estimated", root, project, strategy)
                took = train(data / name, root, strategy=strategy)["seconds"]
                remember(root, machine)  # the next sets are expected from what this one took
                rows += _rows(name, strategy, expected, took)
                figures.append(
                    {"set": name, "strategy": strategy, "expected": expected, "took": took}
                )
    remark = f"A phase that is wrong by less than {SHORT} s counts as within; the total does not."
    return Measured([Table("Estimates", COLUMNS, rows, (remark,))], {"trainings": figures})


def _rows(name: str, strategy: str, expected: dict, took: dict) -> list[tuple]:
    rows = []
    for phase in took:
        before, after = float(expected.get(phase) or 0.0), took[phase]
        close = phase != "total" and abs(before - after) < SHORT
        factor = before / after if after and before else 0.0
        within = close or 1 / FACTOR <= factor <= FACTOR
        numbers = (f"{before:.2f}", f"{after:.2f}", f"{factor:.2f}" if factor else "-")
        if before or after:
            rows.append((name, strategy, phase, *numbers, "yes" if within else "NO"))
    return rows

"""What assessments have found and answered, kept so that another run can go on from it.

It knows runs and their files; `assessment_job` knows what is to be done.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tl_core import runs
from tl_core.evaluation.out_of_fold import OutOfFold
from tl_core.runs.results.assessment import Assessment, read_assessment
from tl_core.workspace.storage import Workspace, write_atomic

ANSWERS_FILE = "out_of_fold.npz"
_SAME = ("backbone", "labels_digest", "digests", "how", "seed")


@dataclass(frozen=True)
class Findings:
    """What lies in a run's `folder`: `found`, and the `answers` behind it by their bar's name."""

    folder: Path
    found: Assessment
    answers: dict[str, OutOfFold]


def earlier_findings(
    workspace: Workspace, run_id: str, wanted: Assessment, labels: np.ndarray
) -> Findings | None:
    """Return what this run, or else the newest other one, found on the same pictures and folds.

    Args:
        workspace: Where the project is.
        run_id: Looked at first.
        wanted: Names the pictures, their labels, the folds and the backbone.
        labels: Of the pictures that are measured, int64 (n,).
    """
    earlier = [run.id for run in runs.list_runs(workspace, wanted.project_id, "assess")]
    for one in dict.fromkeys([run_id, *earlier]):
        folder = workspace.run_dir(wanted.project_id, one)
        found = read_assessment(folder)
        if found is None or any(getattr(found, n) != getattr(wanted, n) for n in _SAME):
            continue
        answers = _read_answers(folder, labels)
        if answers is not None:
            return Findings(folder, found, answers)
    return None


def write_answers(
    run_dir: Path, digests: tuple[str, ...], labels: np.ndarray, answers: Mapping[str, OutOfFold]
) -> None:
    """Store logits per bar beside digests and labels; raises StorageFull."""
    content = io.BytesIO()
    logits = {name: one.logits for name, one in answers.items()}
    np.savez_compressed(content, digests=np.array(digests, "U64"), labels=labels, **logits)
    write_atomic(run_dir / ANSWERS_FILE, content.getvalue())


def _read_answers(folder: Path, labels: np.ndarray) -> dict[str, OutOfFold] | None:
    try:
        with np.load(folder / ANSWERS_FILE, allow_pickle=False) as arrays:
            if not np.array_equal(arrays["labels"], labels):
                return None
            names = set(arrays.files) - {"digests", "labels"}
            return {name: OutOfFold(arrays[name], labels) for name in sorted(names)}
    except (OSError, ValueError, KeyError, BadZipFile):
        return None

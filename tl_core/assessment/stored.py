"""What an assessment has found so far, kept in its run's folder for pages and for later runs."""

import io
import shutil
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tl_core import runs
from tl_core.assessment.inputs import Compared, Request
from tl_core.evaluation.out_of_fold import Division, OutOfFold
from tl_core.runs.results.assessment import (
    VERSION,
    Assessment,
    Measured,
    labels_digest,
    read_assessment,
    write_assessment,
)
from tl_core.workspace.storage import storage_errors, write_atomic

ANSWERS_FILE = "out_of_fold.npz"
SCRATCH = "scratch"  # the folder in which the whole network learns from scratch
_SAME = ("backbone", "labels_digest", "digests", "folds", "seed", "version")


@dataclass(frozen=True)
class Found:
    """Results for pages, and behind the measured bars their `answers` by the bar's name."""

    assessment: Assessment
    answers: dict[str, OutOfFold] = field(default_factory=dict)

    def adding(self, **changes: object) -> "Found":
        return replace(self, assessment=replace(self.assessment, **changes))

    def noting(self, text: str) -> "Found":
        notes = self.assessment.notes
        return self if text in notes else self.adding(notes=(*notes, text))

    def measuring(self, bar: Measured, answers: OutOfFold | None = None) -> "Found":
        """Return it with a bar; one of the same name is replaced."""
        others = [one for one in self.assessment.measured if one.name != bar.name]
        found = self.adding(measured=(*others, bar))
        known = {bar.name: answers} if answers else {}
        return replace(found, answers={**self.answers, **known})


def begin(request: Request, now: Compared, total: tuple[str, ...]) -> Found:
    """Return what this run, or else an earlier one on the same pictures and folds, has found."""
    fresh = Assessment(
        project_id=request.project_id,
        backbone=request.backbone.name,
        labels_digest=labels_digest(now.images),
        digests=now.digests,
        folds=len(now.division.folds),
        seed=request.seed,
        version=VERSION,
        total=total,
    )
    found = _earlier(request, fresh, now.division) or Found(fresh)
    for name in now.unmeasured:
        found = found.noting(
            f"All pictures of '{name}' belong to one group, so none could be held out: only the "
            "other classes were measured."
        )
    return found


def write(run_dir: Path, found: Found) -> None:
    """Store it, the answers first; raises StorageFull."""
    if found.answers:
        content = io.BytesIO()
        labels = next(iter(found.answers.values())).labels
        logits = {name: one.logits for name, one in found.answers.items()}
        np.savez_compressed(content, _labels=labels, **logits)
        write_atomic(run_dir / ANSWERS_FILE, content.getvalue())
    write_assessment(run_dir, found.assessment)


def _earlier(request: Request, wanted: Assessment, division: Division) -> Found | None:
    workspace, project_id = request.workspace, request.project_id
    earlier = [run.id for run in runs.list_runs(workspace, project_id, "assess")]
    for run_id in dict.fromkeys([request.run_id, *earlier]):
        folder = workspace.run_dir(project_id, run_id)
        known = read_assessment(folder)
        if known is None or any(getattr(known, n) != getattr(wanted, n) for n in _SAME):
            continue
        answers = _read_answers(folder, division)
        if answers is not None:
            done = tuple(part for part in known.done if part in wanted.total)
            _take_over_scratch(folder, request, done)
            return Found(replace(known, total=wanted.total, done=done), answers)
    return None


def _take_over_scratch(folder: Path, request: Request, done: tuple[str, ...]) -> None:
    """Go on with a training from scratch that an earlier run has begun."""
    begun, here = folder / SCRATCH, request.run_dir / SCRATCH
    if request.scratch and "scratch" not in done and begun.is_dir() and not here.exists():
        with storage_errors("taking over what was trained"):
            shutil.copytree(begun, here)


def _read_answers(folder: Path, division: Division) -> dict[str, OutOfFold] | None:
    labels, groups = division.labels[division.rows], division.groups[division.rows]
    try:
        with np.load(folder / ANSWERS_FILE, allow_pickle=False) as arrays:
            if not np.array_equal(arrays["_labels"], labels):
                return None
            names = set(arrays.files) - {"_labels"}
            return {name: OutOfFold(arrays[name], labels, groups) for name in sorted(names)}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error):
        return None

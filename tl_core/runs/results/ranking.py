"""How well several backbones suit a project's pictures, as values that pages read.

Light: standard library only. A run of kind "rank" rewrites `ranking.json` after each backbone;
its configuration lists the backbones as JSON under "backbones".
"""

from dataclasses import dataclass
from pathlib import Path

from tl_core.workspace.json_values import is_damaged, read_json, write_json

FILE = "ranking.json"


@dataclass(frozen=True, kw_only=True)
class RankedBackbone:
    """One backbone on the person's pictures; accuracies and `interval` (95 %) are fractions.

    `accuracy` is the recommended probe's, over the same division for every backbone;
    `knn_accuracy` that of the nearest neighbours; `seconds` is what looking at all pictures took
    here.
    """

    name: str
    title: str
    accuracy: float
    interval: tuple[float, float]
    correct: int
    n: int
    knn_accuracy: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All backbones that are there so far.

    `labels_digest` is `assessment.labels_digest` of the pictures, which were cross-validated in
    `folds`; `total` names the backbones that were asked for; `as_good` those within one standard
    error of the best, the fastest first; `notes` what was left out and why.
    """

    project_id: str
    labels_digest: str
    folds: int
    total: tuple[str, ...]
    entries: tuple[RankedBackbone, ...] = ()
    as_good: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def recommended(self) -> str | None:
        """The name of the fastest backbone within one standard error of the best."""
        return next(iter(self.as_good), None)


def write_ranking(run_dir: Path, ranking: Ranking) -> None:
    """Store it, replacing what was there at once; raises StorageFull."""
    write_json(run_dir / FILE, ranking)


def read_ranking(run_dir: Path) -> Ranking | None:
    """Return what is there so far; None before the first one, or for another version's file."""
    return read_json(run_dir / FILE, Ranking)


def has_damaged_ranking(run_dir: Path) -> bool:
    return is_damaged(run_dir / FILE, Ranking)

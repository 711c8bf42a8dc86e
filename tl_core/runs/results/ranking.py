"""How well several backbones suit a project's pictures, as values that pages read.

Light: standard library only. A run of kind "rank" rewrites `ranking.json` after each backbone;
its configuration lists the backbones as JSON under "backbones".
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_core.workspace.json_values import value_of
from tl_core.workspace.storage import write_atomic

FILE = "ranking.json"


@dataclass(frozen=True, kw_only=True)
class RankedBackbone:
    """One backbone on the person's pictures; accuracies and `interval` (95 %) are fractions.

    `accuracy` is a cross-validated linear probe's, over the same folds for every backbone;
    `knn_accuracy` that of the nearest neighbours; `seconds` is what looking at all pictures took
    here. `logme` and `h_score` have no unit; None where they cannot be computed.
    """

    name: str
    title: str
    accuracy: float
    interval: tuple[float, float]
    correct: int
    n: int
    knn_accuracy: float
    seconds: float
    logme: float | None = None
    h_score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All backbones that are there so far.

    `labels_digest` is `assessments.labels_digest` of the pictures; `total` names the backbones
    that were asked for; `recommended` the fastest one within one standard error of the best;
    `how` says how the pictures were divided; `notes` what was left out and why.
    """

    project_id: str
    labels_digest: str
    how: str
    total: tuple[str, ...]
    entries: tuple[RankedBackbone, ...] = ()
    recommended: str | None = None
    sentence: str = ""
    notes: tuple[str, ...] = ()


def write_ranking(run_dir: Path, ranking: Ranking) -> None:
    """Store it, replacing what was there at once; raises StorageFull."""
    write_atomic(run_dir / FILE, json.dumps(asdict(ranking), ensure_ascii=False).encode())


def read_ranking(run_dir: Path) -> Ranking | None:
    """Return what is there so far; None before the first one, or for another version's file."""
    try:
        return value_of(Ranking, json.loads((run_dir / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None

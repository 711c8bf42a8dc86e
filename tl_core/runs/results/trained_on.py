"""Which labels a training learnt from, what has changed since, and how its model does on that."""

from dataclasses import dataclass
from pathlib import Path

from tl_core.images import picture_rows
from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.storage import Workspace

FILE = "trained_on.json"


@dataclass(frozen=True, kw_only=True)
class Since:
    """What has changed since a training began; pictures by digest.

    Args:
        labels: How many labelled pictures it was given.
        added: Pictures that were not there.
        labelled: Of these and of those without a label then, the ones that have one now, with it.
        relabelled: How many have another label.
        gone: How many labelled ones are excluded, deleted or without a label.
    """

    labels: int
    added: tuple[str, ...]
    labelled: dict[str, str]
    relabelled: int
    gone: int


@dataclass(frozen=True, kw_only=True)
class NewPictures:
    """What a model says of pictures that it did not learn from, all added or labelled since.

    `correct` of the `labelled` ones of its classes are right; `unlike` of all `n` are farther from
    the training pictures than 95 % of these from one another, None if the model cannot tell.
    """

    n: int
    unlike: int | None
    labelled: int
    correct: int


def write_trained_on(workspace: Workspace, project_id: str, run_dir: Path) -> None:
    """Note the class of every picture as it is now; None for those that are not learnt from."""
    rows = picture_rows(workspace, project_id)
    labels = {row.digest: None if row.locked else row.class_name for row in rows}
    write_json(run_dir / FILE, labels)


def pictures_then(run_dir: Path) -> frozenset[str] | None:
    """Return the digests of all pictures that were there; None for a run of an earlier version."""
    found = read_json(run_dir / FILE, dict)
    return None if found is None else frozenset(found)


def changes_since(workspace: Workspace, project_id: str, run_id: str) -> Since | None:
    """Compare with the pictures as they are now; None for a run of an earlier version."""
    before = read_json(workspace.run_dir(project_id, run_id) / FILE, dict)
    if before is None:
        return None
    rows = [row for row in picture_rows(workspace, project_id) if not row.locked]
    now = {row.digest: row.class_name for row in rows}
    learnt = {digest: name for digest, name in before.items() if name}
    kept = {digest: now[digest] for digest in learnt if now.get(digest)}
    return Since(
        labels=len(learnt),
        added=tuple(digest for digest in now if digest not in before),
        labelled={digest: name for digest, name in now.items() if name and digest not in learnt},
        relabelled=sum(name != learnt[digest] for digest, name in kept.items()),
        gone=len(learnt) - len(kept),
    )

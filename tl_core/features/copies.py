"""Look for copies among a project's pictures and keep them together, before anything is fitted.

The search is repeated only when there are other pictures or other features than last time.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from tl_core.features.duplicates import same_pairs
from tl_core.features.fingerprints import tiles_of
from tl_core.images import LabelledImage, keep_copies
from tl_core.images.groups import grouping
from tl_core.workspace.storage import Workspace, write_atomic

SEARCH = 1  # raise it when the search finds other pairs


def group_copies(
    workspace: Workspace,
    project_id: str,
    images: Sequence[LabelledImage],
    features: np.ndarray | None,
) -> int:
    """Find copies among `images` and store them as groups; return how many pictures regrouped.

    Args:
        workspace: Where the project lives.
        project_id: The project.
        images: Each digest once.
        features: The backbone's last layer, float32 (N, D), in the order of `images`; None
            (training from scratch) finds closer copies only.
    """
    digests = [image.digest for image in images]
    memory = workspace.features_dir(project_id) / "searched"
    state = _state(digests, features)
    if memory.is_file() and memory.read_text("ascii", errors="replace") == state:
        return 0
    pairs, _ = same_pairs(tiles_of(workspace, project_id, digests), features)
    found = [(digests[a], digests[b]) for a, b in pairs.tolist()]
    regrouped = keep_copies(workspace, project_id, found)
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(memory, state.encode("ascii"))
    return regrouped


def unsearched_note(count: int) -> str | None:
    """Say that no copies are looked for among so many pictures; None where they are."""
    if count <= grouping.MOST_SEARCHED:
        return None
    return (
        f"With more than {grouping.MOST_SEARCHED:,} pictures, copies and series are not searched "
        f"for: there are {count:,}. Groups from file names and those of your own stay together."
    )


def _state(digests: list[str], features: np.ndarray | None) -> str:
    content = hashlib.sha256(f"{SEARCH}{sorted(digests)}".encode())
    if features is not None:
        rounded = features[np.argsort(digests)].astype(np.float16)
        content.update(rounded.tobytes())
    return content.hexdigest()

"""Copies found against the truth that file names and pixels know; pictures that only look alike.

`plant` hides turned, mirrored and recoloured copies of one leaf behind one identifier in the
file names; `brain_mri2` holds the same scan again in another file. `trashnet6` and `sign_digits`
show different pictures of similar things: what is joined there is joined wrongly.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import features_of, has_pictures, project_with
from benchmarks.measuring.table import Measured, Table

SIMILAR = ("trashnet6", "sign_digits", "neu_steel6")
COLUMNS = (
    "set", "pictures", "exact copies left out", "groups", "true pairs found",
    "other pairs joined", "seconds after features",
)  # fmt: skip
SAME_SCAN = 0.995  # correlation of all pixels at 32 x 32


def leaf(name: str) -> str:
    return name.rpartition("/")[2].partition("___")[0]


def of_set(folder: Path, same: Callable[[Sequence], np.ndarray] | None) -> tuple:
    """Return what is printed of one set: found, true, recall, wrongly joined share, seconds."""
    from tl_core.features.copies import group_copies
    from tl_core.images import folder_files, image_set, list_groups, list_skipped
    from tl_core.workspace import open_workspace

    with tempfile.TemporaryDirectory() as place:
        workspace = open_workspace(Path(place))
        project = project_with(workspace, folder.name, folder_files(folder))
        skipped = list_skipped(workspace, project)
        exact = sum("exactly the same" in one.reason for one in skipped)
        images = image_set(workspace, project).images
        features = features_of(workspace, project, images).last
        start = time.perf_counter()
        group_copies(workspace, project, images, features)
        seconds = time.perf_counter() - start
        groups = [[one.digest for one in group.images] for group in list_groups(workspace, project)]
        truth = same(images) if same else np.zeros((len(images), len(images)), bool)
    index = {image.digest: row for row, image in enumerate(images)}
    joined = {
        tuple(sorted(pair)) for group in groups for pair in combinations(map(index.get, group), 2)
    }
    true = {(a, b) for a, b in combinations(range(len(images)), 2) if truth[a, b]}
    pairs = len(images) * (len(images) - 1) // 2
    recall = f"{len(joined & true)} of {len(true)}" if true else "-"
    wrong = len(joined - true)
    share = f"{wrong} of {pairs - len(true):,} ({100 * wrong / (pairs - len(true)):.3f} %)"
    return folder.name, len(images), exact, len(groups), recall, share, round(seconds, 2)


def same_leaf(images: Sequence) -> np.ndarray:
    names = np.array([leaf(image.name) for image in images])
    return names[:, None] == names[None]


def same_scan(images: Sequence) -> np.ndarray:
    """Decode all pictures and compare their pixels as they lie."""
    from PIL import Image

    rows = []
    for image in images:
        with Image.open(image.path) as opened:
            small = opened.convert("L").resize((32, 32), Image.Resampling.BOX)
        row = np.asarray(small, np.float64).ravel()
        rows.append((row - row.mean()) / np.linalg.norm(row - row.mean()))
    return np.stack(rows) @ np.stack(rows).T >= SAME_SCAN


def measure(data: Path) -> Measured | None:
    known = {"plant": same_leaf, "brain_mri2": same_scan, **dict.fromkeys(SIMILAR)}
    there = {name: same for name, same in known.items() if (data / name).is_dir()}
    if not has_pictures(data, *there or known):
        return None
    title = "Copies found (wanted: recall at least .9, at most 1 % of other pairs joined)"
    rows = [of_set(data / name, same) for name, same in there.items()]
    return Measured([Table(title, COLUMNS, rows)])

"""Find pictures that show the same thing: copies, turned, mirrored or cropped, frames of a burst.

Every pair is compared in two ways, each with a second opinion from the backbone's features:

- *turned*: fingerprints correlate at some rotation, mirrored or not (re-encoded, resized and
  recoloured copies too);
- *aligned*: the middle of one picture is found in the other, a little moved or scaled (crops,
  bursts); asked only of pictures that the backbone finds most alike.

Pictures that repeat themselves (stripes, weaves) or show a few large shapes (digits of 8 x 8
pixels) look alike when moved or turned even if they are not, so of these only true copies count.
The thresholds are measured by `python -m benchmarks --only copies`. What is found is kept together
before anything is fitted; the search is repeated only when there are other pictures or other
features than last time.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tl_core.features.alignment import alignment_scores
from tl_core.features.fingerprints import (
    SIDE,
    best_turned,
    detail_of,
    fingerprints,
    tiles_of,
    turned_bound,
)
from tl_core.features.named_sources import confirmed_sources
from tl_core.images import LabelledImage, confirm_names, keep_copies
from tl_core.images.groups import grouping
from tl_core.workspace.storage import Workspace, write_atomic

SEARCH = 2  # raise it when the search finds other pairs
TURNED = 0.78  # least correlation of details, with TONE and ALIKE
TONE = 0.88  # least correlation of brightness
ALIKE = 0.55  # least cosine of features
TURNED_ALONE = 0.93  # without features to ask
ALIGNED = 0.92  # least correlation of the middle of one with a place in the other
ALIGNED_ALIKE = 0.75
COPY = 0.99  # correlation of all pixels, for pictures that are like many others
REPEATS = 0.6  # a picture correlates so well with itself, shifted by more than 6 pixels
SMOOTH = 0.8  # or shifted by 2: nothing small is in it
NEIGHBOURS = 4  # most alike pictures that are asked for a shift
_BOUND = 0.84  # what no true copy was seen below
_BLOCK = 1024

Pairs = np.ndarray  # int64 (P, 2), the smaller index first


def group_copies(
    workspace: Workspace,
    project_id: str,
    images: Sequence[LabelledImage],
    features: np.ndarray | None,
) -> int:
    """Find copies among `images` and store them as groups; return how many pictures regrouped.

    Args:
        images: Each digest once.
        features: The backbone's last layer, float32 (N, D), in the order of `images`; None
            (training from scratch) finds closer copies only.
    """
    digests = [image.digest for image in images]
    last_search = workspace.features_dir(project_id) / "searched"
    state = _state(digests, features)
    if last_search.is_file() and last_search.read_text("ascii", errors="replace") == state:
        return 0
    pairs, _ = same_pairs(tiles_of(workspace, project_id, digests), features)
    found = [(digests[a], digests[b]) for a, b in pairs.tolist()]
    regrouped = keep_copies(workspace, project_id, found)
    if features is not None and len(images) <= grouping.MOST_SEARCHED:
        labels = np.array([image.label for image in images], np.int64)
        sources = confirmed_sources([image.name for image in images], labels, _unit(features))
        named = {
            kind: [[digests[row] for row in group] for group in groups]
            for kind, groups in sources.items()
        }
        confirm_names(workspace, project_id, named)
    last_search.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(last_search, state.encode("ascii"))
    return regrouped


def unsearched_note(count: int) -> str | None:
    """Say that no copies are looked for among so many pictures; None where they are."""
    if count <= grouping.MOST_SEARCHED:
        return None
    return (
        f"With more than {grouping.MOST_SEARCHED:,} pictures, copies and series are not searched "
        f"for; there are {count:,}. Your own groups still apply."
    )


def same_pairs(tiles: np.ndarray, features: np.ndarray | None) -> tuple[Pairs, np.ndarray]:
    """Return the pairs of pictures that show the same thing, and how alike each is.

    Args:
        tiles: From `fingerprints.tiles_of`, uint8 (N, 2, 64, 64).
        features: The backbone's last layer, float32 (N, D); None asks for closer likeness
            instead.

    Returns:
        Index pairs, int64 (P, 2), the surest first, and their correlation, float32 (P,).
    """
    if not 2 <= len(tiles) <= grouping.MOST_SEARCHED:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    unit = None if features is None else _unit(features)
    common = np.array([_like_many(tile) for tile in tiles[:, 0]])
    found = _turned(tiles, unit)
    if unit is not None:
        for pair, score in _aligned(tiles, unit, common).items():
            found[pair] = max(score, found.get(pair, 0.0))
    kept = {
        pair: score
        for pair, score in found.items()
        if not common[list(pair)].any() or _is_copy(tiles[pair[0], 0], tiles[pair[1], 0])
    }
    order = sorted(kept, key=lambda pair: (-kept[pair], pair))
    pairs = np.array(order, np.int64).reshape(-1, 2)
    return pairs, np.array([kept[pair] for pair in order], np.float32)


def _unit(features: np.ndarray) -> np.ndarray:
    return features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-9)


def _turned(tiles: np.ndarray, unit: np.ndarray | None) -> dict[tuple[int, int], float]:
    prints = fingerprints(tiles[:, 1])
    bound = turned_bound(prints.detail)
    bound[prints.plain] = 0
    first, second = [], []
    for start in range(0, len(tiles), _BLOCK):
        rows, columns = np.nonzero(bound[start : start + _BLOCK] @ bound.T >= _BOUND)
        later = columns > rows + start
        first.append(rows[later] + start)
        second.append(columns[later])
    a, b = np.concatenate(first), np.concatenate(second)
    if unit is not None:
        asked = _by_blocks(lambda i, j: (unit[i] * unit[j]).sum(axis=1), a, b) >= ALIKE
        a, b = a[asked], b[asked]
    least = TURNED if unit is not None else TURNED_ALONE
    score = _by_blocks(partial(best_turned, prints.detail), a, b)
    close = score >= least
    a, b, score = a[close], b[close], score[close]
    close = _by_blocks(partial(best_turned, prints.tone), a, b) >= TONE
    pairs = zip(a[close].tolist(), b[close].tolist(), strict=True)
    return dict(zip(pairs, score[close].tolist(), strict=True))


def _by_blocks(
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Return ``measure(a, b)``, some pairs at a time: memory stays flat in their number."""
    parts = [measure(a[i : i + _BLOCK], b[i : i + _BLOCK]) for i in range(0, len(a), _BLOCK)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _aligned(
    tiles: np.ndarray, unit: np.ndarray, common: np.ndarray
) -> dict[tuple[int, int], float]:
    """Look for the middle of each picture in those that the backbone finds most like it."""
    pairs = sorted(pair for pair in _neighbours(unit) if not common[list(pair)].any())
    scores = alignment_scores(tiles[:, 0], pairs)
    return {pair: score for pair, score in scores.items() if score >= ALIGNED}


def _neighbours(unit: np.ndarray) -> set[tuple[int, int]]:
    pairs = set()
    nearest = min(NEIGHBOURS, len(unit) - 1)
    for start in range(0, len(unit), _BLOCK):
        cosine = unit[start : start + _BLOCK] @ unit.T
        rows = np.arange(len(cosine))
        cosine[rows, rows + start] = -1
        for column in np.argpartition(-cosine, nearest - 1, axis=1)[:, :nearest].T:
            alike = cosine[rows, column] >= ALIGNED_ALIKE
            mine, other = rows[alike] + start, column[alike]
            smaller, larger = np.minimum(mine, other), np.maximum(mine, other)
            pairs.update(zip(smaller.tolist(), larger.tolist(), strict=True))
    return pairs


def _like_many(tile: np.ndarray) -> bool:
    """Whether a picture looks like itself when it is shifted, so that others easily do, too."""
    detail = detail_of(tile)
    spectrum = np.fft.rfft2(detail - detail.mean())
    likeness = np.fft.irfft2(np.abs(spectrum) ** 2, detail.shape)
    likeness /= max(likeness[0, 0], 1e-9)
    y, x = (np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE)) ** 2 for _ in range(2))
    far = y[:, None] + x > 6**2
    near = (likeness[2, 0] + likeness[0, 2]) / 2
    return bool(near > SMOOTH or likeness[far].max() > REPEATS)


def _is_copy(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether all pixels agree in one of the eight ways to turn and mirror a picture."""
    a = one.astype(np.float32) - one.mean()
    b = other.astype(np.float32) - other.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b)) + 1e-9
    turned = [np.rot90(side, times) for side in (b, b[:, ::-1]) for times in range(4)]
    return max(float((a * way).sum()) for way in turned) / size >= COPY


def _state(digests: list[str], features: np.ndarray | None) -> str:
    content = hashlib.sha256(f"{SEARCH}{sorted(digests)}".encode())
    if features is not None:
        rounded = features[np.argsort(digests)].astype(np.float16)
        content.update(rounded.tobytes())
    return content.hexdigest()

"""What is known of a picture without looking at what it shows: its file, its frame, its light.

Colours come from thumbnails and everything else from the file's header, so that thousands of
pictures take seconds; what was found is kept.
"""

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.images import ImageRecord, image_path, thumbnail_path
from tl_core.runs.processes import cores
from tl_core.workspace.storage import Workspace

VERSION = 1  # raise it when other numbers come out
TEXT = 48  # bytes of a text from a header
NUMBERS = (
    *("red", "green", "blue", "saturation", "contrast", "darkest", "brightest", "sharpness"),
    *("frame red", "frame green", "frame blue", "frame varies"),
    *("step red", "step green", "step blue"),
    *("ring red", "ring green", "ring blue", "ring varies"),
    *("bytes per pixel", "quality", "day"),
)
LIGHT = 19  # how many of them come from the thumbnail
TEXTS = ("mode", "camera", "software")
_MAKE, _MODEL, _SOFTWARE, _DATE = 0x010F, 0x0110, 0x0131, 0x0132
_EXIF, _TAKEN = 0x8769, 0x9003
_RING = 0.08  # width of the background ring, of the shorter side


@dataclass(frozen=True)
class Traits:
    """Traits of N pictures by name: `numbers` float32 (N,), nan where unknown; `texts` (N,)."""

    numbers: Mapping[str, np.ndarray]
    texts: Mapping[str, np.ndarray]


def traits_of(workspace: Workspace, project_id: str, records: Sequence[ImageRecord]) -> Traits:
    """Return the traits of these pictures; of one whose files cannot be read most are unknown."""
    shelf = Shelf(shelf_folder(workspace, project_id, "traits", {"version": VERSION}))
    missing = [record for record in records if record.digest not in shelf.digests]
    if missing:

        def measured(record: ImageRecord) -> tuple[list[float], list[bytes]]:
            light = _light(thumbnail_path(workspace, project_id, record.digest))
            numbers, texts = _header(image_path(workspace, project_id, record), record)
            return [*light, *numbers], texts

        with ThreadPoolExecutor(cores()) as pool:
            found = list(pool.map(measured, missing))
        arrays = {
            "numbers": np.array([numbers for numbers, _ in found], np.float32),
            "texts": np.array([texts for _, texts in found], f"S{TEXT}"),
        }
        shelf.add([record.digest for record in missing], arrays)
    digests = [record.digest for record in records]
    numbers, texts = shelf.take("numbers", digests), shelf.take("texts", digests)
    sides = np.array([(record.width, record.height) for record in records], np.float32)
    names = np.array([_pattern(record) for record in records])
    return Traits(
        {
            **dict(zip(NUMBERS, numbers.T, strict=True)),
            "width": sides[:, 0],
            "height": sides[:, 1],
            "aspect": np.log(sides[:, 0] / sides[:, 1]),
        },
        {
            **{name: column.astype(str) for name, column in zip(TEXTS, texts.T, strict=True)},
            "format": np.array([record.extension for record in records]),
            "file name": names,
        },
    )


def _light(path: Path) -> list[float]:
    """Return the traits of a thumbnail: colours in [0, 1] of all of it, its frame and its ring."""
    try:
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    except OSError:
        return [np.nan] * LIGHT
    if min(pixels.shape[:2]) < 8:
        return [np.nan] * LIGHT
    planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))  # uint8 (3, H, W)
    grey = planes.sum(axis=0, dtype=np.float32) / (3 * 255)
    edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2]
    edges -= grey[1:-1, 2:]
    frame, inside = _ring(planes, 0, 1), _ring(planes, 2, 3)
    ring = _ring(planes, 1, 1 + max(2, round(_RING * min(grey.shape))))
    return [
        *planes.mean(axis=(1, 2)) / 255,
        (planes.max(axis=0) - planes.min(axis=0)).mean() / 255,
        grey.std(),
        *np.percentile(grey, (5, 99)),
        np.log(edges.std() / (grey.std() + 0.02) + 1e-3),
        *frame.mean(axis=1),
        frame.std(axis=1).mean(),
        *(frame.mean(axis=1) - inside.mean(axis=1)),
        *ring.mean(axis=1),
        ring.std(axis=1).mean(),
    ]


def _ring(planes: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Return the colours, (3, n) in [0, 1], at least `begin` and less than `end` from the edge."""
    height, width = planes.shape[1:]
    parts = (
        planes[:, begin:end, begin : width - begin],
        planes[:, height - end : height - begin, begin : width - begin],
        planes[:, end : height - end, begin:end],
        planes[:, end : height - end, width - end : width - begin],
    )
    joined = np.concatenate([part.reshape(3, -1) for part in parts], axis=1)
    return joined.astype(np.float32) / 255


def _header(path: Path, record: ImageRecord) -> tuple[list[float], list[bytes]]:
    try:
        size = os.path.getsize(path)
        with Image.open(path) as opened:
            exif = opened.getexif()
            tables = getattr(opened, "quantization", None)
            quality = float(sum(tables[0])) if tables else np.nan
            mode = opened.mode
    except Exception:  # a header that is damaged says nothing
        return [np.nan] * 3, [b""] * len(TEXTS)
    camera = f"{exif.get(_MAKE, '')} {exif.get(_MODEL, '')}".strip(" \0")
    try:
        taken = exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_DATE) or ""
    except Exception:
        taken = ""
    texts = (mode, camera, str(exif.get(_SOFTWARE, "")).strip(" \0"))
    numbers = [size / (record.width * record.height), quality, _day(str(taken))]
    return numbers, [text.encode(errors="replace")[:TEXT] for text in texts]


def _day(text: str) -> float:
    found = re.match(r"(\d{4}):(\d\d):(\d\d)", text)
    if not found:
        return np.nan
    year, month, day = map(int, found.groups())
    return 372 * year + 31 * month + day


def _pattern(record: ImageRecord) -> str:
    """Return a file name with # for its numbers and without what only says the class."""
    stem = record.name.rpartition("/")[2].rpartition(".")[0].casefold()
    words = re.findall(r"[^\W\d_]+|\d+", stem)
    name = (record.class_name or "").casefold()
    named = {word for word in re.findall(r"[^\W\d_]+", name)} | {name}
    kept = ["#" if word[0].isdigit() else word for word in words if not _says(word, named)]
    return " ".join(kept)


def _says(word: str, names: set[str]) -> bool:
    return any(name.startswith(word) or word.startswith(name) for name in names if name)

"""What a picture looks like at a glance: small grey tiles, and fingerprints that survive turning.

A fingerprint is the picture in polar coordinates, as Fourier coefficients along the angle:
turning a picture only shifts their phases, mirroring conjugates them, so any rotation of two
pictures against each other is tried at once. The magnitudes alone bound the best of all.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tl_core.features.array_cache import Shelf, shelf_folder
from tl_core.runs.processes import cores
from tl_core.workspace.storage import Workspace

SIDE = 64  # pixels of a tile
_ANGLES, _RADII, _KEPT = 64, 16, 20  # sampled angles and radii, coefficients kept
FINE, COARSE = 1.0, 4.0  # detail = blurred by FINE minus blurred by COARSE, pixels
LEAST_DETAIL = 1.5  # grey levels; below, a tile shows nothing to compare


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of N pictures as unit vectors.

    `detail` (from edges and texture) and `tone` (from brightness) are complex64 (N, R, K);
    `plain` says which tiles show too little to tell pictures apart.
    """

    detail: np.ndarray
    tone: np.ndarray
    plain: np.ndarray


def tiles_of(workspace: Workspace, project_id: str, digests: Sequence[str]) -> np.ndarray:
    """Return two grey tiles per picture, uint8 (N, 2, 64, 64): all of it, and its middle square.

    They are made from thumbnails once and kept. A picture whose thumbnail cannot be read gets empty
    tiles, which resemble nothing.
    """
    shelf = Shelf(shelf_folder(workspace, project_id, "tiles", {"side": SIDE}))
    missing = [digest for digest in digests if digest not in shelf.digests]
    folder = workspace.thumbnails_dir(project_id)
    with ThreadPoolExecutor(cores()) as pool:  # reading a thumbnail leaves Python's lock alone
        tiles = list(pool.map(lambda digest: _tiles(folder / f"{digest}.webp"), missing))
    if missing:
        shelf.add(missing, {"tiles": np.stack(tiles)})
    return shelf.take("tiles", digests)


def detail_of(tile: np.ndarray) -> np.ndarray:
    """Return edges and texture of a grey tile, float32 of its shape, in grey levels."""
    image = Image.fromarray(tile)
    fine, coarse = (image.filter(ImageFilter.GaussianBlur(size)) for size in (FINE, COARSE))
    return np.asarray(fine, np.float32) - np.asarray(coarse, np.float32)


def fingerprints(squares: np.ndarray) -> Fingerprints:
    """Return the fingerprints of grey tiles, uint8 (N, 64, 64)."""
    details = np.stack([detail_of(tile) for tile in squares])
    return Fingerprints(
        detail=_polar_spectrum(details),
        tone=_polar_spectrum(squares.astype(np.float32)),
        plain=details.std(axis=(1, 2)) < LEAST_DETAIL,
    )


def best_turned(spectra: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of pairs at their best rotation, mirrored or not, in [-1, 1]."""
    found = np.empty(len(first), np.float32)
    for start in range(0, len(first), 4096):
        rows = slice(start, start + 4096)
        a, b = spectra[first[rows]], spectra[second[rows]]
        angles = [
            np.fft.irfft((a * other).sum(axis=1) * _HALVES, n=_ANGLES, axis=1).max(axis=1)
            for other in (b.conj(), b)
        ]
        found[rows] = np.maximum(*angles) * _ANGLES
    return found


def turned_bound(spectra: np.ndarray) -> np.ndarray:
    """Return unit vectors, float32 (N, R * K), whose products are never below `best_turned`."""
    return np.abs(spectra).reshape(len(spectra), -1)


_HALVES = np.r_[1.0, np.full(_KEPT - 1, 0.5)]  # irfft counts all but the first twice


def _polar_spectrum(tiles: np.ndarray) -> np.ndarray:
    centre = (SIDE - 1) / 2
    radius = (np.arange(_RADII) + 1)[:, None] / _RADII * (centre - 1)
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    y, x = centre + radius * np.sin(angle), centre + radius * np.cos(angle)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = y - top, x - left
    polar = (
        tiles[:, top, left] * (1 - down) * (1 - right)
        + tiles[:, top + 1, left] * down * (1 - right)
        + tiles[:, top, left + 1] * (1 - down) * right
        + tiles[:, top + 1, left + 1] * down * right
    )  # (N, R, A)
    share = np.sqrt(radius)  # a ring counts by its area
    mean = (polar * share**2).sum(axis=(1, 2)) / (share**2).sum() / _ANGLES
    spectra = np.fft.rfft((polar - mean[:, None, None]) * share, axis=2)[:, :, :_KEPT]
    spectra[:, :, 1:] *= np.sqrt(2)  # each stands for two frequencies
    size = np.sqrt((np.abs(spectra) ** 2).sum(axis=(1, 2), keepdims=True))
    return (spectra / (size + 1e-9)).astype(np.complex64)


def _tiles(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as opened:
            image = opened.convert("L")
    except OSError:
        return np.zeros((2, SIDE, SIDE), np.uint8)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    small = [part.resize((SIDE, SIDE), Image.Resampling.BOX) for part in (image, square)]
    return np.stack([np.asarray(tile, np.uint8) for tile in small])

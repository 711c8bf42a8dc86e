"""Is the middle of one picture found in another, a little moved or scaled?

Every place is tried at nine sizes, by Fourier transforms. That is asked twice: first at half the
resolution, for little; what is nowhere near alike there is not asked again.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from PIL import Image

from tl_core.features.fingerprints import SIDE, detail_of

SCREEN = 0.75  # at half resolution; true copies had .86 there, crops with noise of our own .78
SCALES = (0.84, 0.88, 0.92, 0.96, 1.0, 1.04, 1.09, 1.14, 1.19)
_KEPT = 256  # pictures whose spectra stay in memory, some 300 kB to 900 kB each

Middle = np.ndarray  # spectrum of a picture's middle, of unit size, complex64 (F, F // 2 + 1)


class Places:
    """Places of one picture, at every scale, that are as large as a middle.

    `spectra` complex64 (S, F, F // 2 + 1); `weights` float32 (S, P, P): one over the size of what
    lies there, 0 where there is no whole place.
    """

    def __init__(self, details: list[np.ndarray], middle: int, frame: int) -> None:
        stack = np.zeros((len(details), frame, frame), np.float32)
        for row, detail in zip(stack, details, strict=True):
            row[: len(detail), : len(detail)] = detail
        window = np.zeros((frame, frame), np.float32)
        window[:middle, :middle] = 1
        window = np.conj(np.fft.rfft2(window))
        self.spectra = np.fft.rfft2(stack)
        most = max(map(len, details)) - middle + 1
        total = np.fft.irfft2(self.spectra * window, (frame, frame))[:, :most, :most]
        energy = np.fft.irfft2(np.fft.rfft2(stack * stack) * window, (frame, frame))
        energy = energy[:, :most, :most] - total**2 / middle**2
        self.weights = 1 / np.sqrt(np.maximum(energy, middle))
        for weights, detail in zip(self.weights, details, strict=True):
            places = len(detail) - middle + 1
            weights[places:] = 0
            weights[:, places:] = 0

    def best(self, middle: Middle) -> float:
        """Return the highest correlation of the middle with any place."""
        frame, most = self.spectra.shape[1], self.weights.shape[1]
        match = np.fft.irfft2(self.spectra * middle, (frame, frame))[:, :most, :most]
        return float((match * self.weights).max())


class _Search:
    """Asks about pairs at one resolution, keeping what it made of the latest pictures.

    Args:
        tiles: Grey pictures, uint8 (N, 64, 64).
        details: Edges and texture of a tile at each of `SCALES`, float32 (side, side) each.
        middle: Side of the middle, at the resolution of `details`.
        frame: Side of the Fourier transforms.
    """

    def __init__(
        self,
        tiles: np.ndarray,
        details: Callable[[np.ndarray], list[np.ndarray]],
        *,
        middle: int,
        frame: int,
    ) -> None:
        self._tiles, self._details, self._size, self._frame = tiles, details, middle, frame
        self._look = lru_cache(_KEPT)(self._look_at)

    def score(self, a: int, b: int) -> float:
        """Return the better of both directions, -1 if one shows nothing in its middle."""
        (first, places_a), (second, places_b) = self._look(a), self._look(b)
        if first is None or second is None:
            return -1.0
        return max(places_b.best(first), places_a.best(second))

    def _look_at(self, item: int) -> tuple[Middle | None, Places]:
        details, size = self._details(self._tiles[item]), self._size
        whole = details[SCALES.index(1.0)]
        edge = (len(whole) - size) // 2
        middle = whole[edge : edge + size, edge : edge + size]
        middle = middle - middle.mean()
        length = np.linalg.norm(middle)
        places = Places(details, size, self._frame)
        if length < size:  # less than one grey level
            return None, places
        return np.conj(np.fft.rfft2(middle / length, (self._frame, self._frame))), places


def _coarse(tile: np.ndarray) -> list[np.ndarray]:
    """Half the resolution: the detail is made once and scaled."""
    image = Image.fromarray(detail_of(tile))
    return [np.asarray(_resized(image, round(SIDE // 2 * scale))) for scale in SCALES]


def _fine(tile: np.ndarray) -> list[np.ndarray]:
    """The tile's own resolution, the detail made anew at each scale."""
    image = Image.fromarray(tile)
    return [detail_of(np.asarray(_resized(image, round(SIDE * scale)))) for scale in SCALES]


def _resized(image: Image.Image, side: int) -> Image.Image:
    shrinks = side <= image.width
    kind = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return image.resize((side, side), kind)


def alignment_scores(
    tiles: np.ndarray, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], float]:
    """Return how well the middle of one of each pair is found in the other.

    Pairs that are nowhere near alike are left out. Memory is flat in the number of pictures.

    Args:
        tiles: Grey pictures, uint8 (N, 64, 64).
        pairs: Indices; fastest if sorted.
    """
    coarse = _Search(tiles, _coarse, middle=23, frame=48)
    fine = _Search(tiles, _fine, middle=46, frame=96)
    close = [pair for pair in pairs if coarse.score(*pair) >= SCREEN]
    return {pair: fine.score(*pair) for pair in close}

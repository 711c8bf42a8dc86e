"""The search for a moved or scaled middle: as a slow one finds it, and its quick first look."""

import numpy as np
import pytest
from pictures import scene
from PIL import Image

from tl_core.features import alignment
from tl_core.features.alignment import Places, alignment_scores
from tl_core.features.fingerprints import SIDE


def tile(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)


def cropped(seed: int, side: int, corner: tuple[int, int]) -> np.ndarray:
    x, y = corner
    return tile(scene(seed).crop((x, y, x + side, y + side)))


def test_the_best_place_is_the_one_that_a_slow_search_finds():
    random = np.random.default_rng(0)
    middle = random.normal(size=(6, 6)).astype(np.float32)
    middle -= middle.mean()
    middle /= np.linalg.norm(middle)
    details = [random.normal(0, 9, (side, side)).astype(np.float32) for side in (9, 12)]
    slow = -1.0
    for detail in details:
        for y in range(len(detail) - 5):
            for x in range(len(detail) - 5):
                part = detail[y : y + 6, x : x + 6]
                slow = max(slow, float((middle * part).sum() / np.linalg.norm(part - part.mean())))
    spectrum = np.conj(np.fft.rfft2(middle, (16, 16)))
    assert Places(details, 6, 16).best(spectrum) == pytest.approx(slow, abs=1e-5)


@pytest.mark.parametrize("side", [272, 290, 308])
def test_the_quick_look_leaves_out_no_crop_and_most_others(side):
    tiles = np.stack(
        [tile(scene(seed)) for seed in range(8)]
        + [cropped(seed, side, (seed, 3 * seed // 2)) for seed in range(8)]
    )
    pairs = [(a, b) for a in range(8) for b in range(8, 16)]
    scores = alignment_scores(tiles, pairs)
    assert {(seed, seed + 8) for seed in range(8)} <= set(scores)
    assert min(scores[seed, seed + 8] for seed in range(8)) > 0.92
    assert len(scores) < len(pairs) / 4


def test_without_the_quick_look_the_scores_are_the_same(monkeypatch):
    tiles = np.stack([tile(scene(0)), cropped(0, 300, (8, 12)), tile(scene(1))])
    quick = alignment_scores(tiles, [(0, 1), (0, 2), (1, 2)])
    monkeypatch.setattr(alignment, "SCREEN", -1.0)
    whole = alignment_scores(tiles, [(0, 1), (0, 2), (1, 2)])
    assert set(quick) < set(whole)
    assert all(whole[pair] == score for pair, score in quick.items())


def test_a_plain_picture_is_nowhere_to_be_found():
    plain = np.full((SIDE, SIDE), 90, np.uint8)
    assert alignment_scores(np.stack([plain, plain, tile(scene(0))]), [(0, 1), (1, 2)]) == {}

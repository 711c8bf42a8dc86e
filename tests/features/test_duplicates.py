"""Copies are found however they were turned, mirrored, resized, re-encoded, cropped or shaken."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import scene
from PIL import Image, ImageOps

from tl_core.features.duplicates import join, same_pairs
from tl_core.features.fingerprints import SIDE, best_turned, fingerprints, turned_bound


def encoded(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=30)
    return Image.open(content)


def shaken(image: Image.Image) -> Image.Image:
    moved = np.roll(np.asarray(image, np.float32), (6, -9), (0, 1)) * 1.1
    noise = np.random.default_rng(0).normal(0, 5, moved.shape)
    return Image.fromarray((moved + noise).clip(0, 255).astype(np.uint8))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": encoded,
    "resized": lambda image: image.resize((150, 150)),
    "turned by 90": lambda image: image.rotate(90),
    "turned by 180": lambda image: image.rotate(180),
    "turned by 30": lambda image: image.rotate(30),
    "mirrored": ImageOps.mirror,
    "turned and mirrored": lambda image: ImageOps.mirror(image.rotate(270)),
    "cropped": lambda image: image.crop((16, 6, 320, 310)),
    "a frame of a burst": shaken,
}


def tiles(*images: Image.Image) -> np.ndarray:
    small = [image.resize((SIDE, SIDE), Image.Resampling.BOX) for image in images]
    return np.stack([np.stack([np.asarray(one, np.uint8)] * 2) for one in small])


def features(*of: int) -> np.ndarray:
    """Return features that are the same where the numbers are."""
    return np.stack([np.random.default_rng(n).normal(size=64) + 0.5 for n in of]).astype("float32")


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_among_others(kind: str) -> None:
    images = [scene(n) for n in range(6)]
    pairs, score = same_pairs(tiles(*images, COPIES[kind](images[2])), features(*range(6), 2))
    assert pairs.tolist() == [[2, 6]] and 0.7 < score[0] <= 1.001


def test_pictures_that_the_backbone_finds_unlike_are_not_joined() -> None:
    images = [scene(n) for n in range(4)]
    opposite = features(0, 1, 2, 3, 3)
    opposite[4] *= -1
    assert not len(same_pairs(tiles(*images, images[3].rotate(90)), opposite)[0])


def test_without_features_close_copies_are_found() -> None:
    images = [scene(n) for n in range(4)]
    pairs, _ = same_pairs(tiles(*images, ImageOps.mirror(images[1])), None)
    assert pairs.tolist() == [[1, 4]]


def test_stripes_and_plain_pictures_are_only_joined_as_true_copies() -> None:
    y = np.arange(320)[:, None] + np.zeros(320)
    stripes = [
        Image.fromarray((128 + 80 * np.sin(y / 15 + phase)).astype(np.uint8))
        for phase in (0, 0.4, 0.9)
    ]
    plain = [Image.new("L", (320, 320), grey) for grey in (10, 11)]
    same = np.ones((6, 8), np.float32)
    found, _ = same_pairs(tiles(*stripes, *plain, stripes[0]), same)
    assert found.tolist() == [[0, 5]]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_have_no_pairs(count: int) -> None:
    pairs, score = same_pairs(np.zeros((count, 2, SIDE, SIDE), np.uint8), None)
    assert pairs.shape == (0, 2) and score.shape == (0,)


def test_the_bound_is_never_below_the_best_rotation() -> None:
    prints = fingerprints(tiles(*[scene(n) for n in range(8)])[:, 1])
    a, b = np.triu_indices(8)
    bound = turned_bound(prints.detail)
    best = best_turned(prints.detail, a, b)
    assert (best <= (bound[a] * bound[b]).sum(axis=1) + 1e-4).all()
    assert np.allclose(best[a == b], 1, atol=1e-4)


@given(st.integers(1, 12), st.data())
def test_joining_equals_a_slow_search(count: int, data) -> None:
    item = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(item, item), max_size=15))
    reach = np.eye(count, dtype=bool)
    for a, b in pairs:
        reach[a, b] = reach[b, a] = True
    for _ in range(count):
        reach = reach @ reach
    groups = join(count, pairs)
    for group in groups:
        assert all(set(np.flatnonzero(reach[item])) == set(group) for item in group)
    grouped = {item for group in groups for item in group}
    assert grouped == {n for n in range(count) if reach[n].sum() > 1}

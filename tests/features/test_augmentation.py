"""Random views: the same for the same seed, epoch and picture, and what their names say."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from tl_core.backbones.preprocessing import Preprocessing, to_uint8_crop
from tl_core.features.augmentation import augmentation, view_generator
from tl_core.runs.configuration import AUGMENTATIONS

SMALL = Preprocessing(64, 72, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
every_name = pytest.mark.parametrize("name", AUGMENTATIONS)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(load_sample_image("china.jpg"))


def views(picture: Image.Image, names: tuple[str, ...], count: int = 8, seed: int = 0) -> list:
    view = augmentation(names, SMALL)
    return [view(picture, view_generator(seed, epoch, 5)) for epoch in range(count)]


def test_without_names_it_is_the_evaluation_crop(picture) -> None:
    (only,) = views(picture, (), 1)
    assert torch.equal(only, to_uint8_crop(picture, SMALL))


@every_name
def test_a_view_is_a_function_of_seed_epoch_and_picture(name, picture) -> None:
    first, again, other = views(picture, (name,)), views(picture, (name,)), None
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(first[0], view) for view in first[1:])
    other = views(picture, (name,), seed=1)
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_threads_and_torchs_own_state_change_nothing(picture) -> None:
    view = augmentation(AUGMENTATIONS, SMALL)
    alone = views(picture, AUGMENTATIONS, 16)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda e: view(picture, view_generator(0, e, 5)), range(16)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    state = torch.random.get_rng_state()
    views(picture, AUGMENTATIONS)
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_order_of_names_does_not_matter(picture) -> None:
    forward, backward = views(picture, AUGMENTATIONS), views(picture, AUGMENTATIONS[::-1])
    assert all(torch.equal(a, b) for a, b in zip(forward, backward, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10000, 2), (2, 10000), (64, 64)])
@every_name
def test_any_picture_gives_the_square(name, size) -> None:
    for view in views(Image.new("RGB", size, (9, 90, 200)), (name,), 3):
        assert view.shape == (3, 64, 64)
        assert view.dtype == torch.uint8


@pytest.mark.parametrize(("name", "axis"), [("flip", 2), ("vertical-flip", 1)])
def test_a_flip_mirrors_about_half_of_the_views(name, axis, picture) -> None:
    plain = to_uint8_crop(picture, SMALL)
    results = views(picture, (name,), 40)
    mirrored = sum(torch.equal(view, plain.flip(axis)) for view in results)
    assert mirrored + sum(torch.equal(view, plain) for view in results) == 40
    assert 10 <= mirrored <= 30


def test_a_crop_shows_a_part_without_stretching_it_much() -> None:
    disc = Image.new("RGB", (300, 300))
    y, x = np.mgrid[:300, :300]
    disc.paste((255, 255, 255), mask=Image.fromarray((x - 150) ** 2 + (y - 150) ** 2 < 40**2))
    whole = 0
    for view in views(disc, ("crop",), 20):
        white = view[0] > 127
        rows, columns = white.any(dim=1).sum().item(), white.any(dim=0).sum().item()
        if not (white[0].any() or white[-1].any() or white[:, 0].any() or white[:, -1].any()):
            whole += 1
            assert rows >= 64 * 80 / 300 * 0.9
            assert 0.7 < rows / columns < 1.45
    assert whole >= 10, "views that show the whole disc"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="mirror"):
        augmentation(("mirror",), SMALL)

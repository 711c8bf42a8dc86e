"""Preprocessing: what a picture of any size becomes."""

import json

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from tl_core.backbones.preprocessing import (
    Preprocessing,
    geometry,
    normalise,
    prepare,
    preprocessing_for,
    resize,
    to_uint8_crop,
)

BUNDLED = Preprocessing(224, 256, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SIZES = [
    (640, 427),
    (427, 640),
    (1001, 777),
    (255, 257),
    (31, 47),
    (224, 224),
    (1, 1),
    (3, 1),
    (2, 10000),
    (10000, 2),
]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with coarse and fine structure."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noise = rng.integers(-20, 21, smooth.shape)
    return Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


def test_the_bundled_preprocessing_is_timms() -> None:
    assert preprocessing_for(timm.create_model("tf_efficientnet_lite0")) == BUNDLED


def test_preprocessing_survives_the_way_through_json() -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(BUNDLED.to_json()))) == BUNDLED


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18.tv_in1k", "test_vit"])
def test_it_agrees_with_timms_own_transform(name) -> None:
    network = timm.create_model(name)
    theirs = create_transform(**resolve_model_data_config(network))
    ours = preprocessing_for(network)
    for size in [(500, 375), (375, 500), (301, 300)]:
        difference = (prepare(picture(*size), ours) - theirs(picture(*size))).abs()
        # Pillow rounds between its two passes, and may place the square one pixel elsewhere.
        assert difference.mean() < 0.15
    square = picture(400, 400)
    assert (prepare(square, ours) - theirs(square)).abs().max() < 0.05


@pytest.mark.parametrize("size", SIZES)
def test_any_size_becomes_the_square(size) -> None:
    crop = to_uint8_crop(picture(*size), BUNDLED)
    assert crop.shape == (3, 224, 224)
    assert crop.dtype == torch.uint8
    assert torch.equal(prepare(picture(*size), BUNDLED), normalise(crop, BUNDLED))


def test_normalise_works_on_batches_and_gives_float32() -> None:
    crops = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 4, 4, 3).permute(0, 3, 1, 2)
    values = normalise(crops, BUNDLED)
    assert values.dtype == torch.float32
    assert values[1, :, 2, 3].tolist() == pytest.approx([-1.0, -0.6, 1.0])


def test_one_colour_stays_that_colour() -> None:
    crop = to_uint8_crop(Image.new("RGB", (321, 123), (10, 200, 255)), BUNDLED)
    assert (crop == torch.tensor([10, 200, 255])[:, None, None]).all()


@given(st.integers(1, 5000), st.integers(1, 5000))
@settings(max_examples=200, deadline=None)
def test_the_square_lies_in_the_middle_and_inside(width, height) -> None:
    place = geometry(width, height, BUNDLED)
    assert min(place.resized) == BUNDLED.resize_to
    assert max(place.resized) <= 3 * BUNDLED.resize_to
    left, top, right, bottom = place.seen(BUNDLED.input_size)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    tolerance = 0.5 + min(width, height) / BUNDLED.resize_to
    assert (left + right) / 2 == pytest.approx(width / 2, abs=tolerance)
    assert (top + bottom) / 2 == pytest.approx(height / 2, abs=tolerance)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(500, 375), (90, 700), (700, 90), (64, 48), (1300, 900)])
def test_resizing_in_strips_is_resizing_at_once_to_the_last_digit(size, interpolation):
    pixels = torch.randint(0, 256, (3, *size[::-1]), dtype=torch.uint8)
    target = (size[0] * 256 // min(size), size[1] * 256 // min(size))
    (at_once,) = torch.nn.functional.interpolate(
        pixels[None].float(), target[::-1], mode=interpolation, antialias=True
    )
    torch.testing.assert_close(resize(pixels, target, interpolation), at_once, rtol=0, atol=0)

"""Pictures into the numbers that a backbone sees: the one definition of preprocessing.

Upright RGB picture -> antialiased resize of the shorter side -> central square -> rounded to
uint8 -> scaled and normalised. The resize runs in float32 and is rounded once, at the end, so
that an ONNX graph can repeat it (`onnx_preprocessing`); all sizes are whole numbers, divided
with floor. Knows nothing of networks beyond the data configuration that timm keeps with them.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image
from timm.data import resolve_model_data_config
from torch import Tensor, nn
from torch.nn.functional import interpolate

# Beyond this ratio of the sides nothing more of the longer one can reach the central square.
LONGEST_RATIO = 3
STRIP_ROWS = 128


@dataclass(frozen=True)
class Preprocessing:
    """How a backbone wants its pictures.

    Args:
        input_size: Side of the square that the backbone sees, in pixels.
        resize_to: Length of the shorter side before the square is cut out, at least
            `input_size`, in pixels.
        interpolation: "bicubic" or "bilinear"; antialiased in both cases.
        mean: Subtracted per channel, for values in [0, 1].
        std: Divided by per channel, for values in [0, 1].
    """

    input_size: int
    resize_to: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> "Preprocessing":
        return cls(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"])})


def preprocessing_for(backbone: nn.Module) -> Preprocessing:
    """Return the preprocessing that the backbone's weights were trained with (timm's config)."""
    config = resolve_model_data_config(backbone)
    side = config["input_size"][-1]
    return Preprocessing(
        input_size=side,
        resize_to=max(side, math.floor(side / config["crop_pct"])),
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=tuple(float(value) for value in config["mean"]),
        std=tuple(float(value) for value in config["std"]),
    )


@dataclass(frozen=True)
class Geometry:
    """Which part of a picture is used, and what becomes of it; pixels, (left, top, ...).

    `used` is the box in the picture that is resized, as (left, top, width, height); `resized`
    its (width, height) afterwards; `crop` the (left, top) of the central square in that.
    """

    used: tuple[int, int, int, int]
    resized: tuple[int, int]
    crop: tuple[int, int]

    def seen(self, side: int) -> tuple[float, float, float, float]:
        """Return the box (left, top, right, bottom) of the picture that the square shows."""
        left, top, width, height = self.used
        x_scale, y_scale = width / self.resized[0], height / self.resized[1]
        x, y = left + self.crop[0] * x_scale, top + self.crop[1] * y_scale
        return x, y, x + side * x_scale, y + side * y_scale


def geometry(width: int, height: int, preprocessing: Preprocessing) -> Geometry:
    """Return where the central square of a picture of this size lies."""
    longest = LONGEST_RATIO * min(width, height)
    used_width, used_height = min(width, longest), min(height, longest)
    short = min(width, height)
    resized_width = preprocessing.resize_to * used_width // short
    resized_height = preprocessing.resize_to * used_height // short
    side = preprocessing.input_size
    return Geometry(
        used=((width - used_width) // 2, (height - used_height) // 2, used_width, used_height),
        resized=(resized_width, resized_height),
        crop=((resized_width - side) // 2, (resized_height - side) // 2),
    )


def to_uint8_crop(image: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """Return the central square of an upright RGB picture, uint8, shape (3, S, S)."""
    place = geometry(*image.size, preprocessing)
    left, top, width, height = place.used
    pixels = to_pixels(image)[:, top : top + height, left : left + width]
    resized = resize(pixels, place.resized, preprocessing.interpolation)
    x, y = place.crop
    side = preprocessing.input_size
    return to_uint8(resized[:, y : y + side, x : x + side])


def to_pixels(image: Image.Image) -> Tensor:
    """Return an RGB picture as uint8, shape (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def resize(pixels: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Return uint8 pixels (3, H, W) at (width, height) `size`, float32, not rounded.

    Rows first, in strips, then columns: what one call does to the last digit, but a third faster
    for a large picture, which is never whole in float32.
    """
    width, height = size
    narrow = [
        interpolate(
            strip[None].float(), (strip.shape[1], width), mode=interpolation, antialias=True
        )
        for strip in pixels.split(STRIP_ROWS, dim=1)
    ]  # each (1, 3, rows, width)
    (resized,) = interpolate(
        torch.cat(narrow, dim=2), (height, width), mode=interpolation, antialias=True
    )  # (3, height, width)
    return resized


def to_uint8(pixels: Tensor) -> Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8)


def normalise(crops: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return uint8 crops, shape (..., 3, S, S), as float32 the way the backbone expects them."""
    mean = crops.new_tensor(preprocessing.mean, dtype=torch.float32)[:, None, None]
    std = crops.new_tensor(preprocessing.std, dtype=torch.float32)[:, None, None]
    return (crops.float() / 255 - mean) / std


def prepare(image: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """Return an upright RGB picture as the backbone sees it, float32, shape (3, S, S)."""
    return normalise(to_uint8_crop(image, preprocessing), preprocessing)

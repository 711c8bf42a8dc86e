"""Random views of training pictures: the same picture as another day's camera would show it.

Every draw comes from a generator that is passed in, so a view is a function of seed, epoch and
picture, in whichever thread or order it is made; torchvision's own random transforms draw from
a state shared by all threads, so only its deterministic operations are used.
Never applied to validation or test pictures.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as F

from tl_core.backbones.preprocessing import (
    Preprocessing,
    resize,
    to_pixels,
    to_uint8,
    to_uint8_crop,
)
from tl_core.runs.configuration import AUGMENTATIONS

SMALLEST_CROP = 0.35  # of the picture's area
LARGEST_TILT = 20.0  # degrees
LARGEST_BLUR = 0.008  # standard deviation as a fraction of the square's side


def view_generator(seed: int, epoch: int, index: int) -> Generator:
    """Return the source of randomness for one view of one picture.

    Args:
        seed: Of the training.
        epoch: Or the number of the view.
        index: Of the picture in the training part.
    """
    (state,) = np.random.SeedSequence((seed, epoch, index)).generate_state(1, np.uint64)
    return Generator().manual_seed(int(state) >> 1)  # torch wants it to fit a signed integer


def augmentation(
    names: tuple[str, ...], preprocessing: Preprocessing
) -> Callable[[Image.Image, Generator], Tensor]:
    """Return a function from an upright RGB picture to a random view, uint8 (3, S, S).

    Without names it is `preprocessing.to_uint8_crop`. The order of `names` does not matter.

    Raises:
        ValueError: If a name is not one of `config.AUGMENTATIONS`.
    """
    if unknown := set(names) - set(AUGMENTATIONS):
        raise ValueError(f"unknown augmentations {sorted(unknown)}")
    cut = _random_crop if "crop" in names else _central_crop
    steps = [_STEPS[name] for name in AUGMENTATIONS if name in names and name in _STEPS]

    def view(image: Image.Image, generator: Generator) -> Tensor:
        crop = cut(image, preprocessing, generator)  # (3, S, S)
        for step in steps:
            crop = step(crop, generator)
        return crop

    return view


def _uniform(generator: Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _central_crop(image: Image.Image, preprocessing: Preprocessing, _: Generator) -> Tensor:
    return to_uint8_crop(image, preprocessing)


def _random_crop(image: Image.Image, preprocessing: Preprocessing, generator: Generator) -> Tensor:
    """Cut a rectangle of random area, shape and place, and bring it to the square.

    Source: Szegedy et al. (2014), "Going Deeper with Convolutions", arXiv:1409.4842.
    """
    width, height = image.size
    area = width * height * _uniform(generator, SMALLEST_CROP, 1.0)
    ratio = math.exp(_uniform(generator, math.log(3 / 4), math.log(4 / 3)))
    w = min(width, max(1, round(math.sqrt(area * ratio))))
    h = min(height, max(1, round(math.sqrt(area / ratio))))
    # Pictures much longer than wide: keep the shape, or the square would be badly stretched.
    w, h = min(w, math.ceil(h * 4 / 3)), min(h, math.ceil(w * 4 / 3))
    left = int(_uniform(generator, 0, width - w + 1))
    top = int(_uniform(generator, 0, height - h + 1))
    part = to_pixels(image.crop((left, top, left + w, top + h)))
    side = preprocessing.input_size
    return to_uint8(resize(part, (side, side), preprocessing.interpolation))


def _flip(crop: Tensor, generator: Generator) -> Tensor:
    return F.horizontal_flip(crop) if _uniform(generator, 0, 1) < 0.5 else crop


def _vertical_flip(crop: Tensor, generator: Generator) -> Tensor:
    return F.vertical_flip(crop) if _uniform(generator, 0, 1) < 0.5 else crop


def _rotate(crop: Tensor, generator: Generator) -> Tensor:
    angle = _uniform(generator, -LARGEST_TILT, LARGEST_TILT)
    # Black corners would be a sign that no real picture carries: fill with the picture's mean.
    fill = crop.float().mean(dim=(1, 2)).tolist()
    return F.rotate(crop, angle, interpolation=F.InterpolationMode.BILINEAR, fill=fill)


def _colour(crop: Tensor, generator: Generator) -> Tensor:
    crop = F.adjust_brightness(crop, _uniform(generator, 0.7, 1.3))
    crop = F.adjust_contrast(crop, _uniform(generator, 0.7, 1.3))
    crop = F.adjust_saturation(crop, _uniform(generator, 0.7, 1.3))
    return F.adjust_hue(crop, _uniform(generator, -0.03, 0.03))


def _blur(crop: Tensor, generator: Generator) -> Tensor:
    sigma = _uniform(generator, 0.1, LARGEST_BLUR * crop.shape[-1])
    if _uniform(generator, 0, 1) < 0.5:
        return crop
    reach = min(math.ceil(3 * sigma), (crop.shape[-1] - 1) // 2)
    return F.gaussian_blur(crop, [2 * reach + 1] * 2, [sigma, sigma])


_STEPS = {
    "flip": _flip,
    "vertical-flip": _vertical_flip,
    "rotate": _rotate,
    "colour": _colour,
    "blur": _blur,
}

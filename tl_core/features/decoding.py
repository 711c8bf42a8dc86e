"""Picture files into uint8 crops, decoded beside the computing, memory flat in their number."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torch.nn.functional import interpolate

from tl_core.backbones.preprocessing import Preprocessing, geometry, to_pixels, to_uint8_crop
from tl_core.features.augmentation import augmentation, view_generator
from tl_core.images import LabelledImage, read_picture


@dataclass(frozen=True)
class View:
    """One augmented look at every picture; number 0 without augmentations is the plain one."""

    augmentations: tuple[str, ...] = ()
    number: int = 0
    seed: int = 0


PLAIN_VIEW = View()


def view_crop(image: LabelledImage, preprocessing: Preprocessing, view: View) -> Tensor:
    """Return one look at one picture, uint8 (3, S, S), the same for the same `view`."""
    if not view.augmentations:
        return crop_file(image.path, preprocessing)
    return augmented_file(
        image.path,
        view.augmentations,
        preprocessing,
        seed=view.seed,
        epoch=view.number,
        digest=image.digest,
    )


def crop_file(path: Path, preprocessing: Preprocessing) -> Tensor:
    """Return one picture's crop, uint8 (3, S, S), made in about half the time of the exact one.

    Large JPEGs are decoded as drafts, and where a picture is made smaller the resize rounds twice:
    the crop of a picture decoded in full differs from `to_uint8_crop` by a fifth of one level of
    255 on average, a few levels at the hardest edges.
    """
    image = read_picture(path, shortest=preprocessing.resize_to)
    place = geometry(*image.size, preprocessing)
    left, top, width, height = place.used
    if place.resized[0] > width:
        return to_uint8_crop(image, preprocessing)
    pixels = to_pixels(image)[:, top : top + height, left : left + width]
    size = place.resized[::-1]
    (resized,) = interpolate(pixels[None], size, mode=preprocessing.interpolation, antialias=True)
    x, y = place.crop
    side = preprocessing.input_size
    return resized[:, y : y + side, x : x + side].contiguous()


def augmented_file(
    path: Path,
    augmentations: tuple[str, ...],
    preprocessing: Preprocessing,
    *,
    seed: int,
    epoch: int,
    digest: str,
) -> Tensor:
    """Return a random view of one picture, uint8 (3, S, S), the same for the same numbers.

    Pictures are drawn from enough pixels that the smallest random crop is not blown up.
    """
    image = read_picture(path, shortest=2 * preprocessing.resize_to)
    generator = view_generator(seed, epoch, int(digest[:8], 16))
    return augmentation(augmentations, preprocessing)(image, generator)

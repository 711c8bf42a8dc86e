"""Small pictures for tests, made on the spot, and the files in which they are offered."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tl_core.images import SourceFile

_numbers = itertools.count()


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a PNG unlike any other that this process made."""
    colour = next(_numbers)
    return encoded(Image.new("RGB", size, (colour & 255, colour >> 8 & 255, colour >> 16)))


def photograph(width: int = 64, height: int = 48, **options: object) -> bytes:
    """Return a JPEG with something in it, so that cutting it off hurts."""
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(values), "JPEG", **options)


def file(name: str, data: bytes | None = None, **options: str | None) -> SourceFile:
    """Return a file on offer; its class is its folder unless told otherwise."""
    data = picture() if data is None else data
    folder = name.rpartition("/")[0].rpartition("/")[2] or None
    return SourceFile(name, lambda: data, **{"class_name": folder, **options})


def files(**counts: int) -> Iterator[SourceFile]:
    """Offer `counts` new pictures per class."""
    for name, count in counts.items():
        for number in range(count):
            yield file(f"{name}/{number}.png")


def coloured(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def coloured_files(class_names: tuple[str, ...], each: int) -> Iterator[SourceFile]:
    for index, name in enumerate(class_names):
        for number in range(each):
            content = coloured((index * 40, number * 5, 90))
            yield SourceFile(f"{name}/{number}.png", lambda content=content: content, name)


def scene(seed: int) -> Image.Image:
    """Return a picture with large and small shapes, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    grey = np.zeros((320, 320), np.float32)
    for size, weight in ((2, 90), (5, 90), (14, 120)):
        noise = Image.fromarray(rng.integers(0, 256, (320, 320), dtype=np.uint8))
        part = np.asarray(noise.filter(ImageFilter.GaussianBlur(size)), np.float32)
        grey += weight * (part - part.mean()) / part.std() / 3
    return Image.fromarray((grey + 128).clip(0, 255).astype(np.uint8))


def random_picture(path: Path, width: int, height: int, *, seed: int = 0) -> Path:
    """Write noise over a gradient, which no resize leaves alone."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 128, (height, width, 3)) * rng.random(3)
    ramp = np.linspace(0, 127, width)[None, :, None]
    Image.fromarray((noise + ramp).astype(np.uint8)).save(path, quality=95)
    return path


def write_stripes(folder: Path, *, each: int = 8, classes: int = 2) -> Path:
    """Write noisy stripes; the classes differ in direction."""
    for label in range(classes):
        (folder / f"class {label}").mkdir(parents=True, exist_ok=True)
        for number in range(each):
            random = np.random.default_rng(1000 * label + number)
            y, x = np.mgrid[:64, :64]
            angle = np.pi * label / classes
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 3 + random.uniform(0, 6))
            grey = 128 + 60 * wave + random.normal(0, 12, (64, 64))
            picture = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            Image.fromarray(picture).save(folder / f"class {label}" / f"{number}.png")
    return folder

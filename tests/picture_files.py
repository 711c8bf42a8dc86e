"""Small pictures and projects for tests, made on the spot."""

import io
import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from tl_core.images import AddProgress, Skipped, SourceFile, add_images
from tl_core.workspace import create_project
from tl_core.workspace.storage import Workspace

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


def add(
    workspace: Workspace, project_id: str, offered: Iterable[SourceFile | Skipped]
) -> AddProgress:
    """Add and return the last word on it."""
    *_, last = add_images(workspace, project_id, offered)
    return last


def project_with(workspace: Workspace, **counts: int) -> str:
    """Make a project with `counts` pictures per class and return its id."""
    project_id = create_project(workspace, "Leaves").id
    add(workspace, project_id, files(**counts))
    return project_id

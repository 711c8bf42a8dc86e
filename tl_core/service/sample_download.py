"""Downloads one sample set through torchvision, as a process of its own.

    python -m tl_core.service.sample_download KEY FOLDER PICTURES_PER_CLASS

prints one JSON line: ``{"pictures": [[path, class name], ...]}``, evenly chosen, or
``{"error": kind, "detail": ...}`` with the kind "unreachable", "damaged" or "full". A process of
its own can be ended at any moment. `downloads` is its counterpart.
"""

import json
import socket
import sys
import urllib.error
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from torchvision.datasets import DTD, EuroSAT, Flowers102, OxfordIIITPet

from tl_core.workspace.storage import is_full_disk

SILENCE_SECONDS = 30.0  # of the network


def main(key: str, folder: str, per_class: str) -> None:
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        _say(pictures=_evenly(_READERS[key](Path(folder)), int(per_class)))
    except Exception as error:  # whatever a connection or an archive can throw
        network = isinstance(error, (urllib.error.URLError, ConnectionError, TimeoutError))
        full = isinstance(error, OSError) and is_full_disk(error)
        kind = "full" if full else "unreachable" if network else "damaged"
        _say(error=kind, detail=f"{type(error).__name__}: {error}")


def _pets(folder: Path) -> Iterator[tuple[str, str]]:
    for split in ("trainval", "test"):
        pets = OxfordIIITPet(folder, split=split, download=True)
        for path, label in zip(pets._images, pets._labels, strict=True):  # it has no `loader`
            yield str(path), pets.classes[label]


def _flowers(folder: Path) -> Iterator[tuple[str, str]]:
    for split in ("train", "val", "test"):
        flowers = Flowers102(folder, split=split, download=True, loader=str)
        for path, label in flowers:
            yield path, flowers.classes[label]


def _eurosat(folder: Path) -> Iterator[tuple[str, str]]:
    pictures = EuroSAT(folder, download=True, loader=str)
    for path, label in pictures:
        yield path, pictures.classes[label]


def _textures(folder: Path) -> Iterator[tuple[str, str]]:
    for split in ("train", "val", "test"):
        textures = DTD(folder, split=split, download=True, loader=str)
        for path, label in textures:
            yield path, textures.classes[label]


_READERS = {
    "oxford-iiit-pet": _pets,
    "flowers102": _flowers,
    "eurosat": _eurosat,
    "dtd": _textures,
}


def _evenly(pictures: Iterator[tuple[str, str]], per_class: int) -> list[tuple[str, str]]:
    """Return at most `per_class` pictures of each class, spread over its sorted file names."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for path, name in pictures:
        by_class[name].append(path)
    chosen = []
    for name, paths in sorted(by_class.items()):
        count = min(per_class, len(paths))
        paths = sorted(paths)
        chosen += [(paths[i * len(paths) // count], name) for i in range(count)]
    return chosen


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

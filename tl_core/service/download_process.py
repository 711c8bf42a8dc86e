"""Downloads a backbone's weights or a sample set, as a process of its own.

    python -m tl_core.service.download_process weights REPOSITORY FILE [FILE ...]
    python -m tl_core.service.download_process sample KEY FOLDER PICTURES_PER_CLASS

sends its parent ("total", bytes) if it learns them, then ("done", result) or (kind, detail) with
the kind of trouble: "unreachable", "refused", "absent", "damaged" or "full". Such a process can be
ended at any moment, whatever it is waiting for. `downloads` is its parent.
"""

import os
import socket
import sys
import urllib.error
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from tl_core.runs.child import values_to_parent
from tl_core.workspace.storage import is_full_disk

METADATA_SECONDS = 10.0
CHUNK = 2**18  # bytes; the client's own 10 MB look like a standstill on a slow line
SILENCE_SECONDS = 30.0  # of the network

Send = Callable[[tuple], None]


def download_weights(send: Send, repository: str, *names: str) -> None:
    """Fetch the first of the files that the repository has into the hub's cache; its path."""
    # Plain HTTP gives up by itself and shows what has arrived; the Xet protocol does neither.
    os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    try:
        for name in names:
            try:
                url = hf_hub_url(repository, name)
                metadata = get_hf_file_metadata(url, timeout=METADATA_SECONDS)
            except EntryNotFoundError:
                continue
            send(("total", metadata.size or 0))
            send(("done", hf_hub_download(repository, name)))
            return
        send(("absent", ", ".join(names)))
    except (GatedRepoError, RepositoryNotFoundError) as error:
        send(("refused", str(error)))
    except Exception as error:  # whatever a connection can throw, in any version of the client
        send((_kind(error, "unreachable"), f"{type(error).__name__}: {error}"))


def download_sample(send: Send, key: str, folder: str, per_class: str) -> None:
    """Fetch a sample set through torchvision; (path, class name) of an even choice of pictures."""
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        send(("done", _evenly(_pictures(key, Path(folder)), int(per_class))))
    except Exception as error:  # whatever a connection or an archive can throw
        network = isinstance(error, (urllib.error.URLError, ConnectionError, TimeoutError))
        kind = _kind(error, "unreachable" if network else "damaged")
        send((kind, f"{type(error).__name__}: {error}"))


def _kind(error: Exception, otherwise: str) -> str:
    return "full" if isinstance(error, OSError) and is_full_disk(error) else otherwise


def _pictures(key: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, class name) of a set's pictures, after downloading what is not there."""
    from torchvision import datasets

    if key == "oxford-iiit-pet":
        for split in ("trainval", "test"):
            pets = datasets.OxfordIIITPet(folder, split=split, download=True)
            for path, label in zip(pets._images, pets._labels, strict=True):  # it has no `loader`
                yield str(path), pets.classes[label]
        return
    parts = {
        "flowers102": [(datasets.Flowers102, {"split": s}) for s in ("train", "val", "test")],
        "dtd": [(datasets.DTD, {"split": s}) for s in ("train", "val", "test")],
        "eurosat": [(datasets.EuroSAT, {})],
    }
    for dataset, options in parts[key]:
        pictures = dataset(folder, download=True, loader=str, **options)
        for path, label in pictures:
            yield path, pictures.classes[label]


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


WHAT: dict[str, Callable[..., None]] = {"weights": download_weights, "sample": download_sample}

if __name__ == "__main__":
    WHAT[sys.argv[1]](values_to_parent(), *sys.argv[2:])

"""What a download run does: a backbone's weights, or a sample set into the project.

Nothing is downloaded unless a person asked for it. The work is done by a process of its own
(`download_process`), so that nothing here can hang: a connection that stops giving is given up,
and whoever stops asking ends the download.
"""

import math
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from tl_core.errors import DatasetError, StorageFull, TLCoreError, WeightsUnavailable
from tl_core.images import SourceFile, add_images
from tl_core.images.samples import DOWNLOADED_PER_CLASS, sample_set
from tl_core.runs.catalogue import WEIGHT_FILES, Backbone, backbone_from_json, hub_repository
from tl_core.runs.child import Child
from tl_core.runs.events import Event, Note, PhaseStarted, Progress
from tl_core.runs.processes import environment
from tl_core.workspace.storage import Workspace, storage_errors, storage_full, sync_files

PATIENCE_SECONDS = 30.0  # without a single new byte
POLL_SECONDS = 0.25  # between two looks at how much has arrived
_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar")


def download_weights(
    backbone: Backbone, *, patience: float = PATIENCE_SECONDS
) -> Iterator[Progress]:
    """Download the weights of `backbone` into the Hugging Face cache; resting = stopping.

    Args:
        backbone: One whose `source` is "hub".
        patience: Give up after this many seconds without a new byte.

    Raises:
        WeightsUnavailable: If the hub cannot be reached, stops answering, or has no such weights.
        StorageFull: If the disk is full.
    """
    if backbone.source != "hub":
        raise ValueError(f"{backbone.name} has source {backbone.source!r}: nothing to download")
    began = time.time()
    try:
        path = yield from _followed(
            ["weights", hub_repository(backbone), *WEIGHT_FILES],
            arrived=lambda: max(_sizes(_fragments(backbone)), default=0),
            total=backbone.download_bytes,
            patience=patience,
            trouble=lambda kind, _detail: _weights_trouble(backbone, kind),
        )
        sync_files([Path(path)])
        size = Path(path).stat().st_size
        yield Progress("download", size, size, 0.0)
    finally:
        _remove_fragments(backbone, since=began)


def download_sample(workspace: Workspace, project_id: str, key: str) -> Iterator[Event]:
    """Download a sample set and add some pictures of each class to the project.

    Raises:
        DatasetError: If it cannot be had; the message says why.
        StorageFull: If the disk is full.
    """
    chosen = sample_set(key)
    folder = workspace.root / "downloads" / chosen.key
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of a download that was killed
        with storage_errors(f"downloading {chosen.title}"):
            folder.mkdir(parents=True)
        pictures = yield from _followed(
            ["sample", chosen.key, str(folder), str(DOWNLOADED_PER_CLASS)],
            arrived=lambda: sum(_sizes(_archives(folder))),
            total=chosen.download_bytes,
            patience=math.inf,  # unpacking adds nothing to the archives; silence ends the child
            trouble=lambda kind, detail: _sample_trouble(chosen.title, kind, detail),
        )
        yield Note(f"Adding {len(pictures)} pictures to the project.")
        files = (
            SourceFile(f"{name}/{Path(path).name}", Path(path).read_bytes, name)
            for path, name in pictures
        )
        for _progress in add_images(workspace, project_id, files, total=len(pictures)):
            yield Progress("download", chosen.download_bytes, chosen.download_bytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _weights_run(_workspace: Workspace, _project_id: str, config: dict) -> Iterator[Event]:
    yield PhaseStarted("download")
    yield from download_weights(backbone_from_json(config["backbone"]))


def _sample_run(workspace: Workspace, project_id: str, config: dict) -> Iterator[Event]:
    yield PhaseStarted("download")
    yield from download_sample(workspace, project_id, config["sample"])


DOWNLOADS: dict[str, Callable[[Workspace, str, dict], Iterator[Event]]] = {
    "download-weights": _weights_run,
    "download-sample": _sample_run,
}


def _followed(
    arguments: list[str],
    *,
    arrived: Callable[[], int],
    total: int,
    patience: float,
    trouble: Callable[[str, str], TLCoreError],
) -> Generator[Progress, None, Any]:
    """Let a process of its own download; yield bytes, return its result.

    Args:
        arguments: For `download_process`.
        arrived: Says how many bytes are there.
        total: How many there will be, as far as known.
        patience: Give up after this many seconds without a new byte.
        trouble: Makes the error to raise from a kind of trouble and its details.
    """
    env = environment(threads=1, offline=False)
    with Child("tl_core.service.download_process", arguments, env=env) as child:
        began = moved = time.monotonic()
        done = 0
        while True:
            try:
                kind, value = child.receive(POLL_SECONDS)
            except TimeoutError:
                kind, value = "waiting", None
            except EOFError:
                kind, value = "unreachable", ""
            if kind == "done":
                return value
            if kind == "total":
                total, moved = value or total, time.monotonic()
            elif kind != "waiting":
                raise trouble(kind, value)
            if (there := arrived()) > done:
                done, moved = there, time.monotonic()
            elif time.monotonic() - moved > patience:
                raise trouble("unreachable", "")
            left = max(0, total - done) * (time.monotonic() - began) / done if done else None
            yield Progress("download", min(done, total), total, left)


def _archives(folder: Path) -> list[Path]:
    return [p for p in (*folder.glob("*"), *folder.glob("*/*")) if p.name.endswith(_ARCHIVES)]


def _fragments(backbone: Backbone) -> list[Path]:
    """Return the unfinished files of this model in the cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE, "models--" + hub_repository(backbone).replace("/", "--"), "blobs")
    return list(folder.glob("*.incomplete"))


def _sizes(paths: list[Path]) -> Iterator[int]:
    for path in paths:
        try:
            yield path.stat().st_size
        except OSError:  # just finished or moved
            continue


def _remove_fragments(backbone: Backbone, *, since: float) -> None:
    for path in _fragments(backbone):
        try:
            if path.stat().st_mtime >= since:
                path.unlink()
        except OSError:  # another process may be using it; the next download tries again
            continue


def _weights_trouble(backbone: Backbone, kind: str) -> WeightsUnavailable | StorageFull:
    what = f"The weights of {backbone.title} could not be downloaded"
    if kind == "full":
        return storage_full(f"downloading the weights of {backbone.title}")
    if kind == "refused":
        return WeightsUnavailable(
            f"{what}: {hub_repository(backbone)} does not exist or needs an account that was "
            "granted access. Choose another backbone."
        )
    if kind == "absent":
        return WeightsUnavailable(
            f"{what}: {hub_repository(backbone)} has no weights in a supported format. Choose "
            "another backbone."
        )
    return WeightsUnavailable(
        f"{what}: the model hub does not respond. Check the network connection and try again, or "
        "continue with the bundled backbone."
    )


def _sample_trouble(title: str, kind: str, detail: str) -> DatasetError | StorageFull:
    if kind == "full":
        return storage_full(f"downloading “{title}”")
    if kind == "unreachable":
        return DatasetError(
            f"“{title}” could not be downloaded: its server does not respond. Check the network "
            "connection and try again, or choose a sample set that needs no download."
        )
    return DatasetError(
        f"“{title}” could not be downloaded: the file is incomplete ({detail[:120]}). Try again, "
        "or choose a sample set that needs no download."
    )

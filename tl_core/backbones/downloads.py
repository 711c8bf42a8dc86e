"""Weights from the Hugging Face hub into its standard cache, when a person asked for them.

The work is done by a process of its own (`tl_core.backbones.hub_download`), so that nothing here
can hang: a connection that stops giving is given up, and whoever stops asking ends the download.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from tl_core.errors import BackboneError, StorageFull, WeightsUnavailable
from tl_core.runs.catalogue import WEIGHT_FILES, Backbone, hub_repository
from tl_core.runs.events import Progress
from tl_core.runs.processes import environment
from tl_core.workspace.storage import storage_full

PATIENCE = 30.0  # seconds without a single new byte
POLL = 0.25  # seconds between two looks at how much has arrived


def download_weights(backbone: Backbone, *, patience: float = PATIENCE) -> Iterator[Progress]:
    """Download the weights of `backbone`, saying how many bytes are there; resting = stopping.

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
    process = _start(backbone)
    try:
        yield from _follow(process, backbone, patience=patience)
    finally:
        process.kill()
        process.wait()
        _remove_fragments(backbone, since=began)


def _start(backbone: Backbone) -> subprocess.Popen:
    env = {
        # Plain HTTP gives up by itself and shows what has arrived; the Xet protocol does neither.
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **environment(threads=1, offline=False),
    }
    command = ["-m", "tl_core.backbones.hub_download", hub_repository(backbone), *WEIGHT_FILES]
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        text=True,
        encoding="utf-8",
    )


def _follow(
    process: subprocess.Popen, backbone: Backbone, *, patience: float
) -> Iterator[Progress]:
    """Yield progress until the process has said how it ended."""
    lines = Queue()
    Thread(target=_read_lines, args=(process, lines), daemon=True).start()
    began = moved = time.monotonic()
    done, total = 0, backbone.download_bytes
    while True:
        try:
            said = lines.get(timeout=POLL)
        except Empty:
            said = {}
        if "error" in said:
            raise _trouble(backbone, said["error"])
        if "path" in said:
            size = Path(said["path"]).stat().st_size
            yield Progress("download", size, size, 0.0)
            return
        total = said.get("total") or total
        arrived = _arrived(backbone)
        if arrived > done or "total" in said:
            moved = time.monotonic()
        elif time.monotonic() - moved > patience:
            raise _trouble(backbone, "unreachable")
        done = max(done, arrived)
        left = (total - done) * (time.monotonic() - began) / done if done else None
        yield Progress("download", min(done, total), total, left)


def _read_lines(process: subprocess.Popen, lines: Queue) -> None:
    for line in process.stdout:
        lines.put(json.loads(line))
    lines.put({"error": "unreachable"})  # only read when nothing better was said before


def _fragments(backbone: Backbone) -> list[Path]:
    """Return the unfinished files of this model in the cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE, "models--" + hub_repository(backbone).replace("/", "--"), "blobs")
    return list(folder.glob("*.incomplete"))


def _arrived(backbone: Backbone) -> int:
    sizes = [0]
    for path in _fragments(backbone):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:  # just finished
            continue
    return max(sizes)


def _remove_fragments(backbone: Backbone, *, since: float) -> None:
    for path in _fragments(backbone):
        try:
            if path.stat().st_mtime >= since:
                path.unlink()
        except OSError:  # another process may be using it; the next download tries again
            continue


def _trouble(backbone: Backbone, kind: str) -> BackboneError | StorageFull:
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
            f"{what}: {hub_repository(backbone)} has none in a form that is read here. "
            "Choose another backbone."
        )
    return WeightsUnavailable(
        f"{what}: the model hub does not answer. Check the network connection and try again, or "
        "go on with the bundled backbone, which needs none."
    )

"""What a download run does: a backbone's weights, or a sample set into the project.

Nothing is downloaded unless a person started such a run. Configurations:
``{"backbone": catalogue.backbone_to_json(...)}`` and ``{"sample": key of samples.SAMPLES}``.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from tl_core.errors import DatasetError, StorageFull
from tl_core.images import SourceFile, add_images
from tl_core.images.samples import DOWNLOADED_PER_CLASS, SampleSet, sample_set
from tl_core.runs.catalogue import backbone_from_json
from tl_core.runs.events import Event, Note, PhaseStarted, Progress
from tl_core.runs.processes import environment
from tl_core.workspace.storage import Workspace, storage_errors, storage_full

POLL_SECONDS = 0.5
_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar")


def weights(_workspace: Workspace, _project_id: str, config: dict) -> Iterator[Event]:
    """Download a backbone's weights into the Hugging Face cache.

    Raises:
        WeightsUnavailable: If they cannot be had; the message says why.
    """
    from tl_core.backbones import download_weights  # imports torch, which a sample does not need

    yield PhaseStarted("download")
    yield from download_weights(backbone_from_json(config["backbone"]))


def sample(workspace: Workspace, project_id: str, config: dict) -> Iterator[Event]:
    """Download a sample set and add some pictures of each class to the project.

    Raises:
        DatasetError: If it cannot be had; the message says why.
        StorageFull: If the disk is full.
    """
    chosen = sample_set(config["sample"])
    folder = workspace.root / "downloads" / chosen.key
    yield PhaseStarted("download")
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of a download that was killed
        with storage_errors(f"downloading {chosen.title}"):
            folder.mkdir(parents=True)
        pictures = yield from _fetch(chosen, folder)
        yield Note(f"Adding {len(pictures)} pictures to the project.")
        for _progress in add_images(workspace, project_id, _files(pictures), total=len(pictures)):
            yield Progress("download", chosen.download_bytes, chosen.download_bytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


DOWNLOADS: dict[str, Callable[[Workspace, str, dict], Iterator[Event]]] = {
    "download-weights": weights,
    "download-sample": sample,
}


def _fetch(chosen: SampleSet, folder: Path) -> Generator[Progress, None, list[tuple[str, str]]]:
    """Yield how many bytes are there; return (path, class name) of the chosen pictures."""
    command = ["-m", "tl_core.service.sample_download", chosen.key, str(folder)]
    process = subprocess.Popen(
        [sys.executable, *command, str(DOWNLOADED_PER_CLASS)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(threads=1, offline=False),
        encoding="utf-8",
    )
    began = time.monotonic()
    try:
        while True:
            try:
                output, _ = process.communicate(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                done = min(_archive_bytes(folder), chosen.download_bytes)
                left = None
                if 0 < done < chosen.download_bytes:
                    left = (chosen.download_bytes - done) * (time.monotonic() - began) / done
                yield Progress("download", done, chosen.download_bytes, left)
    finally:
        process.kill()
        process.wait()
    said = json.loads(output.strip().rpartition("\n")[2] or "{}")
    if "pictures" not in said:
        raise _trouble(chosen, said.get("error", "damaged"), said.get("detail", ""))
    return [(path, name) for path, name in said["pictures"]]


def _archive_bytes(folder: Path) -> int:
    total = 0
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        try:
            total += path.stat().st_size if path.name.endswith(_ARCHIVES) else 0
        except OSError:  # just moved
            continue
    return total


def _files(pictures: list[tuple[str, str]]) -> Iterator[SourceFile]:
    for path, name in pictures:
        yield SourceFile(f"{name}/{Path(path).name}", Path(path).read_bytes, name)


def _trouble(chosen: SampleSet, kind: str, detail: str) -> DatasetError | StorageFull:
    if kind == "full":
        return storage_full(f"downloading “{chosen.title}”")
    if kind == "unreachable":
        return DatasetError(
            f"“{chosen.title}” could not be downloaded: its server does not answer. Check the "
            "network connection and try again, or take a sample set that needs no download."
        )
    return DatasetError(
        f"“{chosen.title}” could not be downloaded: what arrived is not complete ({detail[:120]}). "
        "Try again, or take a sample set that needs no download."
    )

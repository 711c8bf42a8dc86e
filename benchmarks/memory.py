"""Peak memory of a worker on 2,000 pictures of 12 megapixels."""

import io
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.table import print_table
from tl_core import engines, runs
from tl_core.catalogue import BUNDLED, find
from tl_core.config import TrainingConfig, config_to_json
from tl_core.datasets import add_images
from tl_core.imagefiles import SourceFile
from tl_core.workspace import create_project, open_workspace, save_backbone

PICTURES = 2000
LARGE = (4000, 3000)
SMALL = (640, 480)


def photographs(
    count: int, *, size: tuple[int, int] = SMALL, classes: int = 2
) -> Iterator[SourceFile]:
    """Give distinct JPEGs: the same soft picture with another comment in its header.

    Decoding costs what a photograph of that size costs; making them costs nothing.
    """
    content = []
    for label in range(classes):
        random = np.random.default_rng(label)
        coarse = Image.fromarray(random.integers(0, 255, (30, 40, 3), dtype=np.uint8))
        out = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
        content.append(out.getvalue())
    for number in range(count):
        label = number % classes
        comment = f"picture {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        data = content[label][:2] + segment + content[label][2:]
        yield SourceFile(f"{number}.jpg", lambda data=data: data, f"class {label}")


class Peak:
    """Watches the memory of this process's workers, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()

    def __enter__(self) -> "Peak":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            for child in psutil.Process().children(recursive=True):
                try:
                    self.bytes = max(self.bytes, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        project = create_project(workspace, "large")
        save_backbone(workspace, project.id, find(BUNDLED))
        start = time.perf_counter()
        for _ in add_images(workspace, project.id, photographs(PICTURES, size=LARGE)):
            pass
        added = time.perf_counter() - start
        config = config_to_json(TrainingConfig(backbone=find(BUNDLED)))
        with Peak() as peak:
            run = runs.start_run(workspace, project.id, config=config)
            engines.ensure_workers(workspace)
            while runs.get_run(workspace, run.id).active:
                time.sleep(0.5)
        finished = runs.get_run(workspace, run.id)
        report = workspace.run_dir(project.id, run.id) / "report.json"
        if finished.state != "done" or not report.exists():
            raise RuntimeError(f"the training ended as {finished.state}: {finished.message}")
    print_table(
        f"{PICTURES:,} pictures of {LARGE[0] * LARGE[1] / 1e6:.0f} megapixels",
        ("", "measured", "wanted at most"),
        [
            ("adding them", f"{added:.0f} s", ""),
            ("peak memory of the worker", f"{peak.bytes / 2**30:.2f} GiB", "2 GB"),
        ],
    )

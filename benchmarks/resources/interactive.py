"""Short questions to the warm compute process: a picture to predict, augmentations to preview."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring.projects import ANTS, LARGE, has_pictures, same_pictures, train
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.images import list_images
from tl_core.runs import compute_client
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import AUGMENTATIONS
from tl_core.workspace import list_projects, open_workspace

PICTURES = 20
VIEWS = 3  # as the Layers page asks for


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train", f"{ANTS}/val"):
        return None
    files = sorted((data / ANTS / "val").rglob("*.jpg"))[:PICTURES]
    (large,) = same_pictures(1, size=LARGE)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        run = train(data / ANTS / "train", Path(folder), strategy="recommended")["run"]
        workspace = open_workspace(Path(folder))
        project = list_projects(workspace)[0].id
        place = (str(workspace.root), project)
        compute_client.call("predict", *place, run, [])  # as the page does when it opens
        one = [
            _seconds(
                lambda p=p: compute_client.call("predict", *place, run, [(p.name, p.read_bytes())])
            )
            for p in files
        ]
        photograph = [
            _seconds(
                lambda: compute_client.call("predict", *place, run, [(large.name, large.read())])
            )
            for _attempt in range(5)
        ]
        images = list_images(workspace, project, limit=5)

        def preview(digest: str, *names: str) -> None:
            for name in names:
                asked = ("preview_augmentation", *place, digest, (name,), find(BUNDLED), VIEWS)
                compute_client.call(*asked)

        preview(images[0].digest, *AUGMENTATIONS)
        single = [_seconds(lambda n=n: preview(images[1].digest, n)) for n in AUGMENTATIONS]
        every = [_seconds(lambda i=i: preview(i.digest, *AUGMENTATIONS)) for i in images[2:]]
    rows = [
        goal("a picture to predict, median, ms", _ms(one), most=300, form="{:.0f}"),
        goal("the slowest of these, ms", 1000 * max(one), form="{:.0f}"),
        goal("a photograph of 12 megapixels, ms", _ms(photograph), most=300, form="{:.0f}"),
        goal("preview of one augmentation, ms", _ms(single), most=500, form="{:.0f}"),
        goal(f"previews of all {len(AUGMENTATIONS)}, ms", _ms(every), most=500, form="{:.0f}"),
    ]
    figures = {"predict": one, "photograph": photograph, "preview": single, "previews": every}
    return Measured([Table("Answers of the warm compute process", GOALS, rows)], figures)


def _seconds(question: Callable[[], object]) -> float:
    start = time.perf_counter()
    question()
    return time.perf_counter() - start


def _ms(times: list[float]) -> float:
    return 1000 * statistics.median(times)

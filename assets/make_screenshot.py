"""Make the README's picture of the app: `python -m assets.make_screenshot`.

Trains on the generated sample set in a temporary workspace and photographs the evaluation.
It needs what the tests need (requirements-dev.txt and Chromium).
"""

import io
import tempfile
import time
from pathlib import Path

from PIL import Image

from benchmarks.measuring.browser import browser_page, end_workers, server
from tl_core import runs
from tl_core.images import add_images
from tl_core.images.samples import SAMPLES, sample_files
from tl_core.runs import workers
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.draft import save_backbone
from tl_core.runs.events import result_of
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

TARGET = Path(__file__).parent / "screenshot.png"
WIDTH, HEIGHT, MARGIN = 1280, 1500, 14  # pixels
COLOURS = 128  # enough for a page with few hues; the file stays under 200 KB


def train_sample(workspace: Workspace) -> str:
    """Make a project of the generated sample set, train it as recommended, return its id."""
    sample = SAMPLES[0]
    project = create_project(workspace, sample.title)
    save_backbone(workspace, project.id, find(BUNDLED))
    result_of(add_images(workspace, project.id, sample_files(sample.key)))
    config = config_to_json(TrainingConfig(backbone=find(BUNDLED)))
    run = runs.start_run(workspace, project.id, config=config)
    workers.ensure_workers(workspace)
    while (run := runs.get_run(workspace, run.id)).active:
        time.sleep(0.5)
    if run.state != "done":
        raise RuntimeError(f"the training ended as {run.state}: {run.message}")
    return project.id


def photograph(address: str, project_id: str) -> bytes:
    """Return the evaluation page as a PNG file, from its header to the confusion matrix."""
    with browser_page(WIDTH, HEIGHT) as page:
        page.set_default_timeout(120_000)
        page.goto(f"{address}/evaluation?project={project_id}")
        page.locator(".js-plotly-plot").first.wait_for()
        page.locator(".tl-live b").wait_for()
        page.locator(".tile img").first.wait_for()
        page.wait_for_timeout(3000)  # until pictures and fonts are drawn
        header = page.locator(".st-key-header").bounding_box()
        lists = page.get_by_test_id("stSelectbox").first.bounding_box()
        top, bottom = max(0, header["y"] - MARGIN), lists["y"] + lists["height"] + MARGIN
        left, width = header["x"] - MARGIN, header["width"] + 2 * MARGIN
        return page.screenshot(clip={"x": left, "y": top, "width": width, "height": bottom - top})


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        try:
            project_id = train_sample(workspace)
            with server(workspace.root) as (address, _pid):
                picture = Image.open(io.BytesIO(photograph(address, project_id)))
        finally:
            end_workers(workspace.root)
    picture = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()

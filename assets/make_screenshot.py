"""Make pictures of the app.

    python -m assets.make_screenshot             the README's picture, of the evaluation
    python -m assets.make_screenshot --all OUT   every page: wide, narrow and dark, into a folder

Trains on the generated sample set in a temporary workspace. It needs what the tests need
(requirements-dev.txt and Chromium). To photograph a workspace of your own: `--workspace FOLDER
--project ID`.
"""

import io
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from PIL import Image

from benchmarks.measuring.browser import browser_page, chromium, end_workers, server
from pages.shared.journey import PAGES
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
VIEWS = {"wide": (1280, "light"), "narrow": (390, "light"), "dark": (1280, "dark")}
HIGHEST, SETTLE = 4000, 2500  # pixels; milliseconds until pictures and figures are drawn
COMPLETE = "!document.querySelector('[data-testid=stSkeleton], [class*=st-key-waiting-]')"
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


def photograph_all(address: str, project_id: str, out: Path) -> None:
    """Write every page, whole, as `<page>_<view>.png`; say which is wider than its view."""
    out.mkdir(parents=True, exist_ok=True)
    for view, (width, scheme) in VIEWS.items():
        with chromium() as browser:
            context = browser.new_context(
                viewport={"width": width, "height": 844}, color_scheme=scheme
            )
            context.set_default_timeout(120_000)
            page = context.new_page()
            for _label, path in PAGES.values():
                page.goto(f"{address}/{path}?project={project_id}" if path else address)
                page.locator("h1").first.wait_for()
                if path:
                    page.locator(".tl-live b").wait_for()
                page.wait_for_timeout(SETTLE)
                page.wait_for_function(COMPLETE)
                height = page.evaluate(
                    "document.querySelector('[data-testid=stMain]').scrollHeight"
                )
                page.set_viewport_size({"width": width, "height": min(height + 40, HIGHEST)})
                page.wait_for_timeout(SETTLE)
                page.screenshot(path=out / f"{path or 'home'}_{view}.png")
                page.set_viewport_size({"width": width, "height": 844})
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    print(f"{path or 'home'} is wider than {width} pixels")


@contextmanager
def trained_sample() -> Iterator[tuple[Path, str]]:
    """Yield a temporary workspace and its project, whose training is done."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        try:
            yield workspace.root, train_sample(workspace)
        finally:
            end_workers(workspace.root)


def main() -> None:
    parser = ArgumentParser(description="Make pictures of the app.")
    parser.add_argument("--all", type=Path, metavar="OUT", help="photograph every page")
    parser.add_argument("--workspace", type=Path, help="with --project: what to photograph")
    parser.add_argument("--project", help="its id")
    given = parser.parse_args()
    own = nullcontext((given.workspace, given.project)) if given.project else trained_sample()
    with own as (root, project_id), server(root) as (address, _pid):
        if given.all:
            photograph_all(address, project_id, given.all)
            return
        picture = Image.open(io.BytesIO(photograph(address, project_id)))
    picture = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()

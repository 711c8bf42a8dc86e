"""Downloads that the person asked for: begin, find, follow."""

from pages.shared import state
from pages.shared.run_control import follow, progress_bar, run_view, start, stop_button
from pages.shared.text import megabytes, plain
from tl_core.images.samples import SAMPLES
from tl_core.runs import Run, list_runs
from tl_core.runs.catalogue import Backbone, backbone_to_json

WEIGHTS, SAMPLE = "download-weights", "download-sample"


def download_weights(project_id: str, backbone: Backbone) -> Run:
    return start(project_id, WEIGHTS, {"backbone": backbone_to_json(backbone)})


def downloads(project_id: str, kind: str) -> list[Run]:
    """Return the project's downloads of this kind, the newest first."""
    return list_runs(state.current_workspace(), project_id, kind)


def weights_download(project_id: str, backbone: Backbone) -> Run | None:
    """Return the newest download of this backbone's weights."""
    config = {"backbone": backbone_to_json(backbone)}
    return next((run for run in downloads(project_id, WEIGHTS) if run.config == config), None)


def follow_download(run: Run, *, stoppable: bool = True) -> None:
    """Draw how far a download is; `stoppable` adds the button that stops it."""

    def draw(now: Run) -> None:
        view, text = run_view(now), f"{plain(_title(now))}: connecting…"
        if view.progress and view.progress.total:
            done, total = megabytes(view.progress.done), megabytes(view.progress.total)
            text = f"{plain(_title(now))}: {done} of {total}"
        progress_bar(now, view.share, text)
        if stoppable:
            stop_button(now, "Stop the download")

    follow(run, draw)


def _title(run: Run) -> str:
    if run.kind == WEIGHTS:
        return str(run.config["backbone"]["title"])
    titles = {sample.key: sample.title for sample in SAMPLES}
    return titles.get(run.config["sample"], "Sample pictures")

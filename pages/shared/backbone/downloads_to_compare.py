"""A few more backbones to compare, downloaded only when the person agrees to the size."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state
from pages.shared.downloads import start_download
from pages.shared.elements import errors_shown, note_text
from pages.shared.run_progress import LOOK_EVERY
from pages.shared.text import megabytes, plain
from tl_core.runs import Run, list_runs, read_events, request_stop
from tl_core.runs.catalogue import Backbone, backbone_to_json
from tl_core.runs.events import Progress
from tl_core.runs.workers import ensure_workers
from tl_core.workspace import Project

KIND = "download-weights"


def fetch_more(project: Project, missing: Sequence[Backbone]) -> None:
    """Offer to download some of these; show those that are on their way instead."""
    if active := _active(project):
        _follow(project, [run.id for run in active])
        return
    if not missing:
        return
    by_name = {backbone.name: backbone for backbone in missing}
    with st.popover("Download some to compare", icon=":material/download:"):
        chosen = st.multiselect(
            "Backbones",
            list(by_name),
            format_func=lambda name: (
                f"{by_name[name].title}, {megabytes(by_name[name].download_bytes)}"
            ),
            key="fetch-which",
        )
        wanted = [by_name[name] for name in chosen]
        size = sum(backbone.download_bytes for backbone in wanted)
        note_text("Only weights are fetched, from huggingface.co; no picture leaves this machine.")
        st.button(
            f"Download {megabytes(size)}" if wanted else "Download",
            key="fetch",
            disabled=not wanted,
            on_click=_start,
            args=(project, wanted),
        )


def _start(project: Project, wanted: list[Backbone]) -> None:
    with errors_shown():
        for backbone in wanted:
            config = {"backbone": backbone_to_json(backbone)}
            start_download(project.id, kind=KIND, config=config)


def _active(project: Project) -> list[Run]:
    return [run for run in list_runs(state.current_workspace(), project.id, KIND) if run.active]


def _follow(project: Project, shown: list[str]) -> None:
    workspace = state.current_workspace()
    ensure_workers(workspace)

    @st.fragment(run_every=LOOK_EVERY)
    def look() -> None:
        active = _active(project)
        if [run.id for run in active] != shown:
            st.rerun()
        for run in reversed(active):  # the oldest first: it is at work
            st.progress(*_progress(run))
        st.button(
            "Stop the downloads", key="fetch-stop", on_click=_stop, args=(shown,),
            icon=":material/stop_circle:",
        )  # fmt: skip

    look()


def _progress(run: Run) -> tuple[float, str]:
    title = plain(str(run.config.get("backbone", {}).get("title", "Weights")))
    events, _ = read_events(state.current_workspace().run_dir(run.project_id, run.id))
    last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
    if last is None or not last.total:
        return 0.0, f"{title}: waiting"
    text = f"{title}: {megabytes(last.done)} of {megabytes(last.total)}"
    return min(last.done / last.total, 1.0), text


def _stop(run_ids: list[str]) -> None:
    with errors_shown():
        for run_id in run_ids:
            request_stop(state.current_workspace(), run_id)

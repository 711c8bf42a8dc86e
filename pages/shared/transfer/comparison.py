"""The comparison of a project: which one is shown, whether it is up to date, start, follow, stop.

Everything comes from the disk; the page is drawn again whenever another part has arrived.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.layers.draft import draft
from pages.shared.run_control import (
    RunView,
    follow,
    progress_bar,
    resume,
    run_view,
    start,
    stop_button,
)
from pages.shared.text import duration, plain
from tl_core.runs import Run, list_runs
from tl_core.runs.catalogue import Backbone, backbone_to_json
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.results.assessment import (
    Assessment,
    current_labels_digest,
    has_damaged_assessment,
    read_assessment,
)
from tl_core.workspace import Project

KIND = "assess"
DOING_TEXT = {  # the parts that take more than a moment
    "random": "the same network with random weights",
    "small": "a small network from scratch",
    "scratch": "the whole network from scratch",
}


@dataclass(frozen=True)
class Comparison:
    """What is known of a project's comparison.

    `newest` is the last run; `active` it, while it is under way; `found` what the newest run
    with a result has found so far, and `outdated` why that no longer holds, a sentence.
    """

    newest: Run | None = None
    active: Run | None = None
    found: Assessment | None = None
    outdated: str | None = None


def comparison_of(project: Project) -> Comparison:
    """Return what the project's runs of this kind have found."""
    workspace = state.current_workspace()
    runs = list_runs(workspace, project.id, KIND)
    if not runs:
        return Comparison()
    read = ((run, read_assessment(workspace.run_dir(project.id, run.id))) for run in runs)
    run, found = next(((run, found) for run, found in read if found), (None, None))
    active = next((run for run in runs if run.active), None)
    outdated = _outdated(project, run, found) if found else None
    return Comparison(newest=runs[0], active=active, found=found, outdated=outdated)


def _outdated(project: Project, run: Run, found: Assessment) -> str | None:
    if current_labels_digest(state.current_workspace(), project.id) != found.labels_digest:
        return (
            "Pictures or labels have changed since this was measured. Measure again to update "
            "the results."
        )
    measured = run.config.get("backbone") or {}
    if (
        chosen_backbone(project)
        and measured
        and measured.get("name") != chosen_backbone(project).name
    ):
        return (
            f"This was measured with {measured.get('title', 'another backbone')}; the project "
            f"now uses {chosen_backbone(project).title}."
        )
    return None


def _folder(run: Run) -> Path:
    return state.current_workspace().run_dir(run.project_id, run.id)


def start_comparison(
    project: Project,
    backbone: Backbone,
    *,
    scratch: bool = False,
    pairs: Iterable[tuple[str, str]] = (),
) -> None:
    """Queue a comparison; one that is under way with the same settings is joined.

    Args:
        project: Whose pictures.
        backbone: What is compared.
        scratch: Train the whole network from scratch, too.
        pairs: Parts of the pictures to compare, as `subsets.parse_subset` reads them.
    """
    config = {
        "backbone": backbone_to_json(backbone),
        "scratch": scratch,
        "seed": draft(project).seed,
    }
    if pairs := [list(pair) for pair in pairs]:
        config["patterns"] = pairs
    with errors_shown():
        start(project.id, KIND, config)


def start_button(
    project: Project,
    label: str,
    *,
    key: str,
    help: str | None = None,
    **settings: object,
) -> None:
    """Draw a button that starts a comparison with the project's backbone and these settings."""
    st.button(
        label,
        key=key,
        icon=":material/compare_arrows:",
        help=help,
        on_click=start_comparison,
        args=(project, chosen_backbone(project)),
        kwargs=settings,
    )


def follow_comparison(run: Run, found: Assessment | None) -> None:
    """Say how far a run is and offer to stop it; the page is drawn anew with every part."""
    shown = found.parts_done if found else None

    def fresh(now: Run) -> Assessment | None:
        return read_assessment(state.current_workspace().run_dir(now.project_id, now.id))

    def more(now: Run) -> bool:
        there = fresh(now)
        return there is not None and there.parts_done != shown

    def draw(now: Run) -> None:
        with st.container(border=True, key="card-comparing"):
            progress_bar(now, *_progress(now, fresh(now)))
            stop_button(now)

    follow(run, draw, changed=more)


def _progress(run: Run, found: Assessment | None) -> tuple[float, str]:
    view = run_view(run)
    if view.phase == "features" or not found or not found.parts_total:
        text = "Computing the features of every picture"
        if view.progress is None or not view.progress.total:
            return 0.0, text
        done, total = view.progress.done, view.progress.total
        return view.share, f"{text}: {done:,} of {total:,} pictures{_left(view)}"
    text = f"Measuring: {found.parts_done} of {found.parts_total} parts are done"
    now = next((part for part in found.total if part not in found.done), None)
    if doing := DOING_TEXT.get(now):
        text += f". Now {doing}{_left(view)}"
    return min(found.parts_done / found.parts_total, 1.0), text


def _left(view: RunView) -> str:
    seconds = view.progress.seconds_left if view.progress else None
    return f", about {duration(seconds)} left" if seconds else ""


def show_state(project: Project, comparison: Comparison) -> None:
    """Draw what is under way, out of date, failed or missing, with the button that mends it."""
    if comparison.active:
        found = comparison.found if comparison.newest == comparison.active else None
        follow_comparison(comparison.active, found)
        return
    if comparison.outdated:
        st.warning(plain(comparison.outdated), icon=":material/history:")
        asked = [(pair.a, pair.b) for pair in comparison.found.similarities if pair.asked]
        start_button(project, "Measure again", key="renew", pairs=asked)
        return
    newest = comparison.newest
    if newest and has_damaged_assessment(_folder(newest)):
        st.warning(
            "The result of the last comparison cannot be read: its file assessment.json is "
            "damaged. Compare again for a new one.",
            icon=":material/report:",
        )
    if newest is None or (newest.state == "done" and not comparison.found):  # or not read here
        start_button(
            project, "Compare now", key="compare", help="Everything is computed on this machine."
        )
        return
    if newest.state in ("failed", "lost"):
        st.error(plain(newest.message or "The comparison was not completed."))
    if newest.state != "done":
        label = "Measure the rest" if comparison.found else "Try again"
        st.button(label, key="rest", icon=":material/resume:", on_click=resume, args=(newest,))

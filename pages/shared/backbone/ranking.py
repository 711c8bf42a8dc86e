"""Which backbone suits these pictures: a button measures those that are on this machine."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import charts, state
from pages.shared.downloads import WEIGHTS, download_weights, downloads, follow_download
from pages.shared.elements import data_table, errors_shown, note_text
from pages.shared.journey import usable_classes
from pages.shared.layers.draft import draft
from pages.shared.results import result_text
from pages.shared.run_control import follow, progress_bar, start, stop, stop_button
from pages.shared.text import duration, megabytes, percent, plain
from tl_core.images import list_classes
from tl_core.runs import Run, list_runs
from tl_core.runs.catalogue import CATALOGUE, Backbone, backbone_to_json, weights_state
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.results.ranking import (
    RankedBackbone,
    Ranking,
    has_damaged_ranking,
    read_ranking,
)
from tl_core.workspace import Project

KIND = "rank"
LEAST = 2  # backbones that a comparison needs


def rank_backbones(project: Project) -> None:
    """Draw the button, how far a ranking is, and the newest result as a picture."""
    workspace = state.current_workspace()
    if len(usable_classes(list_classes(workspace, project.id))) < 2:
        note_text(
            "Add pictures of two classes first; then the backbones can be compared on them here."
        )
        return
    candidates = here(project)
    runs = list_runs(workspace, project.id, KIND)
    active = next((run for run in runs if run.active), None)
    read = ((run, read_ranking(workspace.run_dir(project.id, run.id))) for run in runs)
    run, ranking = next(((run, one) for run, one in read if one), (None, None))
    if active:
        _follow(active, ranking if run == active else None)
    else:
        _offer(project, candidates, again=ranking is not None)
        if runs and has_damaged_ranking(workspace.run_dir(project.id, runs[0].id)):
            st.warning(
                "The last ranking cannot be read: its file ranking.json is damaged. Rank them "
                "again for a new one.",
                icon=":material/report:",
            )
        if runs and runs[0].state in ("failed", "lost"):
            st.error(plain(runs[0].message or "The ranking was not completed."))
    if ranking and ranking.entries:
        _show(project, ranking)


def ranked_accuracies(project: Project) -> dict[str, float]:
    """Return the accuracies of the newest ranking, fractions by the backbone's name."""
    workspace = state.current_workspace()
    for run in list_runs(workspace, project.id, KIND):
        if ranking := read_ranking(workspace.run_dir(project.id, run.id)):
            return {entry.name: entry.accuracy for entry in ranking.entries}
    return {}


def was_ranked(project: Project) -> bool:
    """Whether a ranking is there or under way."""
    return bool(list_runs(state.current_workspace(), project.id, KIND))


def here(project: Project) -> list[Backbone]:
    """Return the backbones whose weights are on this machine, the project's own one included."""
    folder = state.current_workspace().project_dir(project.id)
    known = [*CATALOGUE]
    chosen = chosen_backbone(project)
    if chosen and all((one.name, one.digest) != (chosen.name, chosen.digest) for one in known):
        known.append(chosen)
    return [one for one in known if weights_state(one, folder) in ("bundled", "cached", "file")]


def _offer(project: Project, candidates: list[Backbone], *, again: bool) -> None:
    names = ", ".join(one.title for one in candidates)
    if len(candidates) < LEAST:
        note_text(
            f"Only one backbone is on this machine so far ({names}). Download another one to "
            "compare them on your pictures."
        )
    else:
        note_text(f"On this machine: {names}.")
    there = {one.name for one in candidates}
    with st.container(horizontal=True):
        if len(candidates) >= LEAST:
            st.button(
                "Rank them again" if again else "Rank them on my pictures",
                key="rank",
                icon=":material/leaderboard:",
                on_click=_start,
                args=(project, candidates),
                help="Computes the features of all your pictures with every downloaded backbone "
                "and cross-validates a linear probe on them.",
            )
        _offer_downloads(project, [one for one in CATALOGUE if one.name not in there])


def _start(project: Project, candidates: list[Backbone]) -> None:
    backbones = [backbone_to_json(one) for one in candidates]
    with errors_shown():
        start(project.id, KIND, {"backbones": backbones, "seed": draft(project).seed})


def _offer_downloads(project: Project, missing: Sequence[Backbone]) -> None:
    """Offer to download some of these; show those that are on their way instead."""
    active = [run for run in downloads(project.id, WEIGHTS) if run.active]
    if active:
        _follow_downloads(active)
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
        note_text(
            "Only weights are downloaded, from huggingface.co; no picture leaves this machine."
        )
        st.button(
            f"Download {megabytes(size)}" if wanted else "Download",
            key="fetch",
            disabled=not wanted,
            on_click=_download,
            args=(project, wanted),
        )


def _download(project: Project, wanted: list[Backbone]) -> None:
    with errors_shown():
        for backbone in wanted:
            download_weights(project.id, backbone)


def _follow_downloads(active: list[Run]) -> None:
    for run in reversed(active):  # the oldest first: it is at work
        follow_download(run, stoppable=False)
    st.button(
        "Stop the downloads",
        key="fetch-stop",
        icon=":material/stop_circle:",
        on_click=stop,
        args=active,
    )


def _follow(run: Run, shown: Ranking | None) -> None:
    def done(now: Run) -> int:
        ranking = read_ranking(state.current_workspace().run_dir(now.project_id, now.id))
        return len(ranking.entries) if ranking else 0

    def draw(now: Run) -> None:
        total = len(now.config.get("backbones", ())) or 1
        text = f"Comparing the backbones on your pictures: {done(now)} of {total} done"
        progress_bar(now, min(done(now) / total, 1.0), text)
        stop_button(now, "Stop the ranking")

    follow(run, draw, changed=lambda now: done(now) != (len(shown.entries) if shown else 0))


def _show(project: Project, ranking: Ranking) -> None:
    chosen = (
        chosen_backbone(project).title if chosen_backbone(project) else None
    )  # names may be there twice
    entries = sorted(ranking.entries, key=lambda one: -one.accuracy)
    points = [
        charts.Ranked(
            one.title, one.accuracy, *one.interval, one.seconds, chosen=one.title == chosen
        )
        for one in entries
    ]
    charts.show(charts.ranking(points, title=_title(ranking, entries)), key="ranking")
    mark = "The diamond marks your choice. " if any(point.chosen for point in points) else ""
    note_text(
        f"{mark}Accuracy of a linear probe on {entries[0].n:,} of your pictures, each predicted "
        "by a model fitted without it. Bars are 95 % confidence intervals.",
        *ranking.notes,
    )
    with st.expander("All numbers", key="part-numbers"):
        data_table([_row(one) for one in entries], key="ranking-table")


def _title(ranking: Ranking, entries: list[RankedBackbone]) -> str:
    """Return which backbone is recommended, and why; `entries` begins with the most accurate."""
    best = entries[0]
    titles = {one.name: one.title for one in entries}
    recommended = titles.get(ranking.recommended or best.name, best.title)
    if recommended != best.title:
        return (
            f"{recommended} does about as well as {best.title} on your pictures (within one "
            "standard error) and is faster"
        )
    also = ", and the fastest of those close to it" if len(ranking.as_good) > 1 else ""
    return f"{best.title} is the most accurate on your pictures{also}"


def _row(one: RankedBackbone) -> dict[str, str]:
    return {
        "Backbone": one.title,
        "Accuracy": result_text(one.correct, one.n, interval=one.interval),
        "k-nearest neighbours": percent(one.knn_accuracy),
        "Time": duration(one.seconds),
    }

"""Which backbone suits these pictures: a button measures those that are on this machine."""

import streamlit as st

from pages.shared import charts, state
from pages.shared.accuracy import result_text
from pages.shared.backbone.downloads_to_compare import fetch_more
from pages.shared.elements import errors_shown, note_text
from pages.shared.glossary import explain
from pages.shared.run_progress import LOOK_EVERY
from pages.shared.text import duration, percent, plain
from tl_core.errors import TLCoreError
from tl_core.images import list_classes
from tl_core.runs import Run, get_run, list_runs, request_stop, start_run, workers
from tl_core.runs.catalogue import CATALOGUE, Backbone, backbone_to_json, weights_state
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.results.ranking import RankedBackbone, Ranking, read_ranking
from tl_core.workspace import Project

KIND = "rank"
LEAST = 2  # backbones that a comparison needs


def rank_backbones(project: Project) -> None:
    """Draw the button, how far a ranking is, and the newest result as a picture."""
    workspace = state.current_workspace()
    filled = [c for c in list_classes(workspace, project.id) if c.images - c.excluded >= 2]
    if len(filled) < 2:
        note_text("Once two classes have pictures, the backbones can be tried on them here.")
        return
    candidates = here(project)
    runs = list_runs(workspace, project.id, KIND)
    active = next((run for run in runs if run.active), None)
    read = ((run, read_ranking(workspace.run_dir(project.id, run.id))) for run in runs)
    run, ranking = next(((run, one) for run, one in read if one), (None, None))
    if active:
        _follow(active, len(ranking.entries) if ranking and run == active else None)
    else:
        _offer(project, candidates, again=ranking is not None)
        if runs and runs[0].state in ("failed", "lost"):
            st.error(plain(runs[0].message or "The ranking did not come to its end."))
    if ranking and ranking.entries:
        _show(project, ranking)


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
            f"On this machine there is only one backbone so far ({names}). Download another one; "
            "then both can be tried on your pictures here."
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
                help="Every backbone looks at all your pictures once.",
            )
        fetch_more(project, [one for one in CATALOGUE if one.name not in there])


def _start(project: Project, candidates: list[Backbone]) -> None:
    workspace = state.current_workspace()
    config = {"backbones": [backbone_to_json(one) for one in candidates]}
    with errors_shown():
        start_run(workspace, project.id, kind=KIND, config=config)
        workers.ensure_workers(workspace)


def _follow(run: Run, shown: int | None) -> None:
    workspace = state.current_workspace()

    @st.fragment(run_every=LOOK_EVERY)
    def look() -> None:
        try:
            now = get_run(workspace, run.id)
        except TLCoreError:
            st.rerun()
        ranking = read_ranking(workspace.run_dir(run.project_id, run.id))
        if now.state != run.state or (ranking and len(ranking.entries) != (shown or 0)):
            st.rerun()
        if now.state == "queued":
            workers.ensure_workers(workspace)
        total = len(run.config.get("backbones", ())) or 1
        done = len(ranking.entries) if ranking else 0
        text = f"Trying the backbones on your pictures: {done} of {total} are done"
        if now.state == "queued":
            text = "Waiting to start: a training may be under way"
        st.progress(min(done / total, 1.0), text=text)
        st.button(
            "Stop the ranking",
            key=f"stop-{run.id}",
            icon=":material/stop_circle:",
            disabled=now.state == "stopping",
            on_click=_stop,
            args=(run,),
        )

    look()


def _stop(run: Run) -> None:
    with errors_shown():
        request_stop(state.current_workspace(), run.id)


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
    title = ranking.sentence or f"Most accurate so far: {entries[0].title}"
    charts.show(charts.ranking(points, title=title), key="ranking")
    mark = "The diamond is your choice. " if any(point.chosen for point in points) else ""
    note_text(
        f"{mark}Right answers of a linear probe on your pictures, each answered by a model "
        f"that had not learned from it: {ranking.how}. Bars are 95 % intervals.",
        *ranking.notes,
    )
    with st.expander("All figures, and scores from the literature"):
        st.dataframe([_row(one) for one in entries], hide_index=True, key="ranking-table")
        explain("k-nearest neighbours", "LogME", "H-score")


def _row(one: RankedBackbone) -> dict[str, str]:
    return {
        "Backbone": one.title,
        "Right answers": result_text(one.correct, one.n),
        "Nearest neighbours": percent(one.knn_accuracy),
        "Time": duration(one.seconds),
        "LogME": _score(one.logme),
        "H-score": _score(one.h_score),
    }


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"

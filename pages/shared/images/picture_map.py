"""A map of the pictures: alike ones lie together; a lasso takes some into a gallery."""

import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.charts.drawing import NEUTRAL, TRAIN, VALIDATION
from pages.shared.charts.picture_map import Dots, chosen_digests, picture_map
from pages.shared.class_colours import class_colours, shown_colours
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import note_text
from pages.shared.gallery import data_uri, gallery
from pages.shared.images.changes import (
    EXCLUDE,
    RESTORE,
    act,
    class_actions,
    undo_button,
)
from pages.shared.images.tiles import picture_tile
from pages.shared.live.known import Live
from pages.shared.text import counted
from tl_core.images import ImageRecord, get_images, thumbnail_path
from tl_core.runs.results.live import LiveAnswer, PictureMap

METHOD_TEXT = {"pca": "Main differences (PCA)", "tsne": "Neighbours (t-SNE)"}
METHOD_NOTE = {
    "pca": "The two directions in which the network sees the pictures differ most.",
    "tsne": "Slower. Neighbours stay together; how far apart groups lie means nothing.",
}
BY_CLASS, BY_RIGHT, BY_SURE, BY_SOURCE = "Class", "Right or wrong", "How sure", "Folder"
SURE = ((0.9, "over 90 % sure"), (0.6, "60 to 90 % sure"), (0.0, "under 60 % sure"))
SURE_COLOURS = (VALIDATION, NEUTRAL, TRAIN)
WITHOUT = "without a class"
MOST_SOURCES = 20
UNUSED = ["toImage", "autoScale2d", "zoomIn2d", "zoomOut2d", "zoom2d"]  # by their Plotly names
LOOKED = 72  # pictures of a selection that are shown
_HOVER_CSS = """
img { position: fixed; z-index: 10; width: 132px; height: 132px; object-fit: contain;
  pointer-events: none; border-radius: 8px; background: var(--st-secondary-background-color);
  box-shadow: 0 2px 12px rgba(0, 0, 0, .35); }
[hidden] { display: none; }
"""
_hover = st.components.v2.component(
    "picture_map",
    html='<img alt="" hidden>',
    css=_HOVER_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def show_map(project_id: str, live: Live) -> None:
    """Offer the map, folded; it is made when it is asked for."""
    key = f"map-{project_id}"
    asked = state.widget_value(key)
    with st.expander(
        "Map of the pictures",
        key="part-map",
        expanded=asked is not None,
        icon=":material/scatter_plot:",
        on_change="rerun",
    ) as part:
        if not part.open:
            return
        if asked is None:
            note_text("Every picture as a dot; pictures that the network finds alike lie together.")
        else:
            _map(project_id, live, asked)
        if st.button(
            "Draw the map" if asked is None else "Draw again",
            key="map-start",
            disabled=not live.all_seen,
            help=None if live.all_seen else "Possible once all pictures have been processed.",
        ):
            state.set_widget_value(key, time.time_ns())
            st.rerun()


def _map(project_id: str, live: Live, asked: int) -> None:
    with st.container(horizontal=True):
        method = st.segmented_control(
            "Arranged by",
            list(METHOD_TEXT),
            format_func=METHOD_TEXT.__getitem__,
            default="pca",
            key="map-method",
            required=True,
        )
        by = st.segmented_control(
            "Coloured by",
            [BY_CLASS, BY_RIGHT, BY_SURE, BY_SOURCE],
            default=BY_CLASS,
            key="map-colour",
            required=True,
        )
    key = f"map-{project_id}-{method}-{asked}"
    kept: PictureMap | None = state.widget_value(key)
    if kept is None:
        root = str(state.current_workspace().root)
        future = ask("find_map", root, project_id, method, asked)
        kept = answer_or_wait(future, key="map", doing="Arranging the pictures")
        if kept is None:
            return
        state.set_widget_value(key, kept)
    records = get_images(state.current_workspace(), project_id, kept.digests)
    here = {record.digest: record for record in records if not record.excluded}
    answers = live.answers(list(kept.digests)) if live.ready else {}
    chart = picture_map(_dots(project_id, kept, here, answers, by), title=METHOD_NOTE[method])
    note_text(chart.title)
    with st.container(key="map-chart"):
        event = st.plotly_chart(
            chart.figure,
            key=f"map-dots-{method}-{by}",
            on_select="rerun",
            selection_mode=("lasso", "box", "points"),
            config={"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": UNUSED},
        )
    _thumbnail(project_id, here)
    _selected(project_id, live, [here[d] for d in chosen_digests(event) if d in here])


@st.fragment
def _thumbnail(project_id: str, here: Container[str]) -> None:
    """Show the picture of the dot below the pointer; only this part is run for it."""
    digest = getattr(state.widget_value("map-hover"), "digest", None)
    src = None
    if digest in here:
        src = data_uri(thumbnail_path(state.current_workspace(), project_id, digest))
    _hover(key="map-hover", data={"digest": digest, "src": src}, on_digest_change=lambda: None)


def _dots(
    project_id: str,
    kept: PictureMap,
    here: Mapping[str, ImageRecord],
    answers: Mapping[str, LiveAnswer],
    by: str,
) -> list[Dots]:
    """Return the pictures that are still there, by what colours them."""
    colours = shown_colours(project_id)
    groups: dict[str, list[int]] = {}
    for place, digest in enumerate(kept.digests):
        if digest in here:
            name = _group(here[digest], answers.get(digest), by)
            groups.setdefault(name, []).append(place)
    if by == BY_SOURCE and len(groups) > MOST_SOURCES:  # the smallest become one
        ranked = sorted(groups, key=lambda name: -len(groups[name]))
        rest = [place for name in ranked[MOST_SOURCES - 1 :] for place in groups.pop(name)]
        groups["other folders"] = rest
    fixed = dict(zip((text for _, text in SURE), SURE_COLOURS, strict=True))
    fixed |= {"right": VALIDATION, "wrong": TRAIN, WITHOUT: NEUTRAL, "no answer": NEUTRAL}
    palette = list(shown_colours(project_id, sorted(groups)).values())
    order = sorted(groups, key=lambda name: (name in (WITHOUT, "no answer"), name))
    return [
        Dots(
            name=name,
            colour=colours.get(name) or fixed.get(name) or palette[number % len(palette)],
            x=[kept.x[place] for place in groups[name]],
            y=[kept.y[place] for place in groups[name]],
            digests=[kept.digests[place] for place in groups[name]],
            names=[here[kept.digests[place]].name for place in groups[name]],
        )
        for number, name in enumerate(order)
    ]


def _group(record: ImageRecord, answer: LiveAnswer | None, by: str) -> str:
    if by == BY_CLASS:
        return record.class_name or WITHOUT
    if by == BY_SOURCE:
        return record.name.rpartition("/")[0] or "no folder"
    if answer is None:
        return "no answer"
    if by == BY_SURE:
        return next(text for least, text in SURE if answer.probability >= least)
    if record.class_name is None:
        return WITHOUT
    return "right" if answer.class_name == record.class_name else "wrong"


def _selected(project_id: str, live: Live, records: Sequence[ImageRecord]) -> None:
    """Draw the selected pictures with all that can be done with them."""
    if not records:
        note_text("Draw around dots to see their pictures; a click takes one.")
        undo_button(project_id, key="map-undo")
        return
    shown, colours = records[:LOOKED], class_colours(project_id)
    answers = live.answers([one.digest for one in shown]) if live.ready else {}
    more = f"; the first {LOOKED} are shown" if len(records) > LOOKED else ""
    note_text(f"{counted(len(records), 'picture')} selected{more}.")
    gallery(
        [
            picture_tile(project_id, one, answers.get(one.digest), labelled=True, said=True,
                         colours=colours)
            for one in shown
        ],
        key="map-pictures",
        actions=class_actions(project_id, also=(EXCLUDE, RESTORE)),
        on_action=lambda action, ids: act(project_id, action, ids),
    )  # fmt: skip
    undo_button(project_id, key="map-undo")

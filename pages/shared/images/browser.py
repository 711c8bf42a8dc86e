"""A project's pictures to look through: by class, in order, and what can be done with them."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.class_colours import class_colours
from pages.shared.elements import note_text
from pages.shared.gallery import PAGE_SIZE, Filter, gallery
from pages.shared.images import class_dialogs
from pages.shared.images.changes import (
    EXCLUDE,
    RESTORE,
    act,
    class_actions,
    undo_button,
)
from pages.shared.images.class_dialogs import show_filter
from pages.shared.images.order import NOTE_TEXT, NOTHING_TEXT, in_order, ordered_by
from pages.shared.images.tiles import picture_on_panel, picture_tile
from pages.shared.live.known import Live
from pages.shared.panel import open_panel, panel
from tl_core.images import (
    ClassSummary,
    count_images,
    get_images,
    list_digests,
    list_images,
)
from tl_core.runs import list_runs
from tl_core.runs.results.trained_on import pictures_then

PANEL = "images"
ALL, NEW, WITHOUT, EXCLUDED = "all", "new", "none", "excluded"
_CONDITIONS = {
    ALL: {},
    NEW: {"excluded": False},
    WITHOUT: {"class_name": None, "excluded": False},
    EXCLUDED: {"excluded": True},
}


def picture_browser(
    project_id: str,
    live: Live,
    classes: Sequence[ClassSummary],
    *,
    total: int,
    excluded: int,
) -> None:
    """Draw the filters, the buttons for the shown class, and one page of the gallery."""
    workspace = state.current_workspace()
    new = _new(project_id)
    filters = _filters(project_id, classes, total=total, new=len(new), excluded=excluded)
    chosen = state.widget_value("images-filter", ALL)
    chosen = chosen if chosen in {entry.id for entry in filters} else ALL
    conditions = _conditions(chosen)
    with st.container(horizontal=True, vertical_alignment="center", key="class-buttons"):
        order = ordered_by(live)
        _class_buttons(project_id, classes, chosen)
    if order in NOTE_TEXT:
        note_text(NOTE_TEXT[order])
    ordered = in_order(project_id, live, order, conditions)
    if chosen == NEW:
        ordered = ordered or list_digests(workspace, project_id, **conditions)
        ordered = [digest for digest in ordered if digest in new]
    shown = count_images(workspace, project_id, **conditions) if ordered is None else len(ordered)
    page = min(state.widget_value("images-page", 0), max(0, (shown - 1) // PAGE_SIZE))
    start = page * PAGE_SIZE
    if ordered is None:
        found = list_images(workspace, project_id, offset=start, limit=PAGE_SIZE, **conditions)
    else:
        found = get_images(workspace, project_id, ordered[start : start + PAGE_SIZE])
    answers = live.answers([record.digest for record in found]) if live.ready and found else {}
    colours = class_colours(project_id)
    rows = [str(record.id) for record in found]
    panel(PANEL, lambda row: picture_on_panel(project_id, live, row))
    gallery(
        [
            picture_tile(
                project_id,
                record,
                answers.get(record.digest),
                labelled=chosen in (ALL, NEW, EXCLUDED),
                said=ordered is not None,
                colours=colours,
            )
            for record in found
        ],
        key="images",
        actions=class_actions(project_id, also=(EXCLUDE, RESTORE)),
        filters=filters,
        chosen=chosen,
        first=start + 1,
        total=shown,
        nothing=NOTHING_TEXT[order],
        on_action=lambda action, ids: act(project_id, action, ids),
        on_filter=show_filter,
        on_page=lambda by: state.set_widget_value("images-page", max(0, page + by)),
        on_open=lambda row: open_panel(PANEL, rows, row),
    )


def _filters(
    project_id: str, classes: Sequence[ClassSummary], *, total: int, new: int, excluded: int
) -> list[Filter]:
    colours = class_colours(project_id)
    without = count_images(state.current_workspace(), project_id, **_CONDITIONS[WITHOUT])
    found = [Filter(id=ALL, label="All pictures", count=total)]
    found += [
        Filter(
            id=f"class:{c.name}", label=c.name, count=c.images - c.excluded, colour=colours[c.name]
        )
        for c in classes
    ]
    if new:
        found.append(Filter(id=NEW, label="New since the last training", count=new))
    if without:
        found.append(Filter(id=WITHOUT, label="Without a class", count=without))
    if excluded:
        found.append(Filter(id=EXCLUDED, label="Excluded", count=excluded))
    return found


def _new(project_id: str) -> frozenset[str]:
    """Return the digests of the pictures that the newest training did not have."""
    workspace = state.current_workspace()
    done = (run for run in list_runs(workspace, project_id, "train") if run.state == "done")
    run = next(done, None)
    known = _known_then(workspace.run_dir(project_id, run.id)) if run else None
    if known is None:
        return frozenset()
    return frozenset(list_digests(workspace, project_id, excluded=False)) - known


@st.cache_data(max_entries=8, show_spinner=False)
def _known_then(run_dir: Path) -> frozenset[str] | None:
    return pictures_then(run_dir)


def _conditions(chosen: str) -> dict:
    """Translate the chosen filter for `list_images` and `count_images`."""
    if chosen.startswith("class:"):
        return {"class_name": chosen.removeprefix("class:"), "excluded": False}
    return _CONDITIONS[chosen]


def _class_buttons(project_id: str, classes: Sequence[ClassSummary], chosen: str) -> None:
    """Draw what can be done with the shown class, and the undo of the last change."""
    entry = next((c for c in classes if f"class:{c.name}" == chosen), None)
    if st.button("New class", icon=":material/add:", key="new-class"):
        class_dialogs.new_class(project_id)
    if entry is not None:
        _named_class_buttons(project_id, classes, entry)
    undo_button(project_id)


def _named_class_buttons(
    project_id: str, classes: Sequence[ClassSummary], entry: ClassSummary
) -> None:
    others = [c.name for c in classes if c.name != entry.name]
    if st.button("Rename class", key="rename-class", icon=":material/edit:"):
        class_dialogs.rename(project_id, entry.name)
    if others and st.button("Merge", key="merge-class", icon=":material/call_merge:"):
        class_dialogs.merge(project_id, entry.name, others)
    if st.button("Delete class", key="delete-class", icon=":material/delete:"):
        class_dialogs.delete(project_id, entry.name, entry.images)

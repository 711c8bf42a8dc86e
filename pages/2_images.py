"""Step 2: bring pictures, sort them into classes, see what was left out and why."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import data_table, note_text
from pages.shared.images.adding import adding_panel, wants_more
from pages.shared.images.arrivals import show_arrivals
from pages.shared.images.browser import picture_browser
from pages.shared.images.groups import show_groups
from pages.shared.images.health import show_health
from pages.shared.images.health_check import show_health_check
from pages.shared.images.label_files import show_label_files
from pages.shared.images.locked_test import locked_part
from pages.shared.images.picture_map import show_map
from pages.shared.images.piles import show_piles
from pages.shared.images.places import show_places
from pages.shared.images.questions import show_questions
from pages.shared.images.sweep import show_sweep
from pages.shared.journey import IMAGES, LAYERS, has_material, usable_classes
from pages.shared.layout import enter, next_step, page_header
from pages.shared.text import counted
from tl_core.images import (
    clear_skipped,
    count_images,
    health_findings,
    list_classes,
    list_skipped,
    locked_test_state,
)

enter(IMAGES)


def left_out() -> None:
    title = f"Skipped: {counted(len(skipped), 'file')}, with the reason for each"
    with st.expander(title, key="part-skipped"):
        data_table([{"File": s.name, "Reason": s.reason} for s in skipped], key="skipped-table")
        if st.button("Clear this list", key="clear-skipped"):
            clear_skipped(workspace, project.id)
            st.rerun()


project = state.current_project()
workspace = state.current_workspace()
classes = list_classes(workspace, project.id)
several = len(usable_classes(classes)) >= 2
total = count_images(workspace, project.id)
excluded = count_images(workspace, project.id, excluded=True)
skipped = list_skipped(workspace, project.id)
locked = locked_test_state(workspace, project.id)
live = page_header(
    IMAGES,
    "Your pictures" if total else "Add your pictures",
    None if total else "Add pictures of each [[class]]. The model learns to tell them apart.",
)
busy = show_arrivals(project.id, empty=total == 0)

with st.expander(
    "Add pictures",
    key="part-add",
    expanded=wants_more() or (total == 0 and not busy),
    icon=":material/add_photo_alternate:",
):
    adding_panel(project.id, [entry.name for entry in classes])
if total:
    facts = [counted(total, "picture"), counted(len(classes), "class")]
    facts += [f"{excluded:,} excluded"] if excluded else []
    facts += [f"{locked.images:,} locked for testing"] if locked else []
    facts += [f"{counted(len(skipped), 'file')} skipped"] if skipped else []
    note_text(" · ".join(facts))
    show_health(health_findings(workspace, project.id))
    show_places(project.id)
    show_sweep(project.id, live)
    if not several:  # groups are what classes are made of
        show_piles(project.id)
    picture_browser(project.id, live, classes, total=total, excluded=excluded)
    if several:
        show_piles(project.id)
    show_health_check(project.id, live)
    show_groups(project.id)
    show_map(project.id, live)
    show_questions(project.id)
    show_label_files(project.id)
    locked_part(project.id)
if skipped:
    left_out()
next_step(
    LAYERS,
    "Next: choose layers",
    disabled=not has_material(workspace, project, classes),
    help=None
    if several
    else "You need at least two classes with two pictures each, or one with normal pictures only.",
)

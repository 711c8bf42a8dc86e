"""Step 2: bring pictures, sort them into classes, see what was left out and why."""

import streamlit as st

from pages.shared import state
from pages.shared.downloads import SAMPLE, downloads, follow_download
from pages.shared.elements import errors_shown, number_cards
from pages.shared.glossary import explain
from pages.shared.images.adding import adding_panel, wants_more
from pages.shared.images.arrivals import show_arrivals
from pages.shared.images.browser import picture_browser
from pages.shared.images.groups import show_groups
from pages.shared.images.health import show_health
from pages.shared.images.locked_test import locked_part
from pages.shared.journey import IMAGES, LAYERS
from pages.shared.layout import enter, next_step, page_header
from pages.shared.run_control import start
from pages.shared.text import plain
from tl_core.images import (
    clear_skipped,
    count_images,
    health_findings,
    list_classes,
    list_skipped,
)

enter(IMAGES)


def sample_download() -> bool:
    """Show a sample set on its way here; True while it is."""
    run = next(iter(downloads(project.id, SAMPLE)), None)
    if run is not None and run.active:
        follow_download(run)
        return True
    if run is not None and run.state != "done" and total == 0:
        st.warning(plain(run.message or "The download did not come to its end."))
        if st.button("Try the download again", icon=":material/download:", key="sample-again"):
            with errors_shown():
                start(project.id, SAMPLE, run.config)
                st.rerun()
    return False


def numbers() -> None:
    number_cards(
        ("Pictures", f"{total:,}", "in this project"),
        ("Classes", f"{len(classes):,}", "to tell apart"),
        ("Excluded", f"{excluded:,}", "kept, but take no part"),
        ("Left out", f"{len(skipped):,}", "files that could not be used"),
    )


def left_out() -> None:
    with st.expander(f"Left out: {len(skipped):,} files, each with the reason"):
        rows = {"File": [s.name for s in skipped], "Why": [s.reason for s in skipped]}
        st.dataframe(rows, width="stretch", hide_index=True)
        if st.button("Clear this list", key="clear-skipped"):
            clear_skipped(workspace, project.id)
            st.rerun()


project = state.current_project()
workspace = state.current_workspace()
page_header(
    IMAGES,
    "Bring your images",
    "This step collects pictures of every class, so that the model can learn what sets them apart.",
)
explain("class", "split", "test pictures", "exact duplicate")
classes = list_classes(workspace, project.id)
total = count_images(workspace, project.id)
excluded = count_images(workspace, project.id, excluded=True)
skipped = list_skipped(workspace, project.id)
busy = sample_download()
busy = show_arrivals(project.id) or busy

with st.expander(
    "Add pictures",
    expanded=wants_more() or (total == 0 and not busy),
    icon=":material/add_photo_alternate:",
):
    adding_panel(project.id, [entry.name for entry in classes])
if total:
    numbers()
    show_health(health_findings(workspace, project.id))
    st.header("Your pictures", anchor=False)
    picture_browser(project.id, classes, total=total, excluded=excluded)
    show_groups(project.id)
    locked_part(project.id)
if skipped:
    left_out()
usable = [entry for entry in classes if entry.images - entry.excluded >= 2]
next_step(
    LAYERS,
    "Next: choose layers",
    disabled=len(usable) < 2,
    help=None if len(usable) >= 2 else "At least two classes with two pictures each are needed.",
)

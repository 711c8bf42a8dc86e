"""Overview: how good the project's model is by now, what it is least sure of, a box to try it."""

import streamlit as st

from pages.shared import state
from pages.shared.glossary import term
from pages.shared.images.arrivals import show_arrivals
from pages.shared.journey import (
    OVERVIEW,
    PAGES,
    PREDICT,
    STEPS,
    TRANSFER,
    has_material,
    steps_done,
    usable_classes,
)
from pages.shared.layout import enter, next_step, page_header
from pages.shared.live.elsewhere import elsewhere_warning
from pages.shared.live.least_sure import least_sure
from pages.shared.live.number import live_numbers
from pages.shared.live.try_it import try_box
from tl_core.images import count_images, list_classes

enter(OVERVIEW)
project = state.current_project()
workspace = state.current_workspace()
live = page_header(
    OVERVIEW,
    "Your model",
    "It learns while you add and label pictures; nothing has to be started.",
)
live.follow()
total = count_images(workspace, project.id, excluded=False)
show_arrivals(project.id, empty=total == 0)
live_numbers(live, pictures=total, classes=len(list_classes(workspace, project.id)))
if live.ready and count_images(workspace, project.id, class_name=None, excluded=False):
    elsewhere_warning(live.place_change(), "The pictures without a class")

pictures, box = st.columns([3, 2], gap="medium")
with pictures:
    st.header("Pictures it is least sure of", anchor=False, help=term("probability"))
    least_sure(project, live)
with box:
    st.header("Try it", anchor=False)
    try_box(live, key="box")

done = steps_done(workspace, project)
classes = list_classes(workspace, project.id)
if len(usable_classes(classes)) < 2 and has_material(workspace, project, classes):
    done.add(TRANSFER)  # there are no classes to compare baselines by
following = next((page for page in STEPS if page not in done), PREDICT)
next_step(following, f"Next: {PAGES[following][0].lower()}")

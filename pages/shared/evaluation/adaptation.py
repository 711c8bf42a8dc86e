"""What adapting to another place does there: every method, and the pictures worth a label."""

from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.class_colours import class_colours
from pages.shared.elements import data_table, note_text
from pages.shared.gallery import Tile, gallery
from pages.shared.images.changes import act, class_actions, undo_button
from pages.shared.images.places import SHOWS
from pages.shared.result_cards import METHOD_TEXT
from pages.shared.text import percent, plain, short_sureness
from tl_core.images import get_images, thumbnail_path
from tl_core.runs import Run
from tl_core.runs.results.adaptation import AdaptationResult
from tl_core.workspace import Project

FIRST = 10  # pictures at once, those whose labels tell most


def show_adaptation(project: Project, run: Run, found: AdaptationResult) -> None:
    """Draw the methods as a table, then the pictures whose labels would tell most."""
    st.header("What each method would change", anchor=False)
    rows = [
        {
            "Method": METHOD_TEXT.get(one.name, one.name).capitalize(),
            "Changes": f"{one.moved} of {found.pictures}",
            "Undecided": f"{one.risk:.2f}",
            "Right there": "–" if one.accuracy is None else percent(one.accuracy),
            "": "chosen" if one.name == found.chosen else "",
        }
        for one in found.candidates
    ]
    data_table(rows, key=f"methods-{run.id}")
    note_text(
        "How undecided the answers are, from 0 to 1, is known without labels. It chooses the "
        "method where the places are clearly apart; five labels or more choose instead."
    )
    if found.class_shares or found.unlike_pictures is not None:
        _seen_there(run, found)
    if found.to_label:
        _to_label(project, run, found)
    if not found.measured_there:
        note_text("What follows is the unadapted model, at the first place.")


def _seen_there(run: Run, found: AdaptationResult) -> None:
    """Draw how frequent the classes are there, folded: the one that differs most is the title."""
    shares = found.class_shares or {}
    apart = sorted(shares, key=lambda name: -abs(shares[name][1] - shares[name][0]))
    title = "Unlike any class there"
    if apart:
        before, there = shares[apart[0]]
        title = f"There about {percent(there)} are “{apart[0]}”, in training {percent(before)}"
    with st.expander(plain(title), key=f"seen-there-{run.id}", icon=":material/percent:"):
        if apart:
            rows = [
                {
                    "Class": name,
                    "In training": percent(shares[name][0]),
                    "There, about": percent(shares[name][1]),
                }
                for name in apart
            ]
            data_table(rows, key=f"shares-{run.id}")
            note_text(
                "Estimated from the answers, so it is off where they are wrong: by 8 to 16 points "
                "in all when we adapted from one style of drawing to another."
            )
        if found.unlike_pictures is not None:
            note_text(f"{found.unlike_pictures} of {found.pictures} look like no known class.")
        else:
            note_text(
                "How many show none of the classes cannot be told where the places differ so "
                "much: nearly every picture there is unlike the training pictures."
            )


def _to_label(project: Project, run: Run, found: AdaptationResult) -> None:
    asked = {one.digest: one for one in found.to_label}
    records = [
        record
        for record in get_images(state.current_workspace(), project.id, list(asked))
        if record.class_name is None and not record.excluded
    ][:FIRST]
    st.header("Pictures worth a label", anchor=False)
    note_text(
        "Label these and train again: then the accuracy there is known, and the labels choose the "
        "method. Pictures whose answer changes come first."
    )
    colours = class_colours(project.id)
    tiles = [
        Tile(
            id=str(record.id),
            thumbnail=thumbnail_path(state.current_workspace(), project.id, record.digest),
            caption=_said(asked[record.digest].before, asked[record.digest].after),
            title=record.name,
            says=(asked[record.digest].after, short_sureness(asked[record.digest].probability)),
            says_colour=colours.get(asked[record.digest].after),
        )
        for record in records
    ]
    gallery(
        tiles,
        key=f"to-label-{run.id}",
        actions=class_actions(project.id, SHOWS),
        total=len(tiles),
        nothing="All of them have a label by now. Train again.",
        on_action=partial(act, project.id),
    )
    undo_button(project.id, key="undo-place")


def _said(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"

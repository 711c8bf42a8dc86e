"""Labels in sweeps, by keys: the ones that teach the model most, and what more of them bring."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.charts.amount import labels_curve
from pages.shared.charts.drawing import show
from pages.shared.class_colours import class_colours
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import note_text
from pages.shared.gallery import gallery
from pages.shared.images.changes import act, class_actions, undo_button
from pages.shared.images.places import SHOWS
from pages.shared.images.tiles import picture_on_panel, picture_tile
from pages.shared.live.known import Live
from pages.shared.live.words import change_text, measured_text, number_text
from pages.shared.panel import open_panel, panel
from pages.shared.text import counted
from tl_core.images import ImageRecord, count_images, get_images, list_classes
from tl_core.runs.results.live import SWEEP, LabelCurve

PANEL = "sweep"


@dataclass(frozen=True)
class Sweep:
    """Pictures to label, by digest; `asked` tells it from others, `accuracy` was before it."""

    asked: int
    digests: tuple[str, ...]
    accuracy: float | None


def show_sweep(project_id: str, live: Live) -> None:
    """Offer, folded, to label pictures without a class; nothing without any."""
    without = count_images(state.current_workspace(), project_id, class_name=None, excluded=False)
    if not without and state.widget_value(_key(project_id)) is None:
        return
    with st.expander(
        f"Label {SWEEP} pictures at a time",
        key="part-sweep",
        icon=":material/keyboard:",
        on_change="rerun",
    ) as part:
        if part.open:
            _opened(project_id, live, without)


def _key(project_id: str) -> str:
    return f"sweep-{project_id}"


def _opened(project_id: str, live: Live, without: int) -> None:
    if not list_classes(state.current_workspace(), project_id):
        note_text("Make a class first, with “New class” below.")
        return
    if not live.all_seen:
        note_text("Possible once all pictures have been processed.")
        return
    sweep = _sweep(project_id, live)
    if sweep is None:
        return
    found = get_images(state.current_workspace(), project_id, sweep.digests)
    left = [one for one in found if one.class_name is None and not one.excluded]
    _said(live, sweep, done=len(found) - len(left), total=len(found), without=without)
    _gallery(project_id, live, sweep, found)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Next {SWEEP}",
            key="sweep-next",
            icon=":material/arrow_forward:",
            disabled=without <= len(left),
            on_click=state.set_widget_value,
            args=(_key(project_id), None),
        )
        undo_button(project_id, key="sweep-undo")
    if live.ready and live.state.accuracy is not None:
        _growth(project_id, sweep, done=not left)


def _sweep(project_id: str, live: Live) -> Sweep | None:
    """Return the pictures to label; None while they are being chosen."""
    kept = state.widget_value(_key(project_id))
    if isinstance(kept, Sweep):
        return kept
    asked = kept or time.time_ns()
    state.set_widget_value(_key(project_id), asked)
    root = str(state.current_workspace().root)
    future = ask("live_sweep", root, project_id, SWEEP, asked)
    digests = answer_or_wait(future, key="sweep", doing="Choosing pictures")
    if digests is None:
        return None
    sweep = Sweep(asked, digests, live.state.accuracy)
    state.set_widget_value(_key(project_id), sweep)
    return sweep


def _said(live: Live, sweep: Sweep, *, done: int, total: int, without: int) -> None:
    lines = [f"{done} of {total} labelled; {counted(without, 'picture')} without a class."]
    if (now := live.state).accuracy is not None:
        line = f"Accuracy {number_text(now)} {measured_text(now)}"
        if done and sweep.accuracy is not None:
            line += f": {change_text(now.accuracy - sweep.accuracy)} points by this sweep"
        lines.append(f"{line}. Hard pictures come first, which lowers it.")
    note_text(*lines)


def _gallery(project_id: str, live: Live, sweep: Sweep, records: Sequence[ImageRecord]) -> None:
    answers = live.answers([one.digest for one in records]) if live.ready else {}
    colours, rows = class_colours(project_id), [str(one.id) for one in records]
    panel(PANEL, lambda row: picture_on_panel(project_id, live, row))
    gallery(
        [
            picture_tile(
                project_id,
                one,
                answers.get(one.digest),
                labelled=one.class_name is not None,
                said=False,
                colours=colours,
            )
            for one in records
        ],
        key=f"sweep-{sweep.asked}",
        actions=class_actions(project_id, SHOWS),
        nothing="Every picture has a class.",
        quick=True,
        on_action=partial(act, project_id),
        on_open=lambda row: open_panel(PANEL, rows, row),
    )


def _growth(project_id: str, sweep: Sweep, *, done: bool) -> None:
    """Draw what labels have brought, measured when a sweep begins and when it is done."""
    root, when = str(state.current_workspace().root), f"{sweep.asked}{'-done' if done else ''}"
    future = ask("live_growth", root, project_id, when)
    found = answer_or_wait(future, key="growth", doing="Measuring what labels have brought")
    if found is not None:
        show(labels_curve(found.points, title=growth_text(found)), key="growth")


def growth_text(found: LabelCurve) -> str:
    """Return what the next sweep may add, a sentence."""
    high = f"at most {100 * found.gain_high:.1f} points"
    if found.hardly:
        return f"More labels will hardly help: the next {SWEEP} add {high}"
    if found.gain <= 0:
        return f"The last labels brought nothing that can be measured; the next {SWEEP} add {high}"
    return f"The next {SWEEP} labels may add about {100 * found.gain:.1f} points, {high}"

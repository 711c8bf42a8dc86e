"""The health check: what is wrong with the pictures, by how much it matters, mended where it shows.

What was found stays until it is asked for again; what has been mended since then is left out.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import card, errors_shown, name_text, note_text
from pages.shared.gallery import Action, Tile, data_uri, gallery
from pages.shared.images.changes import EXCLUDE, act, class_actions, undo_button
from pages.shared.live.known import Live
from pages.shared.text import counted, short_sureness
from tl_core.images import (
    ImageRecord,
    accept_groups,
    assign_class,
    dismiss_findings,
    dismissed_findings,
    get_images,
    list_classes,
    list_groups,
    merge_classes,
    restore_findings,
    set_excluded,
    thumbnail_path,
)
from tl_core.runs.results.health import ABOUT_CLASSES, Finding, Health, single_message

LISTED = 10  # findings; the rest on demand
STRIP, LOOKED = 10, 72  # pictures of a finding: at a glance, and when it is opened
ACTIONS = (
    Action(id="take", label="Take what the model says", shortcut="t"),
    EXCLUDE,
    Action(id="right", label="It is right", shortcut="r"),
)
SINGLE = ("label", "quality", "outlier")  # each of whose pictures is a case of its own
COPIES = {
    "duplicate": "{} exactly like another picture, with the same label. The copies are not used.",
    "near_duplicate": "{} of pictures that show the same thing. Each stays together.",
}
IMPACT = ((0.7, "Matters most"), (0.45, "Worth a look"), (0.0, "Minor"))


def show_health_check(project_id: str, live: Live) -> None:
    """Offer the check; draw what was found once that was asked for."""
    key = f"health-{project_id}"
    kept = state.widget_value(key)
    with st.expander(
        "Health check",
        key="part-health",
        expanded=kept is not None,
        icon=":material/health_and_safety:",
        on_change="rerun",
    ) as part:
        if not part.open:
            return
        if kept is None:
            note_text(
                "Looks for wrong labels, copies, bad pictures, and anything that gives a class "
                "away. Nothing is changed."
            )
        if isinstance(kept, int):
            future = ask("find_health", str(state.current_workspace().root), project_id, kept)
            kept = answer_or_wait(future, key="health", doing="Checking the pictures")
            if kept is None and not future.done():
                return
            state.set_widget_value(key, kept)
        if kept is not None:
            _show(project_id, kept)
        if st.button(
            "Check the pictures" if kept is None else "Check again",
            key="health-start",
            disabled=not live.all_seen,
            help=None if live.all_seen else "Possible once all pictures have been processed.",
        ):
            state.set_widget_value(key, time.time_ns())
            st.rerun()


def _show(project_id: str, health: Health) -> None:
    workspace = state.current_workspace()
    dismissed = dismissed_findings(workspace, project_id)
    found = _left(project_id, health.without(dismissed).findings)
    name_text(counted(len(found), "finding") if found else "Nothing found that is wrong")
    many = len(found) > LISTED and not st.toggle("Show all", key="health-all")
    for finding in found[:LISTED] if many else found:
        _finding(project_id, finding)
    with st.container(horizontal=True, vertical_alignment="center"):
        undo_button(project_id, key="health-undo")
        if dismissed:
            _button("Bring back what was dismissed", "health-restore",
                    lambda: restore_findings(workspace, project_id))  # fmt: skip


def _left(project_id: str, findings: Sequence[Finding]) -> list[Finding]:
    """Return what still stands: of pictures that have the label of then and are not excluded."""
    workspace = state.current_workspace()
    digests = {one.digest for finding in findings for one in finding.pictures if one.digest}
    records = {one.digest: one for one in get_images(workspace, project_id, sorted(digests))}
    classes = {one.name for one in list_classes(workspace, project_id)}
    confirmed = {
        one.digest
        for group in list_groups(workspace, project_id)
        if group.accepted
        for one in group.images
    }
    found = []
    for finding in _together(findings):
        pictures = tuple(
            one
            for one in finding.pictures
            if one.digest is None or _stands(records.get(one.digest), one.label)
        )
        several = finding.kind in ("duplicate", "near_duplicate")
        kept = sum(one.digest is not None for one in pictures)
        if finding.kind == "near_duplicate" and len(finding.classes) < 2:
            gone = {one.digest for one in pictures} <= confirmed
        elif finding.kind in ABOUT_CLASSES:
            gone = not classes.issuperset(finding.classes)
        else:
            gone = not kept
        if gone or (several and len(pictures) < 2):
            continue
        message = finding.message
        if finding.kind in SINGLE:
            message = single_message(finding.kind, finding.about, len(pictures))
        found.append(replace(finding, pictures=pictures, message=message))
    return found


def _together(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with all copies of one label as one, and all groups of one."""
    found = []
    for kind, text in COPIES.items():
        some = [one for one in findings if one.kind == kind and len(one.classes) < 2]
        if some:
            pictures = tuple(picture for one in some for picture in one.pictures)
            count = len(some) if kind == "near_duplicate" else len(pictures) - len(some)
            message = text.format(counted(count, "group" if kind == "near_duplicate" else "file"))
            found.append(replace(some[0], pictures=pictures, message=message, classes=()))
    others = [one for one in findings if one.kind not in COPIES or len(one.classes) > 1]
    return sorted([*others, *found], key=lambda one: -one.severity)


def _stands(record: ImageRecord | None, label: str | None) -> bool:
    return record is not None and not record.excluded and record.class_name == label


def _finding(project_id: str, finding: Finding) -> None:
    workspace = state.current_workspace()
    stable = finding.kind in SINGLE or (finding.kind in COPIES and len(finding.classes) < 2)
    told = [] if stable else sorted(finding.keys)
    name = f"{finding.kind}-{finding.about}-{zlib.crc32(repr(told).encode()):x}"
    with card(f"health-{name}"):
        impact = next(text for least, text in IMPACT if finding.severity >= least)
        stake = f" · up to {finding.points:.1f} points of accuracy" if finding.points else ""
        name_text(finding.message, note=f"{impact}{stake}", clip=False)
        look = st.toggle("Look closer", key=f"health-look-{name}")
        if look:
            _gallery(project_id, finding, name)
        else:
            digests = [one.digest for one in finding.pictures if one.digest][:STRIP]
            paths = [thumbnail_path(workspace, project_id, digest) for digest in digests]
            images = "".join(f'<img src="{data_uri(path)}" alt="">' for path in paths)
            st.html(f'<div class="tl-strip">{images}</div>')
        with st.container(horizontal=True):
            for label, remedy in _remedies(project_id, finding):
                _button(label, f"health-{label}-{name}", remedy)
            _button("Dismiss", f"health-dismiss-{name}",
                    lambda: dismiss_findings(workspace, project_id, finding.keys))  # fmt: skip


def _remedies(project_id: str, finding: Finding) -> list[tuple[str, Callable[[], object]]]:
    """Return what one click can do about it."""
    workspace = state.current_workspace()
    digests = [one.digest for one in finding.pictures if one.digest]

    def exclude(some: Sequence[str]) -> Callable[[], object]:
        return lambda: set_excluded(workspace, project_id, _ids(project_id, some), True)

    def settle(name: str) -> None:
        assign_class(workspace, project_id, _ids(project_id, digests), name)
        dismiss_findings(workspace, project_id, finding.keys)

    if finding.kind in COPIES and len(finding.classes) > 1:
        return [(f"It is “{name}”", partial(settle, name)) for name in finding.classes]
    if finding.kind == "near_duplicate":
        groups = [
            group
            for group in list_groups(workspace, project_id)
            if {one.digest for one in group.images} & set(digests)
        ]
        names = [group.name for group in groups]
        rest = [one.digest for group in groups for one in group.images[1:] if not one.excluded]
        return [
            ("Confirm the groups", lambda: accept_groups(workspace, project_id, names)),
            ("Exclude all but one of each", exclude(rest)),
        ]
    if finding.kind == "overlap":
        near = [one.digest for one in finding.pictures if one.digest and one.split]
        return [("Exclude these test pictures", exclude(near))] if near else []
    if finding.kind == "similar_classes":
        into = finding.classes[0]
        return [
            (
                f"Merge into “{into}”",
                lambda: merge_classes(workspace, project_id, finding.classes, into),
            )
        ]
    if finding.kind in ("quality", "outlier"):
        return [(f"Exclude {'it' if len(digests) == 1 else 'all'}", exclude(digests))]
    return []


def _gallery(project_id: str, finding: Finding, name: str) -> None:
    workspace = state.current_workspace()
    shown = [one for one in finding.pictures if one.digest][:LOOKED]
    records = {
        one.digest: one for one in get_images(workspace, project_id, [one.digest for one in shown])
    }
    suggested = {
        str(records[one.digest].id): one.suggested for one in shown if one.digest in records
    }
    tiles = [
        Tile(
            id=str(records[one.digest].id),
            thumbnail=thumbnail_path(workspace, project_id, one.digest),
            caption=one.file.rsplit("/", 1)[-1],
            title=one.file,
            mark=one.label,
            says=(one.suggested, short_sureness(one.probability)) if one.suggested else None,
        )
        for one in shown
        if one.digest in records
    ]
    moves = class_actions(project_id, "Move to {}", buttons=0, also=())

    def done(action: str, ids: list[str]) -> None:
        with errors_shown():
            if action == "right":
                rows = {str(one.id): digest for digest, one in records.items()}
                gone = {rows[one] for one in ids if one in rows}
                some = tuple(one for one in shown if one.digest in gone)
                keys = finding.keys if finding.kind not in SINGLE else ()
                keys = keys or replace(finding, pictures=some).keys
                dismiss_findings(workspace, project_id, keys)
            elif action == "take":
                for wanted in sorted({suggested[one] for one in ids if suggested.get(one)}):
                    same = [one for one in ids if suggested.get(one) == wanted]
                    act(project_id, f"class:{wanted}", same)
            else:
                act(project_id, action, ids)

    gallery(tiles, key=f"health-pictures-{name}", actions=[*ACTIONS, *moves], on_action=done)


def _button(label: str, key: str, remedy: Callable[[], object]) -> None:
    def done() -> None:
        with errors_shown():
            remedy()

    st.button(label, key=key, on_click=done)


def _ids(project_id: str, digests: Sequence[str]) -> list[int]:
    return [one.id for one in get_images(state.current_workspace(), project_id, digests)]

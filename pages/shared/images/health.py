"""What stands in the way of a good model, in words."""

from collections.abc import Callable
from html import escape

import streamlit as st

from tl_core.images.health import FEW_PER_CLASS, HealthFinding, PictureName
from tl_core.images.sets import LEAST_PER_CLASS

MOST_CLASSES_NAMED = 5
MOST_PAIRS_NAMED = 3
TEXT = {
    "no pictures": "There are no pictures with a class yet. Add a folder with one folder per "
    "class.",
    "one class": "There is one class only ({classes}). A model needs at least two to tell apart; "
    "add pictures of another one.",
    "many classes": "There are {counts[0]} classes. That works, but each needs enough pictures, "
    "and chance alone is right only once in so many times.",
    "separated copies": "Your own folders put pictures that show the same thing on both sides of "
    "the test: {pairs}. The measured accuracy will look better than it is; exclude one of each.",
    "one source": "All pictures of {classes} are one group: copies of one another, or one series. "
    "Nothing can be put aside to measure on there. Add pictures from another source, or split the "
    "group below if they show different things.",
    "conflicting labels": "Pictures that show the same thing have different classes: {labelled}. "
    "Look whether one of the labels is wrong.",
    "too few": f"Fewer than {LEAST_PER_CLASS} pictures in {{classes}}: training cannot start. Add "
    "some or delete the class.",
    "few": f"Fewer than {FEW_PER_CLASS} pictures in {{classes}}. More pictures there would help "
    "most, and would make the measured accuracy more certain.",
    "imbalance": "The classes differ in size: '{names[0]}' has {counts[0]:,} pictures, "
    "'{names[1]}' has {counts[1]:,}. Training makes up for it, but look at each class on its own "
    "in the evaluation.",
    "similar names": "The classes {classes} differ only in capital letters. If they mean the same, "
    "merge them.",
    "unlabelled": "{unlabelled} no part. Move them into a class or leave them out.",
}


def show_health(findings: list[HealthFinding]) -> None:
    if findings:
        items = "".join(f"<li>{escape(sentence(finding))}</li>" for finding in findings)
        st.html(f'<div class="tl-advice"><b>Worth knowing</b><ul>{items}</ul></div>')


def sentence(finding: HealthFinding) -> str:
    """Return what was found, and what to do about it."""
    count = finding.counts[0] if finding.counts else 0
    return TEXT[finding.kind].format(
        names=finding.classes,
        counts=finding.counts,
        classes=_listed([f"'{name}'" for name in finding.classes], ", ", MOST_CLASSES_NAMED),
        pairs=_pairs(finding, lambda one: f"'{one.name}'"),
        labelled=_pairs(finding, lambda one: f"'{one.name}' ({one.class_name})"),
        unlabelled="1 picture without a class takes"
        if count == 1
        else f"{count:,} pictures without a class take",
    )


def _pairs(finding: HealthFinding, text: Callable[[PictureName], str]) -> str:
    pairs = [f"{text(one)} and {text(other)}" for one, other in finding.pairs]
    return _listed(pairs, "; ", MOST_PAIRS_NAMED)


def _listed(items: list[str], separator: str, most: int) -> str:
    shown = separator.join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"

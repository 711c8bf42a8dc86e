"""What stands in the way of a good model, in words."""

from collections.abc import Callable

import streamlit as st

from pages.shared.text import html_text
from tl_core.images.health import FEW_PER_CLASS, HealthFinding, PictureName
from tl_core.images.sets import LEAST_PER_CLASS

MOST_CLASSES_NAMED = 5
MOST_PAIRS_NAMED = 3
TEXT = {
    "no pictures": "There are no pictures with a class yet. Add a folder with one subfolder per "
    "class.",
    "one class": "There is only one class ({classes}). If all of its pictures are normal, "
    "the model can learn to find what is not. To tell classes apart, add pictures of another.",
    "many classes": "There are {counts[0]} classes. Each needs enough pictures; random guessing "
    "would be right once in {counts[0]} times.",
    "separated copies": "Your training and test folders contain pictures that show the same "
    "thing: {pairs}. The measured accuracy will be too high; exclude one of each.",
    "one source": "All pictures of {classes} are one group: copies of one another, one "
    "series or one recording. None can be held out to measure on. Add pictures from another "
    "source, or split the group below if they show different things.",
    "conflicting labels": "Pictures that show the same thing have different classes: "
    "{labelled}. Check whether one of the labels is wrong.",
    "too few": f"Fewer than {LEAST_PER_CLASS} pictures in {{classes}}: training cannot start. Add "
    "some or delete the class.",
    "few": f"Fewer than {FEW_PER_CLASS} pictures in {{classes}}: more would help most there.",
    "imbalance": "The classes are imbalanced: '{names[0]}' has {counts[0]:,} pictures, "
    "'{names[1]}' has {counts[1]:,}. Class weights in training make up for it, but check the "
    "recall of each class in the evaluation.",
    "similar names": "The classes {classes} differ only in capital letters. If they mean the same, "
    "merge them.",
    "unlabelled": "{unlabelled} not used. Move them into a class or exclude them.",
}


def show_health(findings: list[HealthFinding]) -> None:
    if findings:
        items = "".join(f"<li>{html_text(sentence(finding))}</li>" for finding in findings)
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
        unlabelled="1 picture without a class is"
        if count == 1
        else f"{count:,} pictures without a class are",
    )


def _pairs(finding: HealthFinding, text: Callable[[PictureName], str]) -> str:
    pairs = [f"{text(one)} and {text(other)}" for one, other in finding.pairs]
    return _listed(pairs, "; ", MOST_PAIRS_NAMED)


def _listed(items: list[str], separator: str, most: int) -> str:
    shown = separator.join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"

"""One colour per class, the same on every page: by the class's place among the project's."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state
from pages.shared.text import html_text
from tl_core.images import list_classes

# On a light and on a dark page; told apart with every common kind of colour blindness.
# Source: Okabe & Ito (2008), "Color Universal Design". After the last one they begin again: the
# class's name always stands beside its colour.
PALETTE = (
    ("#0072B2", "#56B4E9"),
    ("#E69F00", "#E69F00"),
    ("#009E73", "#2BB88F"),
    ("#CC79A7", "#CC79A7"),
    ("#56B4E9", "#9AD4F5"),
    ("#D55E00", "#F0783A"),
    ("#8C7A00", "#F0E442"),
    ("#7F7F7F", "#A6A6A6"),
)


def class_colours(project_id: str, names: Sequence[str] = ()) -> dict[str, str]:
    """Return a CSS colour by class name, for both themes.

    Args:
        project_id: Its classes come first, in their order.
        names: Further classes, such as those that a run knew and that are gone now.
    """
    places = _places(project_id, names)
    return {name: "light-dark({}, {})".format(*_pair(place)) for name, place in places.items()}


def shown_colours(project_id: str, names: Sequence[str] = ()) -> dict[str, str]:
    """Return the same for the theme that is shown, for figures, which know no other."""
    dark = st.context.theme.type == "dark"
    return {name: _pair(place)[dark] for name, place in _places(project_id, names).items()}


def class_chip(name: str, colour: str) -> str:
    """Return HTML of a class's name beside its colour."""
    return (
        f'<span class="tl-class" style="--class:{colour}" dir="auto"><i></i>'
        f"{html_text(name)}</span>"
    )


def _places(project_id: str, names: Sequence[str]) -> dict[str, int]:
    known = [entry.name for entry in list_classes(state.current_workspace(), project_id)]
    return {name: place for place, name in enumerate(dict.fromkeys([*known, *names]))}


def _pair(place: int) -> tuple[str, str]:
    return PALETTE[place % len(PALETTE)]

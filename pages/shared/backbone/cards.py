"""Backbones as cards, and a search: what each is good at and needs, whether it is here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from pages.shared.elements import (
    badges,
    card,
    errors_shown,
    name_text,
    note_text,
    number_cards,
)
from pages.shared.glossary import TERMS
from pages.shared.text import count_text, html_text, licence_text, megabytes, percent, plain
from tl_core.runs import compute_client
from tl_core.runs.catalogue import Backbone, weights_state

SEARCH_RESULTS = 12
KNOWS = {"ImageNet-1k": "1,000 kinds of things"}
_PLACES = {
    "bundled": "Included in this app",
    "cached": "On this machine",
    "file": "Your own file",
    "file missing": "File is missing",
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured here, by a backbone's name: pictures per second; accuracy on the pictures.

    What is not known is missing.
    """

    speeds: Mapping[str, float] = field(default_factory=dict)
    accuracies: Mapping[str, float] = field(default_factory=dict)


def backbone_cards(
    backbones: Sequence[Backbone],
    *,
    key: str,
    chosen: Backbone | None,
    on_choose: Callable[[Backbone], None],
    measured: Measured = Measured(),
) -> None:
    """Draw a grid of cards, each with the button that chooses it."""
    largest = max((one.parameters for one in backbones), default=0)
    with st.grid(min_column_width=300, gap="small"):
        for number, backbone in enumerate(backbones):
            same = chosen is not None and chosen.name == backbone.name
            same = same and chosen.digest == backbone.digest
            bars = _bars(backbone, measured, largest)
            _card(backbone, f"{key}-{number}", same, on_choose, bars)


def chosen_card(backbone: Backbone, speed: float | None) -> None:
    """Draw the network that the project uses: what it knows, and its speed here if known."""
    kind = f"[[{backbone.family}]]" if backbone.family in TERMS else backbone.family
    knows = backbone.pretraining.split(", ", 1)[-1]
    with card("network", chosen=True):
        st.html(
            f'<div class="tl-note">Chosen</div><div class="tl-winner">{html_text(backbone.title)}'
            f'</div><div class="tl-note">{html_text(backbone.good_at)}</div>'
        )
        number_cards(
            ("Speed here", f"{speed:.0f} pictures per second" if speed else "…"),
            ("Size", f"{count_text(backbone.parameters)} parameters"),
            ("What it knows", KNOWS.get(knows, knows)),
        )
        note_text(" · ".join([kind, *facts_lines(backbone)]))


def _bars(backbone: Backbone, measured: Measured, largest: int) -> str:
    """Return size, speed and accuracy as bars, HTML; what was not measured is left out."""
    fastest = max(measured.speeds.values(), default=0.0)
    rows = [("Size", f"{count_text(backbone.parameters)}", backbone.parameters / max(largest, 1))]
    if speed := measured.speeds.get(backbone.name):
        rows.append(("Speed here", f"{speed:.0f} per second", speed / fastest))
    if (accuracy := measured.accuracies.get(backbone.name)) is not None:
        rows.append(("Accuracy on your pictures", percent(accuracy), accuracy))
    bars = "".join(
        f'<div><span>{label}</span><span>{html_text(value)}</span><div class="tl-track">'
        f'<div style="width:{100 * share:.0f}%"></div></div></div>'
        for label, value, share in rows
    )
    return f'<div class="tl-bars">{bars}</div>'


def place_text(backbone: Backbone, place: str) -> str:
    """Say where the weights are, `place` as from `weights_state`."""
    size = (
        f"Download {megabytes(backbone.download_bytes)}" if backbone.download_bytes else "Download"
    )
    return _PLACES.get(place, size)


def facts_lines(backbone: Backbone) -> list[str]:
    """Say how large it is, what it was trained on, and what may be done with it."""
    size = f"[[{backbone.input_size} × {backbone.input_size} pixels|input size]]"
    if backbone.parameters:
        size = f"{count_text(backbone.parameters)} [[parameters]] · {size}"
    trained = backbone.pretraining
    for kind in ("self-supervised", "supervised"):
        if trained.startswith(kind):
            trained = trained.replace(kind, f"[[{kind}]]", 1)
            break
    licence = f"Licence: {licence_text(backbone.licence)}" if backbone.licence else ""
    return [line for line in (size, trained, licence) if line]


def _card(
    backbone: Backbone, key: str, chosen: bool, on_choose: Callable[[Backbone], None], bars: str
) -> None:
    place = weights_state(backbone)
    here = place in ("bundled", "cached")
    with card(key, chosen=chosen):
        badges(
            *([place_text(backbone, place)] if here else []),
            quiet=(
                *(() if here else (place_text(backbone, place),)),
                backbone.family,
            ),
        )
        name_text(backbone.title, note=backbone.good_at)
        st.html(bars)
        note_text(*facts_lines(backbone)[1:] if backbone.parameters else facts_lines(backbone))
        if chosen:
            st.button("Chosen", key=key, icon=":material/check_circle:", disabled=True)
        elif st.button("Use this" if here else "Download and use", key=key):
            on_choose(backbone)


@st.cache_data(max_entries=100, show_spinner="Searching…")
def find_backbones(words: str) -> list[Backbone]:
    return compute_client.call("search_backbones", words, SEARCH_RESULTS)


def search_form(chosen: Backbone | None, on_choose: Callable[[Backbone], None]) -> None:
    """Search everything that timm offers with pretrained weights."""
    words = st.text_input(
        "Search all pretrained models of the timm library",
        key="backbone-search",
        placeholder="convnext tiny",
        help="About 1,500 models. Type part of a name; the search works offline.",
    ).strip()
    if not words:
        return
    found: list[Backbone] = []
    with errors_shown():
        found = find_backbones(words)
        if not found:
            st.info(
                f"No pretrained model matches “{plain(words)}”. Try a shorter part of the name."
            )
    backbone_cards(found, key="found", chosen=chosen, on_choose=on_choose)

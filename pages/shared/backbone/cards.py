"""Backbones as cards: what each is good at, what it needs, whether it is here already."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared.elements import badges, card, name_text, note_text
from pages.shared.text import count_text, megabytes
from tl_core.runs.catalogue import Backbone, weights_state

_PLACES = {
    "bundled": "Comes with this app",
    "cached": "On this machine",
    "file": "Your own file",
    "file missing": "File is missing",
}


def backbone_cards(
    backbones: Sequence[Backbone],
    *,
    key: str,
    chosen: Backbone | None,
    on_choose: Callable[[Backbone], None],
) -> None:
    """Draw a grid of cards, each with the button that chooses it."""
    with st.grid(min_column_width=300, gap="small"):
        for number, backbone in enumerate(backbones):
            same = chosen is not None and chosen.name == backbone.name
            same = same and chosen.digest == backbone.digest
            _card(backbone, f"{key}-{number}", same, on_choose)


def place_text(backbone: Backbone, place: str) -> str:
    """Say where the weights are, `place` as from `weights_state`."""
    size = (
        f"Download {megabytes(backbone.download_bytes)}" if backbone.download_bytes else "Download"
    )
    return _PLACES.get(place, size)


def facts_lines(backbone: Backbone) -> list[str]:
    """Say how large it is, what it was trained on, and what may be done with it."""
    size = f"{backbone.input_size} × {backbone.input_size} pixels"
    if backbone.parameters:
        size = f"{count_text(backbone.parameters)} parameters · {size}"
    trained = backbone.pretraining
    licence = f"Licence: {backbone.licence}" if backbone.licence else ""
    return [line for line in (size, f"{trained[:1].upper()}{trained[1:]}", licence) if line]


def _card(
    backbone: Backbone, key: str, chosen: bool, on_choose: Callable[[Backbone], None]
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
        note_text(*facts_lines(backbone))
        if chosen:
            st.button("Chosen", key=key, icon=":material/check_circle:", disabled=True)
        elif st.button("Use this" if here else "Download and use", key=key):
            on_choose(backbone)

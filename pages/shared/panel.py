"""One picture large, over the page: what a model says of it, where it looked, how to mend it.

Any gallery or answer opens it; the page says what stands on it, by `PanelPicture`.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait
from pages.shared.elements import name_text, note_text
from tl_core.errors import TLCoreError
from tl_core.images import read_picture, read_untrusted

SHOWN = 640  # pixels, the shorter side
HEAT_TEXT = "Warm areas speak most for this class. The dark border is cropped off."
_OPEN = "panel-open"


@dataclass(frozen=True, kw_only=True)
class PanelPicture:
    """What stands on the panel.

    Args:
        name: The picture's.
        picture: A file that this app keeps, or a stranger's file's content.
        said: Plain lines below the picture.
        answer: Draws what the model says.
        class_names: Of the model that tells where it looked.
        explain_first: The class, by index, for which it tells that first.
        heat: Returns the tinted picture to come for a class index; None where there is no model.
        mend: Draws how its label can be mended.
    """

    name: str
    picture: Path | bytes
    said: tuple[str, ...] = ()
    answer: Callable[[], None] | None = None
    class_names: Sequence[str] = ()
    explain_first: int = 0
    heat: Callable[[int], Future] | None = None
    mend: Callable[[], None] | None = None


def open_panel(key: str, ids: Sequence[str], chosen: str) -> None:
    """Open the panel of `key` on one of these pictures; the others can be turned to."""
    _open_at(key, tuple(ids), list(ids).index(chosen))


def panel(key: str, picture: Callable[[str], PanelPicture | None]) -> None:
    """Draw the panel of `key` if it is open; a page can show one dialog at a time.

    Args:
        key: As for `open_panel`.
        picture: Returns what stands on it by id; None if the picture is gone.
    """
    opened = state.widget_value(_OPEN)
    if opened and opened[:2] == (state.visits(), key):
        _panel(picture)


def close_panel() -> None:
    state.set_widget_value(_OPEN, None)


def _open_at(key: str, ids: tuple[str, ...], at: int) -> None:
    state.set_widget_value(_OPEN, (state.visits(), key, ids, at))


@st.dialog("Look closer", width="large", on_dismiss=close_panel)
def _panel(picture: Callable[[str], PanelPicture | None]) -> None:
    _visit, key, ids, at = state.widget_value(_OPEN)
    shown = picture(ids[at])
    with st.container(key="panel"):
        _turn(key, ids, at)
        if shown is None:
            note_text("This picture is no longer in the project.")
            return
        large, said, looked = st.columns([4, 3, 4], gap="medium")
        with large:
            show_reduced(shown.picture)
            name_text(shown.name, clip=True)
            note_text(*shown.said)
        with said:
            for draw in filter(None, (shown.answer, shown.mend)):
                draw()
        with looked:
            if shown.heat:
                _heat(shown, ids[at])


def _turn(key: str, ids: tuple[str, ...], at: int) -> None:
    if len(ids) < 2:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="panel-turn"):
        for by, label, icon in ((-1, "Previous", "chevron_left"), (1, "Next", "chevron_right")):
            st.button(
                label,
                key=f"panel-{label}",
                icon=f":material/{icon}:",
                icon_position="left" if by < 0 else "right",
                disabled=not 0 <= at + by < len(ids),
                on_click=_open_at,
                args=(key, ids, at + by),
            )
        note_text(f"{at + 1:,} of {len(ids):,}")


def show_reduced(picture: Path | bytes) -> None:
    """Draw the picture within the page: as a file of the server it might be gone when asked for."""
    try:
        text = b64encode(_reduced(picture)).decode("ascii")
    except (TLCoreError, OSError):
        note_text("This picture's file can no longer be read.")
    else:
        st.html(f'<img class="tl-picture" src="data:image/webp;base64,{text}" alt="">')


@st.cache_data(max_entries=64, show_spinner=False)
def _reduced(picture: Path | bytes) -> bytes:
    """Return the picture upright and small, WebP; decoding it anew at every click would be slow."""
    read = read_picture if isinstance(picture, Path) else read_untrusted
    image = read(picture, shortest=SHOWN)
    image.thumbnail((2 * SHOWN, SHOWN))
    content = BytesIO()
    image.save(content, "WEBP", quality=88)
    return content.getvalue()


def _heat(shown: PanelPicture, shown_id: str) -> None:
    key = f"heat-class-{shown_id}"
    wanted = state.widget_value(key)
    wanted = shown.explain_first if wanted is None else int(wanted)
    tinted = answer_or_wait(shown.heat(wanted), key="explain", doing="Computing the heat map")
    if tinted:
        st.image(tinted, width="stretch")
    st.selectbox(
        "Heat: what spoke for",
        range(len(shown.class_names)),
        index=shown.explain_first,
        format_func=shown.class_names.__getitem__,
        key=key,
    )
    note_text(HEAT_TEXT)

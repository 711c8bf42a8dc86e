"""What pages are built of: cards, numbers, names, notes, badges, messages.

Names that people typed or uploaded go through `plain` (markdown) or `html.escape` (HTML), so
that they show as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.glossary import explained
from pages.shared.text import html_text, plain
from tl_core.errors import TLCoreError
from tl_core.workspace.names import without_formula

UNLIKE_TEXT = "Unlike anything this model was trained on: do not rely on its answer."


def card(key: str, *, chosen: bool = False) -> DeltaGenerator:
    """Return a bordered container in the app's card style; `key` is unique on the page."""
    suffix = "-chosen" if chosen else ""
    return st.container(border=True, key=f"card-{key}{suffix}", height="stretch")


def number_card(label: str, value: str, note: str | None = None) -> None:
    """Show one number with its label and, below, what it was measured on, line by line."""
    st.html(_number_html(label, value, note))


def number_cards(*cards: tuple[str, str] | tuple[str, str, str], wide: bool = False) -> None:
    """Show several numbers side by side, all of one height; each as for `number_card`.

    `wide` gives room to long notes.
    """
    shape = "tl-numbers tl-wide" if wide else "tl-numbers"
    st.html(f'<div class="{shape}">{"".join(_number_html(*card) for card in cards)}</div>')


def _number_html(label: str, value: str, note: str | None = None) -> str:
    lines = (note or "").splitlines()
    below = "".join(f'<div class="tl-note">{explained(line)}</div>' for line in lines)
    return (
        f'<div class="tl-number"><div class="tl-label">{explained(label)}</div>'
        f'<div class="tl-value">{html_text(value)}</div>{below}</div>'
    )


def name_text(name: str, *, note: str | None = None, clip: bool = True) -> None:
    """Show a name that a person gave, literally, with a muted line below it."""
    shape = "tl-name tl-clip" if clip else "tl-name"
    below = f'<div class="tl-note">{explained(note)}</div>' if note else ""
    title = escape(name)
    st.html(f'<div class="{shape}" dir="auto" title="{title}">{html_text(name)}</div>{below}')


def note_text(*lines: str) -> None:
    """Show muted lines of plain text; terms that they mark are explained."""
    st.html(f'<div class="tl-note">{"<br>".join(explained(line) for line in lines)}</div>')


def badges(*texts: str, quiet: tuple[str, ...] = ()) -> None:
    """Show short labels in a row; `quiet` ones without colour."""
    parts = [f'<span class="tl-badge">{html_text(text)}</span>' for text in texts]
    parts += [f'<span class="tl-badge tl-plain">{html_text(text)}</span>' for text in quiet]
    st.html(" ".join(parts))


def data_table(
    rows: Sequence[Mapping[str, object]], *, key: str, column_config: Mapping | None = None
) -> None:
    """Show rows by column; in the file that Streamlit offers of it, no cell is a formula."""
    safe = [
        {name: without_formula(v) if isinstance(v, str) else v for name, v in row.items()}
        for row in rows
    ]
    st.dataframe(safe, hide_index=True, key=key, column_config=column_config)


def show_error(error: TLCoreError) -> None:
    """Show trouble that the person can do something about."""
    st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a `TLCoreError` raised inside instead of passing it on."""
    try:
        yield
    except TLCoreError as error:
        show_error(error)


def drawn_again(
    draw: Callable[[], None], *, every: float | None, ended: Callable[[], bool]
) -> None:
    """Draw a part of the page again and again, and the whole page once it has ended.

    While the whole page is being drawn nothing asks for that: a second run would lose the click
    that caused the first.

    Args:
        draw: Draws the part.
        every: Seconds between two looks; None draws it once.
        ended: Whether the rest of the page is out of date.
    """
    page_stands = False

    @st.fragment(run_every=every)
    def part() -> None:
        if page_stands and ended():
            st.rerun()
        draw()

    part()
    page_stands = True

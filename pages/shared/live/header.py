"""The line at the top of every page: how good the model is now, and what the last change did.

It is asked for again and again: often while pictures are looked at, rarely otherwise.
"""

import streamlit as st

from pages.shared.elements import drawn_again
from pages.shared.glossary import explained, unmarked
from pages.shared.live.known import Live
from pages.shared.live.words import (
    change_text,
    looking_text,
    measured_on,
    measured_text,
    missing_text,
    number_text,
    unmeasured_text,
)
from pages.shared.text import html_text
from tl_core.runs.results.live import LiveState

AT_REST = 2.0  # seconds until the next look
WORKING, REFITTING = 0.5, 0.15


def live_line(live: Live) -> None:
    """Draw the line; the whole page is drawn again when what it rests on is out of date."""
    looks = 0

    def outdated() -> bool:
        live.look()
        return live.outdated

    def line() -> None:
        nonlocal looks
        if looks:
            live.look()
        looks += 1
        st.html(line_html(live.state, live.known.change, live.known.trouble))

    drawn_again(line, every=_seconds(live), ended=outdated)


def _seconds(live: Live) -> float:
    """Return the seconds between two looks."""
    state, asking = live.state, live.known.asking
    answered = asking is None or asking.done()
    working = state is None or state.pending or state.seen < state.total
    if not working and answered:
        return AT_REST
    return REFITTING if live.fitted else WORKING


def line_html(state: LiveState | None, change: float | None, trouble: str | None) -> str:
    """Return the line as HTML; names that people typed are escaped."""
    parts = []
    if state is None:
        parts.append(_text(trouble or "The model is starting…"))
        return _line(parts, version="")
    if state.accuracy is not None:
        exact = unmarked(f"{state.correct:,} of {state.n:,} {measured_on(state)}")
        number = html_text(number_text(state))
        rests_on = f"<span>{explained(measured_text(state))}</span>"
        parts.append(f'<b title="{html_text(exact)}">{number}</b> {rests_on}')
        if change is not None:
            kind = "tl-up" if change > 0 else "tl-down" if change < 0 else "tl-same"
            parts.append(
                f'<span class="tl-change {kind}" title="Percentage points, by the last change">'
                f"{html_text(change_text(change))}</span>"
            )
    for text in (looking_text(state), missing_text(state), state.trouble, unmeasured_text(state)):
        if text:
            parts.append(_text(text))
    return _line(parts, version=state.version)


def _line(parts: list[str], *, version: str) -> str:
    inside = '<span class="tl-dot"> · </span>'.join(parts)
    shape = "tl-live tl-known" if version else "tl-live"
    return f'<div class="{shape}" role="status" data-version="{version}">{inside}</div>'


def _text(text: str) -> str:
    return f"<span>{html_text(text)}</span>"

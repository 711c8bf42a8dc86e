"""The line at the top of every page: how good the model is now, and what the last change did.

A timer in the browser asks for it again: soon after a click or while pictures are looked at,
rarely otherwise, and not at all while the window is hidden.
"""

import time
from pathlib import Path

import streamlit as st

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

AT_REST = 3.0  # seconds until the next look
WORKING = 0.5
CHANGING = 0.15
AFTER_A_CLICK = (0.12, 0.2, 0.4, 0.8, 1.5)
_timer = st.components.v2.component(
    "look_again", js=(Path(__file__).parent / "timer.js").read_text(encoding="utf-8")
)


def live_line(live: Live) -> None:
    """Draw the line; the whole page is drawn again when what it rests on is out of date."""
    page_stands = False
    looks = 0

    @st.fragment
    def part() -> None:
        nonlocal looks
        if looks:
            live.look()
        if page_stands and live.outdated:
            st.rerun()
        st.html(line_html(live.state, live.known.change, live.known.trouble))
        with st.container(key="live-timer"):
            _timer(
                key="live-timer-asks",
                data={"seconds": _wait(live.state, looks), "turn": time.monotonic()},
                on_again_change=lambda: None,
            )
        looks += 1

    part()
    page_stands = True


def _wait(state: LiveState | None, looks: int) -> float:
    """Return the seconds until the next look."""
    if looks < len(AFTER_A_CLICK):
        return AFTER_A_CLICK[looks]
    if state is not None and state.pending:
        return CHANGING
    return WORKING if state is None or state.seen < state.total else AT_REST


def line_html(state: LiveState | None, change: float | None, trouble: str | None) -> str:
    """Return the line as HTML; names that people typed are escaped."""
    parts = []
    if state is None:
        parts.append(_text(trouble or "The model is starting…"))
        return _line(parts, version="")
    if state.accuracy is not None:
        exact = f"{state.correct:,} of {state.n:,} {measured_on(state)}"
        number = html_text(number_text(state))
        parts.append(f'<b title="{html_text(exact)}">{number}</b> {_text(measured_text(state))}')
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
    inside = " · ".join(parts)
    return f'<div class="tl-live" role="status" data-version="{version}">{inside}</div>'


def _text(text: str) -> str:
    return f"<span>{html_text(text)}</span>"

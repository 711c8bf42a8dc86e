"""Ask the compute process without keeping the page waiting for the answer.

A question is asked once; the page shows what it has and looks again until the answer is there.
"""

import time
from concurrent.futures import Future
from concurrent.futures import wait as wait_until_done
from threading import Thread
from typing import Any

import streamlit as st

from pages.shared.elements import drawn_again
from pages.shared.text import plain
from tl_core.errors import TLCoreError
from tl_core.runs import compute_client

PATIENCE = 0.04  # seconds, when first asked; a quicker answer is shown without a flicker
LOOK_AGAIN = 0.7  # seconds
TRY_AGAIN = 10  # seconds after which a question that failed may be asked again
KEEP = 300  # seconds; after that the answer may be out of date


def ask(function: str, *args: object) -> Future:
    """Return the answer to come of `engines.call(function, *args)`; the same question shares it."""
    future, asked_at = _asked(function, args)
    failed = future.done() and future.exception() is not None
    if failed and time.monotonic() - asked_at > TRY_AGAIN:
        forget(function, *args)
        future, _ = _asked(function, args)
    return future


def forget(function: str, *args: object) -> None:
    """Make the next `ask` with these arguments ask again."""
    _asked.clear(function, args)


@st.cache_resource(max_entries=256, ttl=KEEP, show_spinner=False)
def _asked(function: str, args: tuple) -> tuple[Future, float]:
    future: Future = Future()

    def work() -> None:
        try:
            future.set_result(compute_client.call(function, *args))
        except Exception as error:  # handed to whoever reads the answer
            future.set_exception(error)

    Thread(target=work, daemon=True, name=f"ask-{function}").start()
    wait_until_done([future], timeout=PATIENCE)
    return future, time.monotonic()


def answer_or_wait(future: Future, *, key: str, doing: str) -> Any | None:
    """Return the answer; while there is none, say what is being done and look again soon.

    Args:
        future: From `ask`.
        key: Unique on the page.
        doing: What is going on, as in "Reading the network".
    """
    if not future.done():
        _look_again([future], key=key, doing=doing)
        return None
    return answer(future)


def answer(future: Future) -> Any | None:
    """Return the answer of a finished question; None, and a message, when it went wrong."""
    try:
        return future.result()
    except TLCoreError as error:
        st.warning(plain(str(error)), icon=":material/info:")
        return None


def answer_so_far(future: Future) -> Any | None:
    """Return the answer; None while there is none, or when it went wrong in a foreseen way."""
    foreseen = future.done() and isinstance(future.exception(), TLCoreError)
    return future.result() if future.done() and not foreseen else None


def wait_for_all(futures: list[Future], *, key: str, doing: str) -> None:
    """Say what is being done and look again soon, unless all answers are there."""
    missing = [future for future in futures if not future.done()]
    if missing:
        _look_again(missing, key=key, doing=doing)


def _look_again(futures: list[Future], *, key: str, doing: str) -> None:
    def say() -> None:
        with st.container(key=f"waiting-{key}"):
            st.html(f'<div class="tl-note" role="status">{doing}…</div>')

    drawn_again(say, every=LOOK_AGAIN, ended=lambda: all(future.done() for future in futures))

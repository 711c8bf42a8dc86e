"""What is known of a project's live model: asked in a thread, so that no page waits for it.

All visitors share what is known. It is asked anew when somebody looks and nobody is asking.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_until_done
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.shared import state
from tl_core.errors import TLCoreError
from tl_core.runs import compute_client
from tl_core.runs.results.live import LiveAnswer, LiveState, PlaceChange
from tl_core.workspace import Project

PATIENCE = 0.04  # seconds; a quicker answer is shown at once, a later one when it is there
REFIT = 0.25  # the same, for the state of a model that only has to be fitted anew
SECONDS = 20.0  # that one question may take, waiting for others included
MOST_ANSWERS = 64  # kept of one version
UNEXPECTED = "The model does not answer: unexpected error. Details are in the log."

_LOG = logging.getLogger(__name__)


@dataclass
class Known:
    """What the compute process has said of one project's model.

    Args:
        state: Its last word; None before the first.
        change: What the last change added to the accuracy, a fraction; None while nothing has
            changed since the server looked first.
        measured: The last state that covered all pictures.
        trouble: Why the last question was not answered, a sentence.
    """

    state: LiveState | None = None
    change: float | None = None
    measured: LiveState | None = None
    trouble: str | None = None
    asking: Future | None = None
    answers: dict[tuple, Future] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, found: LiveState) -> None:
        """Remember a state and what has changed since the last one that covered all pictures."""
        self.trouble = None
        with self.lock:
            same = self.state is not None and _stamp(self.state) == _stamp(found)
            answers = self.answers.items() if same else ()
            self.answers = {key: one for key, one in answers if not _failed(one)}
            self.state = found
        if found.accuracy is None or not found.all_seen:
            return
        if self.measured is not None and self.measured.version != found.version:
            self.change = found.accuracy - self.measured.accuracy
        self.measured = found


class Live:
    """A project's live model as one script run sees it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.place = (str(state.current_workspace().root), project.id)
        self._known = _known(*self.place)
        self._shown: tuple[str, int] | None = None  # what the page's content rests on
        self._waiting: list[Future] = []
        self.look()
        self._ready = self.ready

    @property
    def known(self) -> Known:
        return self._known

    @property
    def state(self) -> LiveState | None:
        return self._known.state

    @property
    def ready(self) -> bool:
        """Whether there is a model that answers for pictures."""
        return self.state is not None and self.state.ready

    @property
    def fitted(self) -> bool:
        """Whether there is a model of all pictures: a change of labels takes it a moment."""
        return self.ready and self.all_seen

    @property
    def all_seen(self) -> bool:
        """Whether there are pictures, and all of them have been looked at."""
        return self.state is not None and self.state.all_seen

    def look(self) -> None:
        """Ask for the state unless somebody is asking; wait a moment for it."""
        known = self._known
        with known.lock:
            if known.asking is None or known.asking.done():
                known.asking = _asked("live_state", *self.place, known=known)
        wait_until_done([known.asking], timeout=max(PATIENCE, REFIT) if self.fitted else PATIENCE)

    def answers(self, digests: Sequence[str]) -> dict[str, LiveAnswer]:
        """Return what the model says of these pictures; none while it has not answered."""
        return self._about("live_answers", tuple(digests)) or {}

    def order(self, by: str) -> tuple[str, ...] | None:
        """Return the pictures' digests in this order; None while that is being asked."""
        return self._about("live_order", by)

    def place_change(self) -> PlaceChange | None:
        """Return whether the pictures without a class come from elsewhere; None: not known."""
        return self._about("live_place")

    def follow(self) -> None:
        """Let the page be drawn anew when the model has changed."""
        if self.state is not None:
            self._shown = _stamp(self.state)

    @property
    def outdated(self) -> bool:
        """Whether the model says something else by now than what the page rests on."""
        now = self.state
        if self.ready != self._ready or any(one.done() for one in self._waiting):
            return True
        if self._shown is None or now is None or _stamp(now) == self._shown:
            return False
        return now.all_seen or now.missing is not None

    def _about(self, function: str, *args: Any) -> Any | None:
        """Return what this version of the model answers; None until it has."""
        self.follow()
        known, key = self._known, (function, *args)
        with known.lock:
            future = known.answers.get(key)
            if future is None:
                while len(known.answers) >= MOST_ANSWERS:
                    known.answers.pop(next(iter(known.answers)))
                future = known.answers[key] = _asked(function, *self.place, *args)
        wait_until_done([future], timeout=PATIENCE)
        if not future.done():
            self._waiting.append(future)
            return None
        return None if _failed(future) else future.result()


def _stamp(state: LiveState) -> tuple[str, int]:
    """Return what changes whenever an answer may have changed."""
    return state.version, state.seen


def _failed(answer: Future) -> bool:
    return answer.done() and answer.exception() is not None


@st.cache_resource(max_entries=256, show_spinner=False)
def _known(root: str, project_id: str) -> Known:
    return Known()


def _asked(function: str, *args: Any, known: Known | None = None) -> Future:
    """Return the answer to come; a state is remembered in `known` before it can be read."""
    future: Future = Future()

    def work() -> None:
        try:
            found = compute_client.call(function, *args, timeout=SECONDS)
            if known:
                known.take(found)
        except Exception as error:  # handed to whoever reads the answer
            foreseen = isinstance(error, TLCoreError)
            if not foreseen:
                _LOG.exception("%s failed", function)
            if known:
                known.trouble = str(error) if foreseen else UNEXPECTED
            future.set_exception(error)
        else:
            future.set_result(found)

    threading.Thread(target=work, daemon=True, name=f"ask-{function}").start()
    return future

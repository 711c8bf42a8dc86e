"""The webcam on a page: frames recorded while a button is held, and answers while one looks.

The picture stays in the browser until the person records, or while answers are asked for.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_until_done
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import streamlit as st

from pages.shared import state
from pages.shared.elements import UNLIKE_TEXT
from pages.shared.text import sureness
from tl_core.errors import TLCoreError
from tl_core.runs.results.answers import Answer

MOST_FRAMES = 96  # of one recording: 12 seconds
MOST_CLASSES = 5  # shown with their probability
PATIENCE = 0.3  # seconds for an answer; after that, the next frame asks for it again
LOADING = {"problem": "The model is being loaded…"}
_HERE = Path(__file__).parent
_HTML = """
<div class="camera">
  <div class="stage">
    <div>
      <div class="picture">
        <video autoplay muted playsinline aria-label="Picture of the camera"></video>
        <div class="count" hidden></div>
        <div class="problem" role="alert" hidden></div>
      </div>
      <div class="row">
        <button type="button" class="hold" dir="auto"></button>
        <button type="button" class="again" hidden>Try again</button>
        <button type="button" class="other" hidden>Other camera</button>
      </div>
      <div class="said" role="status" hidden></div>
    </div>
    <div class="answers"></div>
  </div>
</div>
"""
_component = st.components.v2.component(
    "camera",
    html=_HTML,
    css=(_HERE / "camera.css").read_text(encoding="utf-8"),
    js=(_HERE / "camera.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The button that records: what it says, how many frames at most, who takes them (JPEG).

    While they are taken `doing` stands below the button, then what `take` returns.
    """

    label: str
    take: Callable[[list[bytes]], str]
    most: int = MOST_FRAMES
    doing: str = "One moment…"


def camera(
    *,
    key: str,
    hold: Hold | None = None,
    classify: Callable[[bytes], Answer] | None = None,
    colours: Mapping[str, str] | None = None,
    title: str = "The model says",
    note: str = "",
) -> None:
    """Draw the camera's picture; beside it, several times a second, what a model says of it.

    Args:
        key: Unique on the page.
        hold: What can be recorded, if anything; the page is drawn anew after it.
        classify: Answers for a JPEG; None shows no answers.
        colours: CSS colours by class name.
        title: Above the answers.
        note: Shown below them, or in their place.
    """
    drawn = state.widget_value(f"{key}-received")
    label, said = state.widget_value(f"{key}-said") or (None, "")

    def recorded() -> None:
        value = getattr(state.widget_value(key), "recording", None)
        if value and hold and value["id"] != state.widget_value(f"{key}-received"):
            state.set_widget_value(f"{key}-received", value["id"])
            frames = [_decoded(one) for one in value["frames"][: hold.most]]
            said = hold.take(frames) if frames else ""
            state.set_widget_value(f"{key}-said", (hold.label, said))

    def asked() -> None:
        value = getattr(state.widget_value(key), "frame", None)
        if value and classify:
            picture = _decoded(value["picture"])
            future = state.widget_value(f"{key}-asked") or _asked(classify, picture)
            done, _ = wait_until_done([future], timeout=PATIENCE)
            state.set_widget_value(f"{key}-asked", None if done else future)
            before = state.widget_value(f"{key}-answer") or LOADING
            answer = _answer_json(future, colours or {}) if done else before
            state.set_widget_value(f"{key}-answer", answer | {"id": value["id"]})

    @st.fragment
    def part() -> None:
        if state.widget_value(f"{key}-received") != drawn:
            st.rerun()
        _component(
            key=key,
            data={
                "hold": _hold_json(hold),
                "received": drawn,
                "said": said if hold and label == hold.label else "",
                "preview": classify is not None,
                "answer": state.widget_value(f"{key}-answer"),
                "title": title,
                "note": note,
            },
            on_recording_change=recorded,
            on_frame_change=asked,
        )

    part()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""  # no picture: said where pictures are read


def _hold_json(hold: Hold | None) -> dict | None:
    return {"label": hold.label, "doing": hold.doing, "most": hold.most} if hold else None


def _asked(classify: Callable[[bytes], Answer], picture: bytes) -> Future:
    """Ask in a thread: a slow answer, as the first one, must not hold up what else is clicked."""
    future: Future = Future()

    def work() -> None:
        try:
            future.set_result(classify(picture))
        except Exception as error:  # handed to whoever reads the answer
            future.set_exception(error)

    Thread(target=work, daemon=True, name="ask-camera").start()
    return future


def _answer_json(future: Future, colours: Mapping[str, str]) -> dict:
    try:
        found: Answer = future.result()
    except TLCoreError as error:
        return {"problem": str(error)}
    if found.prediction is None:
        return {"problem": found.reason}
    best = found.prediction.class_name
    rows = found.prediction.ranked[:MOST_CLASSES]
    if len(found.prediction.class_names) <= MOST_CLASSES:  # in an order that stands still
        order = found.prediction.class_names
        rows = sorted(rows, key=lambda row: order.index(row[0]))
    shown = [
        {
            "name": name,
            "share": share,
            "text": sureness(share),
            "first": name == best,
            "colour": colours.get(name),
        }
        for name, share in rows
    ]
    warning = UNLIKE_TEXT if found.prediction.unlike else ""
    return {"rows": shown, "warning": warning}

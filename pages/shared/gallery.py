"""A page of thumbnails to look at, choose from and act on.

Knows nothing of projects: the page hands over tiles, filters and actions, and gets back what
was chosen. The selection itself stays in the browser.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from pages.shared import state
from pages.shared.text import unbroken

PAGE_SIZE = 72
_HERE = Path(__file__).parent
_HTML = """
<div class="gallery">
  <div class="row filters" role="group" aria-label="Which pictures are shown"></div>
  <div class="row bar" role="toolbar" aria-label="What to do with the selected pictures"></div>
  <div class="tiles" role="listbox" aria-multiselectable="true" aria-label="Pictures"></div>
  <div class="empty" hidden></div>
  <div class="row pages"></div>
</div>
"""
_component = st.components.v2.component(
    "picture_gallery",
    html=_HTML,
    css=(_HERE / "gallery.css").read_text(encoding="utf-8"),
    js=(_HERE / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture.

    Args:
        id: What an action gets.
        thumbnail: A WebP, PNG or JPEG file or its bytes.
        caption: Below the picture.
        title: Shown while the pointer rests on it.
        mark: A short label on it.
        says: What a model says of it: a class and how sure it is.
        muted: Whether it is drawn pale.
        mark_colour: CSS colour of the class that `mark` names.
        says_colour: CSS colour of the class that the model says.
    """

    id: str
    thumbnail: Path | bytes
    caption: str = ""
    title: str = ""
    mark: str | None = None
    says: tuple[str, str] | None = None
    muted: bool = False
    mark_colour: str | None = None
    says_colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done with the selected pictures; `more` puts it into a list of further ones."""

    id: str
    label: str
    shortcut: str | None = None
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A choice of which pictures to show."""

    id: str
    label: str
    count: int | None = None
    colour: str | None = None


def gallery(
    tiles: Sequence[Tile],
    *,
    key: str,
    actions: Sequence[Action] = (),
    filters: Sequence[Filter] = (),
    chosen: str | None = None,
    first: int = 1,
    total: int | None = None,
    nothing: str = "No pictures here.",
    quick: bool = False,
    on_action: Callable[[str, list[str]], None] | None = None,
    on_filter: Callable[[str], None] | None = None,
    on_page: Callable[[int], None] | None = None,
    on_open: Callable[[str], None] | None = None,
) -> None:
    """Draw the gallery.

    Args:
        tiles: The pictures of this page, at most about 100: they travel inside the message.
        key: Unique on the page.
        actions: Without any, the pictures can only be looked at.
        filters: Drawn as a row of buttons; `chosen` is the id of the pressed one.
        first: Number of the first tile among `total`, counted from 1.
        total: How many pictures there are on all pages; None = these.
        nothing: What to say when there are no tiles.
        quick: Whether the key of an action acts on the picture with the frame and moves on.
        on_action: Called with the action's id and the tiles' ids.
        on_filter: Called with the filter's id.
        on_page: Called with -1 or 1.
        on_open: Called with the id of the tile that is looked at more closely.
    """

    def answer(name: str, reply: Callable[..., None] | None) -> Callable[[], None]:
        def callback() -> None:
            value = getattr(state.widget_value(key), name, None)
            if reply is None or value is None:
                return
            reply(value["action"], value["ids"]) if name == "action" else reply(value)

        return callback

    def keys() -> None:
        """Do what keys have said since the last time."""
        said = (getattr(state.widget_value(key), "said", None) or {}).items()
        done = state.widget_value(f"{key}-done", 0)
        for when, action, one in sorted((when, action, one) for one, (when, action) in said):
            if when > done and on_action is not None:
                on_action(action, [one])
                state.set_widget_value(f"{key}-done", when)

    _component(
        key=key,
        data={
            "tiles": [_tile_json(tile) for tile in tiles],
            "actions": [asdict(action) for action in actions],
            "filters": [asdict(entry) for entry in filters],
            "chosen": chosen,
            "nothing": nothing,
            "opens": on_open is not None,
            "quick": quick,
            "page": {
                "first": first,
                "last": first + len(tiles) - 1,
                "total": total if total is not None else len(tiles),
            },
        },
        on_action_change=answer("action", on_action),
        on_filter_change=answer("filter", on_filter),
        on_page_change=answer("page", on_page),
        on_open_change=answer("open", on_open),
        on_said_change=keys,
    )


def _tile_json(tile: Tile) -> dict:
    return {
        "id": tile.id,
        "src": data_uri(tile.thumbnail),
        "caption": unbroken(tile.caption),
        "title": tile.title or tile.caption,
        "mark": tile.mark,
        "says": tile.says,
        "muted": tile.muted,
        "markColour": tile.mark_colour,
        "saysColour": tile.says_colour,
    }


def data_uri(picture: Path | bytes) -> str:
    """Return a picture as a data URI; an empty one when the file is gone."""
    try:
        content = picture.read_bytes() if isinstance(picture, Path) else picture
    except OSError:
        return "data:,"
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
    kind = next((kind for start, kind in kinds.items() if content.startswith(start)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

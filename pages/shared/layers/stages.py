"""The network as its stages: what each makes of a picture, and whether it is frozen or trained."""

import base64
from collections.abc import Sequence

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_so_far, ask, wait_for_all
from pages.shared.elements import note_text
from pages.shared.gallery import data_uri
from pages.shared.text import count_text, html_text
from tl_core.images import ImageRecord, list_images, thumbnail_path
from tl_core.runs.catalogue import Backbone, LayerBlock
from tl_core.workspace import Project

LOOKED_THROUGH = 24  # pictures, for one on which there is something to see
SEES = ("edges, colours", "textures", "patterns", "parts", "objects")
FROZEN, TRAINED, RANDOM, TRIED = "frozen", "trained", "random", "tried"


def telling_picture(project: Project, *, skip: int = 0) -> ImageRecord | None:
    """Return a picture with much on it: the largest small copy of a few; `skip` that many."""
    workspace = state.current_workspace()
    images = list_images(workspace, project.id, excluded=False, limit=LOOKED_THROUGH)

    def content(record: ImageRecord) -> int:
        file = thumbnail_path(workspace, project.id, record.digest)
        return file.stat().st_size if file.exists() else 0

    found = sorted(images, key=content, reverse=True)
    return found[skip % len(found)] if found else None


def show_stages(
    project: Project,
    backbone: Backbone,
    groups: Sequence[LayerBlock],
    frozen: int,
    *,
    scratch: bool,
) -> None:
    """Draw the stages in a row, with the activations of one of the person's own pictures.

    Args:
        project: Where the picture is from.
        backbone: The pretrained network that is asked.
        groups: Its layer groups and the classifier.
        frozen: How many of them stay frozen.
        scratch: Whether it starts from random weights.
    """
    record, pictures = telling_picture(project), []
    if record:
        root = str(state.current_workspace().root)
        asked = ask("group_activations", root, project.id, record.digest, backbone)
        pictures = [data_uri(one) for one in answer_so_far(asked) or ()]
        own = data_uri(thumbnail_path(state.current_workspace(), project.id, record.digest))
    total, trained = (sum(g.parameters for g in some) for some in (groups, groups[frozen:]))
    st.html(
        f'<div class="tl-name">{count_text(trained)} of {count_text(total)} parameters are '
        f"trainable; {frozen} of {len(groups)} layer groups stay frozen</div>"
    )
    boxes = [_box(FROZEN, "your picture", "", own, plain=True)] if record else []
    for group in groups:
        kind = FROZEN if group.index < frozen else RANDOM if scratch else TRAINED
        picture = pictures[group.index] if group.index < len(pictures) else None
        text = sees(group.index, len(groups))
        said = text if not group.index or text != sees(group.index - 1, len(groups)) else ""
        boxes.append(_box(kind, group.name, said, picture, group))
    st.html(f'<div class="tl-stages" role="list">{"".join(boxes)}</div>')
    if record:
        note_text("Bright: where channels respond to your picture.")
        wait_for_all([asked], key="activations", doing="Looking through the network")


def sees(index: int, total: int) -> str:
    """Return what a layer group tells apart, roughly, by its depth; the last one is the classes."""
    if index == total - 1:
        return "classes"
    return SEES[index * len(SEES) // max(1, total - 1)]


def _box(
    kind: str,
    name: str,
    text: str,
    picture: str | None,
    group: LayerBlock | None = None,
    *,
    plain: bool = False,
) -> str:
    image = f'<img src="{picture}" alt="">' if picture else "<i></i>"
    size = f"{count_text(group.parameters)} parameters, " if group else ""
    said = "" if plain else f"<b>{kind}</b>"
    return (
        f'<div role="listitem" class="tl-stage tl-{"own" if plain else kind}" '
        f'title="{html_text(name)}: {size}{kind}"><div>{image}</div>'
        f"<span>{html_text(name)}</span><small>{text}</small>{said}</div>"
    )


def drawing(total: int, frozen: int, *, kind: str = TRAINED) -> str:
    """Return a small picture of a network, as a CSS image: cool hatched blocks, then warm ones.

    Args:
        total: How many layer groups there are.
        frozen: How many of them stay frozen.
        kind: What is drawn of the others: `TRAINED`, `RANDOM` with hollow blocks, or `TRIED`
            with the last frozen one hollow too.
    """
    width, blocks = 200 / total, []
    for i in range(total):
        height = 44 - 22 * i / total
        hollow = i == frozen - 1 if kind == TRIED else kind == RANDOM and i >= frozen
        cool = i < frozen and not hollow
        fill = "none" if hollow else "url(#h)" if cool else "#D0740F"
        stroke = "#5B8DB8" if cool else "#D0740F"
        dash = ' stroke-dasharray="3 2"' if hollow else ""
        place = f'x="{i * width + 2:.1f}" y="{(48 - height) / 2:.1f}" width="{width - 4:.1f}"'
        blocks.append(
            f'<rect {place} height="{height:.1f}" rx="3" fill="{fill}" stroke="{stroke}" '
            f'stroke-width="1.5"{dash}/>'
        )
    hatch = (
        '<pattern id="h" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="5" height="5" fill="#5B8DB8" opacity=".25"/>'
        '<line x1="0" y1="0" x2="0" y2="5" stroke="#5B8DB8" stroke-width="2"/></pattern>'
    )
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 48">'
    svg = f"{start}{hatch}{''.join(blocks)}</svg>"
    return f"url(data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"

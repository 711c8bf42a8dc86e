"""Cards to choose augmentations from, each shown on one of the person's own pictures."""

from dataclasses import dataclass, replace

import streamlit as st

from pages.shared import state
from pages.shared.compute import ask, wait_for_all
from pages.shared.elements import card, note_text
from pages.shared.gallery import data_uri
from pages.shared.layers.draft import change_draft
from pages.shared.layers.stages import telling_picture
from tl_core.errors import TLCoreError
from tl_core.runs.configuration import AUGMENTATIONS, TrainingConfig
from tl_core.workspace import Project

VIEWS = 2
_NEXT_PICTURE = "augmentation-picture"


@dataclass(frozen=True)
class AugmentationText:
    """What a person needs to decide on an augmentation: a title and one plain sentence.

    `question` is asked before it is switched on, where it could change what a picture shows.
    """

    title: str
    sentence: str
    question: str | None = None


AUGMENTATION_TEXT = {
    "crop": AugmentationText(
        "Random crops",
        "Shows a random part of each picture, from a third of it to nearly all, so that the "
        "model copes with objects that are larger, smaller or off-centre.",
    ),
    "flip": AugmentationText(
        "Horizontal flip",
        "Mirrors a random half of the pictures left to right; do not use it where sides matter, "
        "as with writing or with left and right hands.",
        "Is the mirror image still the same class?",
    ),
    "vertical-flip": AugmentationText(
        "Vertical flip",
        "Mirrors a random half of the pictures top to bottom; it suits pictures taken from above "
        "or through a microscope, which have no up and down.",
        "Is the mirror image still the same class?",
    ),
    "rotate": AugmentationText(
        "Small rotations",
        "Rotates each picture by up to 20 degrees, as if the camera were tilted.",
    ),
    "colour": AugmentationText(
        "Colour jitter",
        "Changes brightness, contrast and colours a little, so that the model copes with other "
        "lamps and cameras; leave it out where a shade of colour decides the class.",
    ),
    "blur": AugmentationText(
        "Blur",
        "Blurs a random half of the pictures a little, so that the model copes with shaken or "
        "out-of-focus shots.",
    ),
}


def augmentation_cards(project: Project, config: TrainingConfig) -> None:
    """Draw a card per augmentation; a switch stores the choice at once."""
    digest = _picture(project)
    root = str(state.current_workspace().root)
    previews = {
        name: ask("preview_augmentation", root, project.id, digest, (name,), config.backbone, VIEWS)
        for name in (AUGMENTATIONS if digest else ())
    }
    for row in (AUGMENTATIONS[:3], AUGMENTATIONS[3:]):
        for column, name in zip(st.columns(3), row, strict=True):
            with column, card(f"augmentation-{name}", chosen=name in config.augmentations):
                _preview(previews.get(name))
                _switch(name, AUGMENTATION_TEXT[name], config)
    wait_for_all(list(previews.values()), key="previews", doing="Augmenting one of your pictures")


def _picture(project: Project) -> str | None:
    """Return the digest of the picture to show, and the button that moves on to another."""
    number = int(state.widget_value(_NEXT_PICTURE, 0))
    found = telling_picture(project, skip=number)
    if found:
        st.button(
            "Show on another picture",
            icon=":material/shuffle:",
            key="shuffle",
            on_click=state.set_widget_value,
            args=(_NEXT_PICTURE, number + 1),
        )
    return found.digest if found else None


def _preview(future) -> None:
    pictures: list[bytes] = []
    if future is not None and future.done():
        try:
            pictures = future.result()
        except TLCoreError as error:
            note_text(str(error))
    if pictures:
        tiles = "".join(f'<img src="{data_uri(picture)}" alt="">' for picture in pictures)
    else:
        tiles = "<i></i>" * (VIEWS + 1)
    st.html(f'<div class="tl-views">{tiles}</div>')


def _switch(name: str, text: AugmentationText, config: TrainingConfig) -> None:
    key = f"augment-{name}"
    stored = state.show_stored(key, name in config.augmentations)

    def save() -> None:
        wanted = bool(state.widget_value(key))

        def change(config: TrainingConfig) -> TrainingConfig:
            kept = set(config.augmentations) - {name} | ({name} if wanted else set())
            ordered = tuple(n for n in AUGMENTATIONS if n in kept)
            return replace(config, augmentations=ordered)

        change_draft(change)

    if text.question:
        st.html(f'<div class="tl-name">{text.title}: {text.question.lower()}</div>')
    label = "Yes, use it" if text.question else text.title
    st.toggle(label, value=stored, key=key, on_change=save)
    note_text(text.sentence)

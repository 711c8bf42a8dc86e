"""Step 3: choose how much of the backbone stays frozen, and how pictures are varied."""

from concurrent.futures import Future

import streamlit as st

from pages.shared import charts, state
from pages.shared.augmenting import augmentation_cards
from pages.shared.draft import change_draft, draft, show_stored
from pages.shared.expert import expert_settings
from pages.shared.guards import enter, require
from pages.shared.layout import (
    duration,
    errors_shown,
    explain,
    next_step,
    note_text,
    number_card,
    page_header,
)
from pages.shared.strategies import (
    PRESETS,
    frozen_groups,
    preset_of,
    with_frozen,
    with_preset,
)
from pages.shared.waiting import answer_or_wait, ask, wait_for_all
from tl_core import engines
from tl_core.config import TrainingConfig
from tl_core.datasets import count_images
from tl_core.layer_blocks import LayerBlock

enter("pages/3_layers.py")
project = state.current_project()
workspace = state.current_workspace()
page_header(
    "pages/3_layers.py",
    "Choose what is trained",
    "Decide how much of the network keeps what it already knows, and how your pictures are varied "
    "while it learns; the choices made for you are good ones.",
)
require(project.backbone, "Pick a backbone first.", "pages/1_backbone.py", "Choose a backbone")
engines.warm()
config = draft(project)
pictures = count_images(workspace, project.id, excluded=False)


def choose_strategy(groups: list[LayerBlock]) -> None:
    """Draw presets, slider and the row of blocks; each follows what is stored."""
    total = len(groups)
    show_stored("preset", preset_of(config, total))
    show_stored("frozen-groups", frozen_groups(config, total))
    by_id = {preset.id: preset for preset in PRESETS}
    st.radio(
        "How to train",
        list(by_id),
        format_func=lambda preset: by_id[preset].label,
        captions=[preset.caption for preset in PRESETS],
        key="preset",
        on_change=lambda: change_draft(
            lambda before: with_preset(before, str(state.widget_value("preset")), total)
        ),
    )
    st.slider(
        "Frozen layer groups, counted from the picture side",
        0,
        total - 1,
        key="frozen-groups",
        help="The classifier, the last group, is always trained.",
        on_change=lambda: change_draft(
            lambda before: with_frozen(before, int(state.widget_value("frozen-groups")), total)
        ),
    )
    charts.show(charts.network(groups, frozen_groups(config, total)), key="network")
    note_text(
        "A picture enters on the left, the answer comes out on the right. The wider a block, the "
        "more parameters it has. Early blocks see edges and textures, late ones parts of things."
    )


def show_costs(groups: list[LayerBlock] | None, estimate: Future, config: TrainingConfig) -> None:
    trained, share = "…", None
    if groups:
        frozen = frozen_groups(config, len(groups))
        count = sum(group.parameters for group in groups[frozen:])
        everything = max(sum(group.parameters for group in groups), 1)
        trained = charts.count_text(count)
        share = f"{count / everything:.1%} of {charts.count_text(everything)}"
    seconds = estimate.result() if estimate.done() and not estimate.exception() else None
    value = f"about {duration(seconds['total'])}" if seconds else "…"
    if estimate.done() and not seconds:
        value = "not known"
    with st.grid(min_column_width=260, gap="small"):
        number_card("Trained parameters", trained, share)
        number_card("Expected time here", value, f"on {seconds['device']}" if seconds else None)
        number_card("Pictures", f"{pictures:,}", "for training, choosing and testing")


root = str(workspace.root)
layer_groups = ask("layer_groups", root, project.id, config.backbone)
estimate = ask("estimate_seconds", root, project.id, config)

with errors_shown():
    groups = answer_or_wait(layer_groups, key="groups", doing="Reading the network's layers")
    if groups:
        choose_strategy(groups)
    show_costs(groups, estimate, config)
    wait_for_all([estimate], key="estimate", doing="Working out the time")
explain(
    "layer group", "frozen", "classifier", "parameters", "linear probing", "fine-tuning",
    "from scratch",
)  # fmt: skip

st.header("Vary the pictures", anchor=False)
note_text(
    "Augmentation shows the model slightly changed copies of your pictures. It is off to begin "
    "with, because linear probing is fast and good without it. It helps most when you fine-tune, "
    "or when later pictures will look different from these."
)
if pictures:
    augmentation_cards(project, config)
else:
    st.info("Add pictures to see here what each option does to them.")
explain("augmentation")
expert_settings(config)
next_step("pages/4_training.py", "Next: train")

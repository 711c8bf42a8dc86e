"""Step 3: choose how to transfer, how much stays frozen, and how pictures are varied."""

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, ask, wait_for_all
from pages.shared.elements import errors_shown, note_text
from pages.shared.journey import LAYERS, TRAINING
from pages.shared.layers.approach_choice import (
    approach_options,
    choose_approach,
    material_of,
    tells_classes,
)
from pages.shared.layers.augmentation import augmentation_cards
from pages.shared.layers.draft import accept_draft, draft
from pages.shared.layers.expert_settings import expert_settings
from pages.shared.layers.strategies import frozen_groups
from pages.shared.layers.strategy_picker import choose_strategy, show_costs, show_depth
from pages.shared.layout import enter, next_step, page_header, require_backbone
from tl_core.images import count_learnable
from tl_core.runs import compute_client

enter(LAYERS)
project = state.current_project()
workspace = state.current_workspace()
page_header(
    LAYERS,
    "Choose how to transfer",
    "Choose what is learnt, and which [[layer groups|layer group]] stay [[frozen]].",
)
require_backbone(project)
compute_client.warm()
config = draft(project)
pictures = count_learnable(workspace, project.id)


root = str(workspace.root)
layer_groups = ask("layer_groups", root, project.id, config.backbone)
estimate = ask("estimate_seconds", root, project.id, config)
approaches = ask("list_approaches")

known = facts = None
with errors_shown():
    groups = answer_or_wait(layer_groups, key="groups", doing="Reading the network's layers")
    known = answer_or_wait(approaches, key="approaches", doing="Loading the training methods")
    if known:
        material = material_of(project)
        facts = choose_approach(config, known, material)
        possible = material.lacking(facts) is None
        if not tells_classes(facts):
            approach_options(config, facts, material)
        elif groups and possible:
            choose_strategy(project, groups, config, known)
    show_costs(estimate, config, pictures=pictures)
    wait_for_all([estimate], key="estimate", doing="Estimating the time")

if groups and facts and tells_classes(facts):
    show_depth(project, frozen_groups(config, len(groups), known))
if facts is None or tells_classes(facts):
    chosen = len(config.augmentations)
    with st.expander(
        f"Augmentation: {chosen or 'off'}",
        key="part-augmentation",
        icon=":material/auto_awesome_motion:",
    ):
        note_text(
            "[[Augmentation]] is off by default: [[linear probing]] is accurate without it. It "
            "helps most with [[fine-tuning]], or when later pictures will look different from "
            "these."
        )
        if pictures:
            augmentation_cards(project, config)
        else:
            st.info("Add pictures to preview each option here.")
if facts:
    expert_settings(config, facts)
next_step(TRAINING, "Next: train", first=accept_draft)

"""Step 1: choose the pretrained network to start from."""

from functools import partial

import streamlit as st

from pages.shared import state
from pages.shared.backbone.cards import Measured, backbone_cards, chosen_card, search_form
from pages.shared.backbone.choice import choose, show_choice
from pages.shared.backbone.own_weights import own_weights_form
from pages.shared.backbone.ranking import rank_backbones, ranked_accuracies, was_ranked
from pages.shared.compute import answer_so_far, ask, wait_for_all
from pages.shared.journey import BACKBONE, IMAGES
from pages.shared.layout import enter, next_step, page_header
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import chosen_backbone

enter(BACKBONE)
project = state.current_project()
page_header(
    BACKBONE,
    "Choose a backbone",
    "A [[backbone]] is a [[pretrained]] network. Your [[classifier]] is trained on its features.",
)
ready = show_choice(project)
chosen = chosen_backbone(project)
take = partial(choose, project)
speeds: dict[str, float] = {}
if chosen:
    asked = ask(
        "backbone_speeds", str(state.current_workspace().root), project.id, chosen, CATALOGUE
    )
    speeds = answer_so_far(asked) or {}
    chosen_card(chosen, speeds.get(chosen.name))
    wait_for_all([asked], key="speeds", doing="Measuring its speed")
measured = Measured(speeds=speeds, accuracies=ranked_accuracies(project))
with st.expander(
    "Other networks", key="part-others", expanded=chosen is None, icon=":material/apps:"
):
    tabs = st.tabs(["Suggested", "Search", "My own weights file"])
    with tabs[0]:
        backbone_cards(CATALOGUE, key="catalogue", chosen=chosen, on_choose=take, measured=measured)
    with tabs[1]:
        search_form(chosen, take)
    with tabs[2]:
        own_weights_form(project, take)
with st.expander(
    "Which network suits your pictures?",
    expanded=was_ranked(project),
    icon=":material/leaderboard:",
):
    rank_backbones(project)
next_step(
    IMAGES,
    "Next: your pictures",
    disabled=chosen is None,
    help=None if ready else "You can continue; training needs the downloaded weights.",
)

"""Step 1: choose the pretrained network to start from."""

import streamlit as st

from pages.shared import state
from pages.shared.backbone.cards import backbone_cards, place_text
from pages.shared.backbone.own_weights import own_weights_form
from pages.shared.backbone.ranking import rank_backbones
from pages.shared.downloads import download_weights, follow_download, weights_download
from pages.shared.elements import errors_shown
from pages.shared.glossary import explain
from pages.shared.journey import BACKBONE, IMAGES
from pages.shared.layout import enter, next_step, page_header
from pages.shared.text import plain
from tl_core.runs import compute_client
from tl_core.runs.catalogue import (
    BUNDLED,
    CATALOGUE,
    Backbone,
    find,
    weights_state,
)
from tl_core.runs.draft import chosen_backbone, save_backbone
from tl_core.workspace import Project

enter(BACKBONE)
SEARCH_RESULTS = 12
DEFAULT = find(BUNDLED)


def choose(backbone: Backbone) -> None:
    """Keep the choice, begin the download if one is needed, draw the page again."""
    with errors_shown():
        save_backbone(workspace, project.id, backbone)
        if weights_state(backbone, folder) == "download":
            download_weights(project.id, backbone)
        else:
            state.say_later(f"{backbone.title} is chosen.")
        st.rerun()


def show_choice(project: Project) -> bool:
    """Say what is chosen and whether it can be used; return that."""
    chosen = chosen_backbone(project)
    if chosen is None:
        st.info("Nothing is chosen yet. If in doubt, take the first card: it needs no download.")
        return False
    place = weights_state(chosen, folder)
    if place in ("bundled", "cached", "file"):
        st.success(
            f"**{plain(chosen.title)}** is chosen and ready to use.", icon=":material/check_circle:"
        )
        return True
    run = weights_download(project.id, chosen)
    if place == "download" and run is not None and run.active:
        follow_download(run)
        return False
    reason = "Its weights are not on this machine yet."
    if run is not None and run.state != "done" and run.message:
        reason = run.message
    if place == "file missing":
        reason = "The weights file that you uploaded is gone. Upload it again below."
    st.warning(f"**{plain(chosen.title)}** is chosen, but cannot be used yet. {plain(reason)}")
    with st.container(horizontal=True):
        if place == "download" and st.button(
            place_text(chosen, place), key="download-again", icon=":material/download:"
        ):
            choose(chosen)
        if st.button(f"Use {DEFAULT.title} instead", key="use-bundled"):
            choose(DEFAULT)
    return False


@st.cache_data(max_entries=100, show_spinner="Searching…")
def find_backbones(words: str) -> list[Backbone]:
    return compute_client.call("search_backbones", words, SEARCH_RESULTS)


def search() -> None:
    """Search everything that timm offers with pretrained weights."""
    words = st.text_input(
        "Search all pretrained models of the timm library",
        key="backbone-search",
        placeholder="convnext tiny",
        help="About 1,500 models. Type a part of a name; the answer comes from this machine.",
    ).strip()
    if not words:
        return
    found: list[Backbone] = []
    with errors_shown():
        found = find_backbones(words)
        if not found:
            st.info(
                f"No pretrained model is called “{plain(words)}”. Try a shorter part of a name."
            )
    backbone_cards(found, key="found", chosen=chosen_backbone(project), on_choose=choose)


project = state.current_project()
workspace = state.current_workspace()
folder = workspace.project_dir(project.id)
page_header(
    BACKBONE,
    "Choose a backbone",
    "This step picks the network that has already learned to see; your classes are built on top.",
)
explain("backbone", "parameters", "input size", "CNN", "ViT", "supervised", "self-supervised")
ready = show_choice(project)
backbone_cards(CATALOGUE, key="catalogue", chosen=chosen_backbone(project), on_choose=choose)
st.header("Which one suits your pictures?", anchor=False)
rank_backbones(project)
st.header("Other backbones", anchor=False)
explain("timm", "architecture")
tabs = st.tabs(["Search", "My own weights file"])
with tabs[0]:
    search()
with tabs[1]:
    own_weights_form(project, choose)
next_step(
    IMAGES,
    "Next: your images",
    disabled=chosen_backbone(project) is None,
    help=None if ready else "You can go on; training waits until the weights are here.",
)

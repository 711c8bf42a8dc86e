"""The backbone that a project has chosen: choose one, and whether it can be used yet."""

import streamlit as st

from pages.shared import state
from pages.shared.backbone.cards import place_text
from pages.shared.downloads import download_weights, follow_download, weights_download
from pages.shared.elements import errors_shown
from pages.shared.text import plain
from tl_core.runs.catalogue import BUNDLED, Backbone, find, weights_state
from tl_core.runs.draft import chosen_backbone, save_backbone
from tl_core.workspace import Project

DEFAULT = find(BUNDLED)


def choose(project: Project, backbone: Backbone) -> None:
    """Keep the choice, begin the download if one is needed, draw the page again."""
    with errors_shown():
        workspace = state.current_workspace()
        save_backbone(workspace, project.id, backbone)
        if weights_state(backbone, workspace.project_dir(project.id)) == "download":
            download_weights(project.id, backbone)
        else:
            state.say_later(f"{backbone.title} is chosen.")
        st.rerun()


def show_choice(project: Project) -> bool:
    """Say what is chosen and whether it can be used; return that."""
    chosen = chosen_backbone(project)
    if chosen is None:
        st.info("No backbone is chosen yet. If in doubt, take the first one: it needs no download.")
        return False
    place = weights_state(chosen, state.current_workspace().project_dir(project.id))
    if place in ("bundled", "cached", "file"):
        return True
    run = weights_download(project.id, chosen)
    if place == "download" and run is not None and run.active:
        follow_download(run)
        return False
    reason = "Its weights have not been downloaded yet."
    if run is not None and run.state != "done" and run.message:
        reason = run.message
    if place == "file missing":
        reason = "The weights file that you uploaded is gone. Upload it again below."
    st.warning(f"**{plain(chosen.title)}** is chosen, but cannot be used yet. {plain(reason)}")
    with st.container(horizontal=True):
        if place == "download" and st.button(
            place_text(chosen, place), key="download-again", icon=":material/download:"
        ):
            choose(project, chosen)
        if st.button(f"Use {DEFAULT.title} instead", key="use-bundled"):
            choose(project, DEFAULT)
    return False

"""What can be done with a whole project: make, rename, delete; the last with a question first."""

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.journey import IMAGES
from pages.shared.text import plain
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.draft import save_backbone
from tl_core.workspace import ProjectSummary, create_project, delete_project, rename_project


@st.dialog("New project")
def new() -> None:
    """Ask for a name; a project begins with the bundled backbone chosen."""
    with st.form("new-project", border=False):
        name = st.text_input(
            "Project name", placeholder="Leaves: healthy or diseased", max_chars=100
        )
        created = st.form_submit_button("Create project", type="primary")
    if created:
        with errors_shown():
            workspace = state.current_workspace()
            project = create_project(workspace, name)
            save_backbone(workspace, project.id, find(BUNDLED))
            state.go(IMAGES, project_id=project.id)


@st.dialog("Rename project")
def rename(project: ProjectSummary) -> None:
    with st.form("rename-project", border=False):
        name = st.text_input("Name", value=project.name, max_chars=100)
        renamed = st.form_submit_button("Rename", type="primary")
    if renamed:
        with errors_shown():
            rename_project(state.current_workspace(), project.id, name)
            st.rerun()


@st.dialog("Delete project?")
def delete(project: ProjectSummary) -> None:
    st.write(
        f"**{plain(project.name)}** with its {project.images:,} pictures and all its trained "
        "models will be deleted from this machine. This cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete it", key="confirm-delete", icon=":material/delete:"):
            with errors_shown():
                delete_project(state.current_workspace(), project.id)
                state.forget_project()
                state.say_later("The project was deleted.")
                st.rerun()
        if st.button("Keep it", key="keep-project", type="primary"):
            st.rerun()

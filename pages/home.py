"""Home: what this is, sample images in one click, the projects on this machine."""

from html import escape

import streamlit as st

from pages.shared import state
from pages.shared.elements import badges, card, errors_shown
from pages.shared.gallery import data_uri
from pages.shared.home import project_dialogs
from pages.shared.home.recovery import missing_projects
from pages.shared.home.sample_sets import prepare_sample, sample_cards, start_from_sample
from pages.shared.journey import HOME, IMAGES, OVERVIEW
from pages.shared.layout import enter, page_header
from pages.shared.results import result_text
from pages.shared.text import counted
from tl_core.images.samples import SAMPLES, sample_of
from tl_core.runs import Run, best_runs, compute_client, list_runs
from tl_core.workspace import ProjectSummary, list_projects

enter(HOME)
workspace = state.current_workspace()


def project_card(project: ProjectSummary, best: Run | None) -> None:
    cover = '<div class="tl-cover"></div>'
    if project.thumbnail:
        cover = f'<img class="tl-cover" alt="" src="{data_uri(project.thumbnail)}">'
    result = "Not trained yet"
    if best:
        correct = round(best.accuracy * best.n_test)
        result = f"Best result: {result_text(correct, best.n_test, at_least=best.at_least)}"
    with card(f"project-{project.id}"):
        st.html(
            f'<div class="tl-project-card">{cover}<div><div class="tl-name tl-clip" dir="auto" '
            f'title="{escape(project.name)}">{escape(project.name)}</div><div '
            f'class="tl-note">{counted(project.classes, "class")} · '
            f"{counted(project.images, 'picture')}<br>{result}<br>Created on "
            f"{project.created:%d %B %Y}</div></div></div>"
        )
        if any(run.active for run in list_runs(workspace, project.id)):
            badges("Training is under way")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open", key=f"open-{project.id}", icon=":material/folder_open:"):
                state.go(OVERVIEW if project.images else IMAGES, project_id=project.id)
            if st.button("Rename", key=f"rename-{project.id}", type="tertiary"):
                project_dialogs.rename(project)
            if st.button("Delete", key=f"delete-{project.id}", type="tertiary"):
                project_dialogs.delete(project)


words, picture = st.columns([5, 3], gap="large", vertical_alignment="center")
with words:
    page_header(
        None,
        "Train an image classifier on your own pictures",
        "A [[pretrained]] network learns your [[classes|class]] from a few dozen pictures in "
        "seconds. No code, no account; no picture leaves this computer.",
    )
    with st.container(horizontal=True):
        if st.button(
            "Try it with sample pictures",
            key="try-sample",
            type="primary",
            icon=":material/play_arrow:",
        ):
            with errors_shown():
                start_from_sample(SAMPLES[0])
        if st.button("New project", key="new-project", icon=":material/add:"):
            project_dialogs.new()
with picture, st.container(key="hero"):
    st.image(
        "assets/hero.svg",
        width="stretch",
        alt="Pictures go through a network and come out with probabilities",
    )

projects = list_projects(workspace)
missing_projects(workspace, listed=bool(projects))
compute_client.warm()  # so that the first model is there a few seconds after the first click
if not any(sample_of(project.name) == SAMPLES[0] for project in projects):
    prepare_sample(SAMPLES[0])
if projects:
    st.header("Your projects", anchor=False)
    best = best_runs(workspace)
    with st.grid(min_column_width=300, gap="small"):
        for project in projects:
            project_card(project, best.get(project.id))

st.header("Sample sets", anchor=False)
sample_cards()

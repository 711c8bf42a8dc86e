"""What can be done with a class: make, rename, merge, delete; the last with a question first."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown
from pages.shared.text import plain
from tl_core.images import create_class, delete_class, merge_classes, rename_class
from tl_core.images.records import MAX_CLASS_NAME_LENGTH


@st.dialog("New class")
def new_class(project_id: str) -> None:
    with st.form("new-class", border=False):
        name = st.text_input("Class name", max_chars=MAX_CLASS_NAME_LENGTH)
        done = st.form_submit_button("Create class", type="primary")
    if done:
        with errors_shown():
            create_class(state.current_workspace(), project_id, name)
            st.rerun()


@st.dialog("Rename class")
def rename(project_id: str, name: str) -> None:
    with st.form("rename-class", border=False):
        new = st.text_input("New name", value=name, max_chars=MAX_CLASS_NAME_LENGTH)
        done = st.form_submit_button("Rename", type="primary")
    if done:
        with errors_shown():
            rename_class(state.current_workspace(), project_id, name, new)
            show_class(new.strip())
            st.rerun()


@st.dialog("Merge classes")
def merge(project_id: str, name: str, others: Sequence[str]) -> None:
    st.write(f"All pictures of **{plain(name)}** are moved to the class that you choose.")
    into = st.selectbox("Merge into", list(others), index=None, key="merge-into")
    if st.button("Merge", type="primary", key="confirm-merge", disabled=into is None):
        with errors_shown():
            merge_classes(state.current_workspace(), project_id, [name], into=into)
            show_class(into)
            st.rerun()


@st.dialog("Delete class?")
def delete(project_id: str, name: str, count: int) -> None:
    st.write(
        f"The class **{plain(name)}** will be deleted. Its {count:,} pictures stay in the project "
        "without a class and are not used for training."
    )
    with st.container(horizontal=True):
        if st.button("Delete the class", key="confirm-delete-class", icon=":material/delete:"):
            with errors_shown():
                delete_class(state.current_workspace(), project_id, name)
                show_class(None)
                st.rerun()
        if st.button("Keep it", key="keep-class", type="primary"):
            st.rerun()


def show_class(name: str | None) -> None:
    """Make the gallery show this class (None: all pictures), from its first page."""
    show_filter("all" if name is None else f"class:{name}")


def show_filter(chosen: str) -> None:
    state.set_widget_value("images-filter", chosen)
    state.set_widget_value("images-page", 0)

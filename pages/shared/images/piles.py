"""Pictures without a class in groups that look alike: name a group, and it becomes a class."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import state
from pages.shared.compute import answer_or_wait, ask
from pages.shared.elements import card, errors_shown, name_text, note_text
from pages.shared.gallery import data_uri
from tl_core.images import (
    assign_class,
    create_class,
    get_images,
    list_digests,
    set_excluded,
    thumbnail_path,
)
from tl_core.images.records import MAX_CLASS_NAME_LENGTH
from tl_core.runs import compute_client

LEAST_PICTURES = 8  # without a class, before it is worth offering
MOST_GROUPS = 20
SHOWN = 10  # pictures of each group, the most typical
COUNT = "piles-count"


def show_piles(project_id: str) -> None:
    """Offer to group the pictures without a class; draw the groups once that was asked for."""
    workspace = state.current_workspace()
    without = list_digests(workspace, project_id, class_name=None, excluded=False)
    kept = state.widget_value(f"piles-{project_id}")
    if not without or (kept is None and len(without) < LEAST_PICTURES):
        return
    st.header("Pictures without a class", anchor=False)
    note_text(
        f"{len(without):,} pictures have no class yet. Group those that look alike, then name the "
        "groups: a named group becomes a class."
    )
    if kept is None:
        if st.button("Group them", icon=":material/workspaces:", key="piles-start"):
            _keep(project_id, 0, ())
            st.rerun()
        return
    number, groups = kept
    wanted = int(state.widget_value(COUNT, number))
    if wanted != number or not groups:
        root = str(workspace.root)
        future = ask("find_piles", root, project_id, tuple(sorted(without)), wanted or None)
        found = answer_or_wait(future, key="piles", doing="Comparing the pictures")
        if found is None:
            return
        number, groups = max(2, len(found.groups)), found.groups
        state.set_widget_value(COUNT, number)
        _keep(project_id, number, groups)
    left = set(without)
    groups = [tuple(digest for digest in group if digest in left) for group in groups]
    groups = [group for group in groups if group]
    state.set_widget_value(COUNT, number)
    most = max(3, min(MOST_GROUPS, len(without) // 2), number)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider("Number of groups", 2, most, key=COUNT, width=400)
        if st.button("Group again", key="piles-again", icon=":material/refresh:"):
            _keep(project_id, 0, ())
            st.rerun()
    note_text(
        "Groups with the same name are merged. With the name of a class, a group is added to it."
    )
    with st.grid(min_column_width=340, gap="small"):
        for index, group in enumerate(groups, start=1):
            _pile(project_id, index, group)


def _keep(project_id: str, number: int, groups: Sequence[tuple[str, ...]]) -> None:
    """Keep the groups that are shown and their number; 0 asks for as many as fit best."""
    state.set_widget_value(f"piles-{project_id}", (number, tuple(groups)))


def _pile(project_id: str, number: int, group: tuple[str, ...]) -> None:
    workspace = state.current_workspace()
    key = group[0][:16]
    with card(f"pile-{key}"):
        count = "1 picture" if len(group) == 1 else f"{len(group):,} pictures"
        name_text(f"Group {number}: {count}", note="The most typical first")
        images = "".join(
            f'<img src="{data_uri(thumbnail_path(workspace, project_id, digest))}" alt="">'
            for digest in group[:SHOWN]
        )
        st.html(f'<div class="tl-strip">{images}</div>')
        name = st.text_input(
            "Class of this group",
            placeholder="Type what these pictures show",
            max_chars=MAX_CLASS_NAME_LENGTH,
            key=f"pile-name-{key}",
        )
        with st.container(horizontal=True):
            if st.button("Make it a class", key=f"pile-class-{key}"):
                _then_again(lambda: _to_class(project_id, group, name))
            if len(group) >= 4 and st.button("Split in two", key=f"pile-split-{key}"):
                _then_again(lambda: _split(project_id, group))
            if st.button("Exclude", key=f"pile-out-{key}"):
                _then_again(
                    lambda: set_excluded(workspace, project_id, _ids(project_id, group), True)
                )


def _then_again(act: Callable[[], object]) -> None:
    with errors_shown():
        act()
        st.rerun()


def _to_class(project_id: str, group: Sequence[str], name: str) -> None:
    workspace = state.current_workspace()
    stored = create_class(workspace, project_id, name)
    assign_class(workspace, project_id, _ids(project_id, group), stored)


def _split(project_id: str, group: tuple[str, ...]) -> None:
    root = str(state.current_workspace().root)
    with st.spinner("Comparing the pictures…"):
        parts = compute_client.call("find_piles", root, project_id, group, 2).groups
    number, groups = state.widget_value(f"piles-{project_id}")
    left = [one for one in groups if not set(group) & set(one)]
    _keep(project_id, number, (*parts, *left))


def _ids(project_id: str, digests: Sequence[str]) -> list[int]:
    return [one.id for one in get_images(state.current_workspace(), project_id, digests)]

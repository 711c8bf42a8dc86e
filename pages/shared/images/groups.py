"""Pictures that show the same thing: look at each group, agree, take apart, join."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import state
from pages.shared.elements import errors_shown, name_text, note_text
from pages.shared.gallery import Action, Tile, gallery
from tl_core.images import (
    NameProposal,
    PictureGroup,
    accept_groups,
    accept_names,
    count_images,
    dismiss_names,
    list_groups,
    merge_groups,
    propose_names,
    split_group,
    thumbnail_path,
)
from tl_core.images.groups import grouping

SHOWN = 72  # pictures of one group
EXAMPLES = 3  # sources that a proposal names
FOLDS = 5  # of a cross-validation, where there are enough groups
KIND_TEXT = {
    "copies": "found by comparing the pictures",
    "names": "from the file names",
    "own": "your own choice",
    "recording": "one webcam recording",
}
PATTERN_TEXT = {  # number of groups, the verb after "pictures"
    "endings": ("original", "were made from"),
    "prefixes": ("source", "come from"),
}
MOST_CLASSES = 3  # whose cost is named


def show_groups(project_id: str) -> None:
    """Draw what file names suggest and the groups there are; nothing when there is neither."""
    workspace = state.current_workspace()
    groups = list_groups(workspace, project_id)
    proposals = propose_names(workspace, project_id)
    count = count_images(workspace, project_id)
    searched = count <= grouping.MOST_SEARCHED
    if searched and not groups and not proposals:
        return
    st.header("Copies and series", anchor=False)
    note_text(
        "Pictures that show the same thing form a [[group]]. A group is never divided between "
        "training and test; otherwise the measured accuracy would be too high."
    )
    if not searched:
        note_text(
            f"Copies and series are searched for in up to {grouping.MOST_SEARCHED:,} pictures; "
            f"there are {count:,}. Your own groups still apply."
        )
    for proposal in proposals:
        _proposal(project_id, proposal)
    if groups:
        _groups(project_id, groups)


def proposal_text(proposal: NameProposal) -> tuple[str, ...]:
    """Return what is proposed, for example which, and what it costs where that is much."""
    pattern, groups = proposal.pattern, len(proposal.pattern.groups)
    noun, verb = PATTERN_TEXT[pattern.kind]
    lines = [
        f"File names and the pictures suggest that {pattern.images:,} pictures {verb} {groups:,} "
        f"{noun}{'' if groups == 1 else 's'}. Keep each together?"
    ]
    examples = list(pattern.groups.items())[:EXAMPLES]
    told = ", ".join(f"“{source}” ({len(ids)} pictures)" for source, ids in examples)
    lines.append(f"For example {told}")
    if costly := proposal.costly:
        kept = "; ".join(
            f"{cost.left:,} of {cost.now:,} for “{cost.class_name}”"
            for cost in costly[:MOST_CLASSES]
        )
        folds = min(FOLDS, costly[0].left)
        how = f"At most {folds} folds are possible then" if folds > 1 else "It cannot be measured"
        lines.append(
            f"This costs certainty. Independent groups left to measure with: {kept}. {how}. Agree "
            "only if the pictures of a group really show the same thing."
        )
    return tuple(lines)


def _proposal(project_id: str, proposal: NameProposal) -> None:
    workspace, pattern = state.current_workspace(), proposal.pattern
    with st.container(border=True, key=f"card-names-{pattern.kind}"):
        title, *below = proposal_text(proposal)
        name_text(title, clip=False)
        note_text(*below)
        buttons = [
            ("Keep them together", "yes", lambda: accept_names(workspace, project_id, pattern)),
            ("No, they are different", "no", lambda: dismiss_names(workspace, project_id, pattern)),
        ]
        with st.container(horizontal=True):
            for label, answer, act in reversed(buttons) if proposal.costly else buttons:
                _button(label, f"names-{answer}-{pattern.kind}", act)


def _groups(project_id: str, groups: Sequence[PictureGroup]) -> None:
    workspace = state.current_workspace()
    by_name = {group.name: group for group in groups}
    new = [group.name for group in groups if not group.accepted]
    if state.widget_value("group-shown") not in by_name:
        state.set_widget_value("group-shown", groups[0].name)
    pictures = sum(len(group.images) for group in groups)
    name_text(
        f"{_count(len(groups))} of {pictures:,} pictures; {len(new):,} not checked yet",
        note="They already stay together. Confirm them, or split what does not belong together.",
    )
    name = st.selectbox(
        "Group", list(by_name), key="group-shown", format_func=lambda key: _title(by_name[key])
    )
    group = by_name[name]
    gallery(
        [_tile(project_id, group, i) for i in range(min(len(group.images), SHOWN))],
        key=f"group-{name}",
        actions=[Action(id="out", label="Remove from the group", shortcut="x")],
        total=len(group.images),
        on_action=lambda _, ids: _take_out(project_id, name, ids),
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not group.accepted:
            _button("Confirm the group", "group-yes",
                    lambda: accept_groups(workspace, project_id, [name]))  # fmt: skip
        if len(new) > 1:
            _button(f"Confirm all {len(new):,}", "group-all",
                    lambda: accept_groups(workspace, project_id, new))  # fmt: skip
        _button("Split the group", "group-split",
                lambda: split_group(workspace, project_id, name))  # fmt: skip
        if len(groups) > 1:
            with st.popover("Merge with another group"):
                others = [key for key in by_name if key != name]
                other = st.selectbox(
                    "Other group", others, key="group-other",
                    format_func=lambda key: _title(by_name[key]),
                )  # fmt: skip
                _button("Merge them", "group-join",
                        lambda: merge_groups(workspace, project_id, [name, other]))  # fmt: skip


def _button(label: str, key: str, act: Callable[[], object]) -> None:
    def done() -> None:
        with errors_shown():
            act()

    st.button(label, key=key, on_click=done)


def _count(groups: int) -> str:
    return "1 group" if groups == 1 else f"{groups:,} groups"


def _title(group: PictureGroup) -> str:
    first = group.images[0].name.rsplit("/", 1)[-1]
    several = ", different classes!" if len(group.class_names) > 1 else ""
    look = "" if group.accepted else ", please check"
    return f"{len(group.images)} pictures, “{first}”{several} ({KIND_TEXT[group.kind]}{look})"


def _tile(project_id: str, group: PictureGroup, index: int) -> Tile:
    record = group.images[index]
    return Tile(
        id=str(record.id),
        thumbnail=thumbnail_path(state.current_workspace(), project_id, record.digest),
        caption=record.name.rsplit("/", 1)[-1],
        title=record.name,
        mark="excluded" if record.excluded else record.class_name,
        muted=record.excluded,
    )


def _take_out(project_id: str, name: str, ids: list[str]) -> None:
    with errors_shown():
        split_group(state.current_workspace(), project_id, name, [int(one) for one in ids])

"""Groups: found, proposed by name, accepted, split, merged, undone; never separated by a draw."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import file
from projects import add, project_with

from tl_core.errors import DatasetError
from tl_core.images import (
    accept_groups,
    accept_names,
    confirm_names,
    dismiss_names,
    image_set,
    keep_copies,
    last_change,
    list_groups,
    list_images,
    merge_groups,
    propose_names,
    split_group,
    undo_last,
)
from tl_core.images.groups.joining import Joining
from tl_core.images.groups.name_patterns import name_patterns
from tl_core.workspace import Workspace, create_project, open_workspace


@pytest.fixture
def project_id(workspace: Workspace) -> str:
    return project_with(workspace, ants=8, bees=8)


def digests(workspace: Workspace, project_id: str) -> list[str]:
    return [one.digest for one in list_images(workspace, project_id)]


def members(workspace: Workspace, project_id: str) -> list[set[str]]:
    return [{one.digest for one in g.images} for g in list_groups(workspace, project_id)]


def test_found_copies_are_kept_together_at_once(workspace: Workspace, project_id: str) -> None:
    a, b, c, *_ = digests(workspace, project_id)
    assert keep_copies(workspace, project_id, [(a, b), (b, c), (a, "gone")]) == 3
    (group,) = list_groups(workspace, project_id)
    assert {one.digest for one in group.images} == {a, b, c}
    assert (group.kind, group.accepted, group.class_names) == ("copies", False, ("ants",))
    assert keep_copies(workspace, project_id, [(a, c)]) == 0
    assert last_change(workspace, project_id) is None  # nothing that a person did
    found = image_set(workspace, project_id)
    assert len({one.split for one in found.images if one.group}) == 1


def test_what_the_person_took_apart_is_never_joined_again(workspace, project_id) -> None:
    a, b, c, d, *_ = digests(workspace, project_id)
    keep_copies(workspace, project_id, [(a, b)])
    split_group(workspace, project_id, list_groups(workspace, project_id)[0].name)
    assert members(workspace, project_id) == []
    keep_copies(workspace, project_id, [(a, c), (c, b), (a, b), (b, d)])
    assert sorted(map(sorted, members(workspace, project_id))) == sorted(
        [sorted({a, c}), sorted({b, d})]
    )


def test_a_picture_taken_out_leaves_the_rest_together(workspace, project_id) -> None:
    a, b, c, *_ = digests(workspace, project_id)
    keep_copies(workspace, project_id, [(a, b), (b, c)])
    group = list_groups(workspace, project_id)[0]
    out = next(one.id for one in group.images if one.digest == b)
    split_group(workspace, project_id, group.name, [out])
    assert members(workspace, project_id) == [{a, c}]
    keep_copies(workspace, project_id, [(a, b), (b, c)])
    assert members(workspace, project_id) == [{a, c}]


def test_every_decision_can_be_undone(workspace: Workspace, project_id: str) -> None:
    a, b, c, d, *_ = digests(workspace, project_id)
    keep_copies(workspace, project_id, [(a, b), (c, d)])
    before = list_groups(workspace, project_id)
    names = [group.name for group in before]
    for act in (
        lambda: accept_groups(workspace, project_id, names),
        lambda: split_group(workspace, project_id, names[0]),
        lambda: merge_groups(workspace, project_id, names),
    ):
        act()
        assert list_groups(workspace, project_id) != before
        assert undo_last(workspace, project_id)
        assert list_groups(workspace, project_id) == before
    split_group(workspace, project_id, names[0])
    undo_last(workspace, project_id)
    keep_copies(workspace, project_id, [(a, b)])  # it is not remembered as apart any more
    assert list_groups(workspace, project_id) == before


def test_merging_makes_one_accepted_group_even_of_what_was_apart(workspace, project_id) -> None:
    a, b, c, d, *_ = digests(workspace, project_id)
    keep_copies(workspace, project_id, [(a, b), (b, c)])
    group = list_groups(workspace, project_id)[0]
    out = next(one.id for one in group.images if one.digest == c)
    split_group(workspace, project_id, group.name, [out])
    keep_copies(workspace, project_id, [(c, d)])
    names = [one.name for one in list_groups(workspace, project_id)]
    merge_groups(workspace, project_id, names)
    (merged,) = list_groups(workspace, project_id)
    assert {one.digest for one in merged.images} == {a, b, c, d} and merged.accepted


def test_a_group_that_is_gone_says_so(workspace: Workspace, project_id: str) -> None:
    with pytest.raises(DatasetError, match="no longer exists"):
        split_group(workspace, project_id, "group-nothing")


def test_names_are_proposed_and_never_imposed(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    names = ["IMG_1", "IMG_1_flipLR", "IMG_1_180deg", "IMG_2", "IMG_2_new90degFlipTB", "IMG_3"]
    add(workspace, project_id, [file(f"rust/{name}.png") for name in names])
    assert propose_names(workspace, project_id) == []  # nobody has looked at the pictures yet
    confirm_all(workspace, project_id)
    (proposal,) = propose_names(workspace, project_id)
    pattern = proposal.pattern
    assert pattern.kind == "endings" and list(pattern.groups) == ["IMG_1", "IMG_2"]
    assert list_groups(workspace, project_id) == []
    accept_names(workspace, project_id, pattern)
    assert [len(group.images) for group in list_groups(workspace, project_id)] == [3, 2]
    assert propose_names(workspace, project_id) == []
    undo_last(workspace, project_id)
    assert list_groups(workspace, project_id) == []
    dismiss_names(workspace, project_id, pattern)
    assert propose_names(workspace, project_id) == []
    undo_last(workspace, project_id)
    assert len(propose_names(workspace, project_id)) == 1


def test_undoing_groups_brings_back_the_split_that_was(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    names = [f"{name}/IMG_{n % 2} ({n}).png" for name in ("rust", "spot") for n in range(20)]
    add(workspace, project_id, [file(name) for name in names])
    confirm_all(workspace, project_id)

    def split() -> dict[str, str]:
        return {one.digest: one.split for one in image_set(workspace, project_id).images}

    before = split()
    accept_names(workspace, project_id, propose_names(workspace, project_id)[0].pattern)
    assert split() != before
    undo_last(workspace, project_id)
    assert split() == before


def confirm_all(workspace: Workspace, project_id: str) -> None:
    """Let the pictures confirm whatever their names suggest."""
    images = list_images(workspace, project_id)
    found = {
        pattern.kind: [[images[i].digest for i in ids] for ids in pattern.groups.values()]
        for pattern in name_patterns([(i, one.name) for i, one in enumerate(images)])
    }
    confirm_names(workspace, project_id, found)


def test_a_proposal_says_how_many_groups_it_leaves(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    names = [f"rust/IMG_{n} ({m}).png" for n in (1, 2) for m in range(1, 11)]
    names += [f"spot/{n}.png" for n in range(40)]
    names += [f"spot/IMG_9 ({m}).png" for m in (1, 2)]
    add(workspace, project_id, [file(name) for name in names])
    confirm_all(workspace, project_id)
    (proposal,) = propose_names(workspace, project_id)
    costs = {one.class_name: (one.images, one.joined, one.now, one.left) for one in proposal.costs}
    assert costs == {"rust": (20, 20, 20, 2), "spot": (42, 2, 42, 41)}
    assert [one.class_name for one in proposal.costly] == ["rust"]


@pytest.mark.parametrize(
    ("names", "kind", "groups"),
    [
        (["patient07-1", "patient07-2", "patient8-1", "patient8-2"], "prefixes", 2),
        (["plot 3_12", "plot 3_13", "plot 4_1", "plot 4_2"], "prefixes", 2),
        (["scan", "scan (1)", "scan copy"], "endings", 1),
        (["a", "a_flipLR_rot90"], "endings", 1),
    ],
)
def test_patterns_of_names(names: list[str], kind: str, groups: int) -> None:
    found = name_patterns([(n, f"class/{name}.jpg") for n, name in enumerate(names)])
    assert [(one.kind, len(one.groups)) for one in found] == [(kind, groups)]


@pytest.mark.parametrize(
    "names",
    [
        ["cardboard1", "cardboard2", "glass1", "glass2"],
        ["IMG_1118", "IMG_1119", "IMG_4139"],
        ["1", "2", "3"],
        ["2024-05-01 12.jpg", "2024-05-01 13.jpg"],
        [],
    ],
)
def test_numbered_names_propose_nothing(names: list[str]) -> None:
    assert name_patterns([(n, name) for n, name in enumerate(names)]) == []


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15)


@given(PAIRS, st.lists(st.lists(st.integers(0, 9), unique=True, max_size=6), max_size=3))
def test_joining_respects_what_is_apart(pairs, apart) -> None:
    joining = Joining([(n, f"d{n}", None) for n in range(10)])
    for parts in apart:
        joining.keep_apart([[f"d{n}"] for n in parts])
    for a, b in pairs:
        joining.join(f"d{a}", f"d{b}")
    roots = [joining._root(n) for n in range(10)]
    for parts in apart:
        assert len({roots[n] for n in parts}) == len(parts)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(PAIRS, st.integers(0, 5))
def test_no_stored_group_is_ever_separated(tmp_path: Path, pairs, seed: int) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    project_id = project_with(workspace, ants=6, bees=6)
    found = digests(workspace, project_id)
    image_set(workspace, project_id, seed=seed)
    keep_copies(workspace, project_id, [(found[a], found[b]) for a, b in pairs if a != b])
    images = image_set(workspace, project_id, seed=seed).images
    assert bool(list_groups(workspace, project_id)) == any(a != b for a, b in pairs)
    for group in list_groups(workspace, project_id):
        inside = {one.digest for one in group.images}
        assert len({one.split for one in images if one.digest in inside}) == 1

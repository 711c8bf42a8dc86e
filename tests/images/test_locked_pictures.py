"""The locked test part: drawn by group, out of reach, counted."""

from collections import Counter

import pytest
from pictures import file
from projects import add, project_with

from tl_core.errors import DatasetError
from tl_core.images import (
    draw_locked_test,
    has_own_test,
    image_set,
    keep_copies,
    list_images,
    lock_own_test,
    locked_test_state,
    open_locked_test,
    release_locked_test,
)
from tl_core.workspace import Workspace


def test_a_locked_part_is_out_of_reach_and_counts_its_openings(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=20, bees=10)
    assert locked_test_state(workspace, project_id) is None
    state = draw_locked_test(workspace, project_id, fraction=0.2, seed=1)
    assert (state.images, state.own, state.opened) == (6, False, 0)
    found = image_set(workspace, project_id)
    assert Counter(one.label for one in found.locked) == {0: 4, 1: 2}
    assert not {one.digest for one in found.images} & {one.digest for one in found.locked}
    assert len(found.images) == 24 and not found.test_given
    assert [open_locked_test(workspace, project_id) for _ in range(2)] == [1, 2]
    assert locked_test_state(workspace, project_id).opened == 2
    locked = {one.digest for one in found.locked}
    shown = [one for one in list_images(workspace, project_id) if one.digest in locked]
    assert {one.split for one in shown} == {"test"}


def test_the_draw_takes_whole_groups(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=20, bees=20)
    digests = [one.digest for one in list_images(workspace, project_id)]
    keep_copies(workspace, project_id, list(zip(digests[::2], digests[1::2], strict=True)))
    draw_locked_test(workspace, project_id, seed=0)
    found = image_set(workspace, project_id)
    assert len(found.locked) == 8
    assert not {one.group for one in found.images} & {one.group for one in found.locked}


def test_copies_found_later_are_locked_too(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    draw_locked_test(workspace, project_id)
    before = image_set(workspace, project_id)
    keep_copies(workspace, project_id, [(before.locked[0].digest, before.train[0].digest)])
    after = image_set(workspace, project_id)
    assert before.train[0].digest in {one.digest for one in after.locked}


def test_releasing_gives_the_pictures_back(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    draw_locked_test(workspace, project_id)
    release_locked_test(workspace, project_id)
    assert locked_test_state(workspace, project_id) is None
    assert len(image_set(workspace, project_id).images) == 20
    with pytest.raises(DatasetError, match="no locked test set"):
        open_locked_test(workspace, project_id)


def test_the_own_test_folder_can_be_locked(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    assert not has_own_test(workspace, project_id)
    with pytest.raises(DatasetError, match="no test folder"):
        lock_own_test(workspace, project_id)
    add(workspace, project_id, (file(f"test/ants/{n}.png", split="test") for n in range(3)))
    assert has_own_test(workspace, project_id)
    assert lock_own_test(workspace, project_id).images == 3
    found = image_set(workspace, project_id)
    assert len(found.locked) == 3 and not found.test_given and len(found.test) == 4


@pytest.mark.parametrize("fraction", [0, 0.6, -1])
def test_an_impossible_share_says_what_is_possible(workspace: Workspace, fraction: float) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    with pytest.raises(DatasetError, match="at most half"):
        draw_locked_test(workspace, project_id, fraction=fraction)


def test_too_few_pictures_and_a_second_draw_are_refused(workspace: Workspace) -> None:
    small = project_with(workspace, ants=2, bees=2)
    with pytest.raises(DatasetError, match="Too few pictures"):
        draw_locked_test(workspace, small)
    project_id = project_with(workspace, ants=10, bees=10)
    draw_locked_test(workspace, project_id)
    with pytest.raises(DatasetError, match="already"):
        draw_locked_test(workspace, project_id)

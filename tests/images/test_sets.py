"""The image set that a training takes, and what stands in the way of one."""

import os
from collections import Counter
from pathlib import Path

import pytest
from pictures import file, files
from projects import add, project_with

from tl_core.errors import DatasetError
from tl_core.images import (
    assign_class,
    create_class,
    delete_class,
    folder_files,
    image_set,
    list_images,
    set_excluded,
)
from tl_core.workspace import Workspace, create_project

DATA = os.environ.get("TL_DATA")


def test_labels_are_indices_of_the_sorted_class_names(workspace: Workspace) -> None:
    project_id = project_with(workspace, wasps=4, ants=5, Bees=3)
    found = image_set(workspace, project_id)
    assert found.class_names == ("Bees", "ants", "wasps")
    assert Counter(one.label for one in found.images) == {0: 3, 1: 5, 2: 4}
    assert all(one.path.is_file() for one in found.images)
    assert len(found.train) + len(found.validation) + len(found.test) == 12
    assert not found.test_given


def test_the_seed_decides_the_splits_and_nothing_is_stored(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    first = image_set(workspace, project_id, seed=3)
    assert image_set(workspace, project_id, seed=4).train != first.train
    assert image_set(workspace, project_id, seed=3) == first
    assert Counter(one.split for one in first.images) == {"train": 12, "validation": 4, "test": 4}
    assert {one.split for one in list_images(workspace, project_id)} == {None}


def test_no_digest_is_on_two_sides(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    copies = list(files(ants=3))
    add(workspace, project_id, copies)
    add(workspace, project_id, [file("test/ants/x.png", copies[0].read(), split="test")])
    found = image_set(workspace, project_id)
    assert len({one.digest for one in found.images}) == len(found.images) == 23


def test_excluded_and_unlabelled_pictures_take_no_part(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=5, bees=5)
    ids = [one.id for one in list_images(workspace, project_id)]
    set_excluded(workspace, project_id, ids[:1], True)
    assign_class(workspace, project_id, ids[-1:], None)
    assert len(image_set(workspace, project_id).images) == 8


def test_a_given_test_part_is_kept(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=10, bees=10)
    add(workspace, project_id, (file(f"val/ants/{n}.png", split="validation") for n in range(3)))
    found = image_set(workspace, project_id)
    assert found.test_given and len(found.test) == 3
    assert (len(found.train), len(found.validation)) == (16, 4)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({}, "No class yet; a model needs at least two"),
        ({"ants": 5}, r"only one class \('ants'\).*Add pictures of another class"),
        ({"ants": 5, "bees": 1}, "Class 'bees' has 1 picture; each class needs at least 2"),
        ({"ants": 1, "bees": 1}, "'ants', 'bees' have fewer than 2 pictures"),
        ({f"c{n}": 1 for n in range(8)}, "'c4' and 3 more have fewer"),
    ],
)
def test_what_is_no_training_set_says_what_to_do(
    workspace: Workspace, counts: dict[str, int], says: str
) -> None:
    project_id = project_with(workspace, **counts) if counts else create_project(workspace, "L").id
    with pytest.raises(DatasetError, match=says):
        image_set(workspace, project_id)


def test_an_empty_class_is_named(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=3, bees=3)
    create_class(workspace, project_id, "wasps")
    with pytest.raises(DatasetError, match=r"'wasps' has 0 pictures.*delete the class"):
        image_set(workspace, project_id)
    delete_class(workspace, project_id, "wasps")
    assert image_set(workspace, project_id).class_names == ("ants", "bees")


def test_a_class_that_is_only_in_the_test_part_is_named(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=5)
    add(workspace, project_id, (file(f"test/bees/{n}.png", split="test") for n in range(3)))
    with pytest.raises(DatasetError, match="No training pictures for 'bees'"):
        image_set(workspace, project_id)


@pytest.mark.skipif(not DATA, reason="TL_DATA is not set")
def test_a_real_set_with_a_validation_folder_uses_it_for_testing(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Insects").id
    add(workspace, project_id, folder_files(Path(DATA) / "ants_and_bees"))
    found = image_set(workspace, project_id)
    assert (len(found.train), len(found.validation), len(found.test)) == (196, 49, 153)
    assert found.test_given and all("/val/" in f"/{one.name}" for one in found.test)

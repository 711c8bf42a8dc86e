"""Pictures of another place are in the project, and nowhere among its classes."""

import pytest
from pictures import coloured_files, file, files
from projects import add, project_with

from tl_core.images import (
    assign_class,
    count_images,
    delete_place,
    get_images,
    image_path,
    image_set,
    label_facts,
    list_classes,
    list_digests,
    list_images,
    list_places,
    picture_rows,
    propose_names,
    subset_facts,
)
from tl_core.images.files.sources import SourceFile

THERE = "Camera B"


@pytest.fixture
def project(workspace):
    """Return a project with two classes, and six pictures of another place."""
    project_id = project_with(workspace, ants=3, bees=3)
    there = [SourceFile(f"there/{n}.png", one.read, place=THERE)
             for n, one in enumerate(files(x=6))]  # fmt: skip
    assert add(workspace, project_id, there).added == 6
    return project_id


def test_they_are_counted_apart(workspace, project):
    assert list_places(workspace, project) == {THERE: (6, 0)}
    assert [(one.name, one.images) for one in list_classes(workspace, project)] == [
        ("ants", 3),
        ("bees", 3),
    ]
    assert count_images(workspace, project) == 6
    assert list_digests(workspace, project, class_name=None) == []
    assert len(list_images(workspace, project, place=THERE)) == 6


def test_a_label_there_does_not_make_them_the_projects_own(workspace, project):
    there = list_images(workspace, project, place=THERE)
    assign_class(workspace, project, [one.id for one in there[:4]], "ants")
    assert list_places(workspace, project) == {THERE: (6, 4)}
    assert [one.images for one in list_classes(workspace, project)] == [3, 3]
    assert len(image_set(workspace, project).images) == 6
    assert len(picture_rows(workspace, project)) == len(label_facts(workspace, project)) == 6
    assert len(subset_facts(workspace, project)) == 6
    assert propose_names(workspace, project) == []
    both = picture_rows(workspace, project, places=True)
    assert [row.place for row in both] == [None] * 6 + [THERE] * 6
    assert [row.class_name for row in both[6:]] == ["ants"] * 4 + [None] * 2


def test_a_picture_that_is_among_the_labelled_ones_stays_there(workspace):
    project_id = project_with(workspace)
    known = list(coloured_files(("ants", "bees"), 3))
    add(workspace, project_id, known)
    again = [SourceFile(f"there/{n}.png", one.read, place=THERE) for n, one in enumerate(known)]
    last = add(workspace, project_id, again)
    assert (last.added, len(last.skipped)) == (0, 6)
    assert list_places(workspace, project_id) == {}


def test_a_place_is_deleted_with_its_files(workspace, project):
    records = list_images(workspace, project, place=THERE)
    kept = list_images(workspace, project)
    delete_place(workspace, project, THERE)
    assert list_places(workspace, project) == {}
    assert get_images(workspace, project, [one.digest for one in records]) == []
    assert not any(image_path(workspace, project, one).exists() for one in records)
    assert all(image_path(workspace, project, one).exists() for one in kept)
    assert add(workspace, project, [file("ants/new.png")]).added == 1

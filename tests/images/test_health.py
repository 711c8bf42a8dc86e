"""What stands in the way of a good model, as facts."""

from pathlib import Path

import pytest
from pictures import file
from projects import add, project_with

from tl_core.images import (
    HealthFinding,
    health_findings,
    image_set,
    keep_copies,
    list_images,
    set_excluded,
)
from tl_core.workspace import Workspace, create_project, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def finding(workspace: Workspace, project_id: str, kind: str) -> HealthFinding | None:
    found = [one for one in health_findings(workspace, project_id) if one.kind == kind]
    assert len(found) <= 1
    return found[0] if found else None


def names(found: HealthFinding) -> list[tuple[tuple[str, str], ...]]:
    return [tuple((one.name, one.class_name) for one in pair) for pair in found.pairs]


def test_nothing_is_found_in_a_healthy_set(workspace: Workspace) -> None:
    assert health_findings(workspace, project_with(workspace, ants=20, bees=20)) == []


@pytest.mark.parametrize(
    ("counts", "kind", "classes", "numbers"),
    [
        ({"ants": 25}, "one class", ("ants",), ()),
        ({"ants": 25, "bees": 1}, "too few", ("bees",), ()),
        ({"ants": 25, "bees": 3}, "few", ("bees",), ()),
        ({"ants": 25, "bees": 3}, "imbalance", ("ants", "bees"), (25, 3)),
        ({"Ants": 20, "ants": 20}, "similar names", ("Ants", "ants"), ()),
        ({f"c{n:03d}": 1 for n in range(60)}, "many classes", (), (60,)),
    ],
)
def test_what_is_lacking_is_found(workspace: Workspace, counts, kind, classes, numbers) -> None:
    found = finding(workspace, project_with(workspace, **counts), kind)
    assert (found.classes, found.counts) == (classes, numbers)


def test_pictures_without_a_class_are_counted(workspace: Workspace) -> None:
    project_id = create_project(workspace, "Leaves").id
    assert [one.kind for one in health_findings(workspace, project_id)] == ["no pictures"]
    add(workspace, project_id, [file("1.png"), file("2.png")])
    assert health_findings(workspace, project_id)[-1].counts == (2,)


def test_own_folders_that_separate_copies_are_found(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=5, bees=5)
    given_files = [file(f"{s}/ants/{s}.png", split=s) for s in ("train", "test")]
    add(workspace, project_id, given_files)
    learnt, tested = list_images(workspace, project_id)[-2:]
    keep_copies(workspace, project_id, [(learnt.digest, tested.digest)])
    found = names(finding(workspace, project_id, "separated copies"))
    assert found == [(("test/ants/test.png", "ants"), ("train/ants/train.png", "ants"))]
    by_name = {one.name: one.split for one in image_set(workspace, project_id).images}
    assert by_name["test/ants/test.png"] == "test" != by_name["train/ants/train.png"]


def test_groups_over_two_classes_and_classes_of_one_group_are_found(workspace) -> None:
    project_id = project_with(workspace, ants=3, bees=3)
    d = [one.digest for one in list_images(workspace, project_id)]
    keep_copies(workspace, project_id, [(d[0], d[1]), (d[1], d[2]), (d[2], d[3])])
    assert finding(workspace, project_id, "one source").classes == ("ants",)
    found = names(finding(workspace, project_id, "conflicting labels"))
    assert found == [(("ants/0.png", "ants"), ("bees/0.png", "bees"))]
    sides = {one.digest: one.split for one in image_set(workspace, project_id).images}
    assert len({sides[one] for one in d[:4]}) == 1


def test_excluded_pictures_are_not_looked_at(workspace: Workspace) -> None:
    project_id = project_with(workspace, ants=3, bees=3)
    images = list_images(workspace, project_id)
    keep_copies(workspace, project_id, [(images[0].digest, images[3].digest)])
    set_excluded(workspace, project_id, [images[0].id], True)
    assert finding(workspace, project_id, "conflicting labels") is None

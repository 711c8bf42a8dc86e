"""Pictures without a class: grouped by how they look, named, divided, taken out."""

import pytest
from compute_stand_in import ComputeStandIn
from pictures import coloured, file
from sessions import open_app, press, texts

from tl_core.images import add_images, list_classes, list_digests
from tl_core.runs.events import result_of
from tl_core.runs.results.live import Piles
from tl_core.workspace import create_project

PAGE = "pages/2_images.py"


@pytest.fixture
def project(workspace, compute: ComputeStandIn):
    """Return a project with ten pictures without a class, found to be a group of 6 and one of 4."""
    project = create_project(workspace, "Leaves")
    offered = [file(f"{n}.png", coloured((n * 20, 9, 9)), class_name=None) for n in range(10)]
    result_of(add_images(workspace, project.id, offered))
    digests = tuple(list_digests(workspace, project.id))

    def find_piles(_root, _project_id, some=None, count=None) -> Piles:
        some = digests if set(some) == set(digests) else tuple(some)
        cut = 6 if some == digests else len(some) // 2
        return Piles((some[:cut], some[cut:]), proposed=2)

    compute.answers["find_piles"] = find_piles
    return project


def test_a_group_that_is_named_becomes_a_class(workspace, project):
    app = press(open_app(PAGE, project), "Group them")
    assert "Group 1: 6 pictures" in texts(app)
    assert "Group 2: 4 pictures" in texts(app)
    next(one for one in app.text_input if one.key.startswith("pile-name-")).set_value("oak").run()
    press(app, "Make it a class")
    assert not app.exception
    assert [(one.name, one.images) for one in list_classes(workspace, project.id)] == [("oak", 6)]
    assert "Group 1: 4 pictures" in texts(app)


def test_a_group_is_divided_and_excluded(workspace, project):
    app = press(open_app(PAGE, project), "Group them")
    press(app, "Split in two")
    assert "Group 3: 4 pictures" in texts(app)
    press(app, "Exclude")
    assert not app.exception
    assert len(list_digests(workspace, project.id, excluded=True)) == 3


def test_few_pictures_without_a_class_are_left_alone(workspace):
    project = create_project(workspace, "Leaves")
    result_of(add_images(workspace, project.id, [file("a.png", class_name=None)]))
    assert "Pictures without a class" not in [one.value for one in open_app(PAGE, project).header]

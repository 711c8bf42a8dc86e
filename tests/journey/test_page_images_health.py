"""The health check on the Images page: asked for, mended with a click, dismissed, undone."""

import pytest
from compute_stand_in import ComputeStandIn
from projects import project_with_pictures
from sessions import open_app, press, texts, unfold

from tl_core.images import dismissed_findings, list_classes, list_images
from tl_core.runs.results.health import Finding, Health, Suspect, single_message
from tl_core.runs.results.live import LiveState
from tl_core.workspace.storage import Workspace

PAGE = "pages/2_images.py"


@pytest.fixture
def project(workspace: Workspace, compute: ComputeStandIn):
    """Return a project of which two pictures are blurred and two classes look like one."""
    project = project_with_pictures(each=4)
    records = list_images(workspace, project.id)
    pictures = tuple(Suspect(one.name, one.digest, one.class_name) for one in records)
    blurred = Finding(
        kind="quality",
        about="blurred",
        severity=0.2,
        message=single_message("quality", "blurred", 2),
        pictures=pictures[:2],
    )
    alike = Finding(
        kind="similar_classes",
        severity=0.5,
        message="They look like one.",
        pictures=pictures,
        classes=("healthy", "rust"),
        points=12.0,
    )
    compute.answers["find_health"] = Health((alike, blurred), pictures)
    total = len(records)
    compute.answers["live_state"] = LiveState(
        version="1", seen=total, total=total, missing="groups", ready=True
    )
    return project


def checked(project):
    return press(unfold(open_app(PAGE, project), "part-health"), "Check the pictures")


def test_what_is_folded_is_not_looked_at(project):
    app = checked(project)
    assert "2 findings" in texts(app)
    unfold(app, "part-health", to=False)
    assert "findings" not in texts(app) and "Check again" not in {one.label for one in app.button}
    assert "2 findings" in texts(unfold(app, "part-health")), "and what was found stays"


def test_findings_are_listed_by_how_much_they_matter(project):
    app = checked(project)
    assert not app.exception
    shown = texts(app)
    assert "2 findings" in shown
    assert shown.index("They look like one") < shown.index("2 pictures are blurred")
    assert "up to 12.0 points of accuracy" in shown


def test_a_click_mends_and_undo_takes_it_back(workspace: Workspace, project):
    app = checked(project)
    press(app, "Exclude all")
    assert not app.exception
    assert len(list_images(workspace, project.id, excluded=True)) == 2
    assert "blurred" not in texts(app)
    press(app, next(one.label for one in app.button if one.label.startswith("Undo")))
    assert list_images(workspace, project.id, excluded=True) == []
    assert "2 pictures are blurred" in texts(app)
    press(app, "Merge into “healthy”")
    assert [one.name for one in list_classes(workspace, project.id)] == ["healthy"]
    assert "They look like one" not in texts(app)


def test_what_is_dismissed_stays_away_until_it_is_brought_back(workspace: Workspace, project):
    app = checked(project)
    press(app, "Dismiss")
    assert "They look like one" not in texts(app)
    assert dismissed_findings(workspace, project.id)
    again = checked(project)
    assert "They look like one" not in texts(again)
    press(again, "Bring back what was dismissed")
    assert "They look like one" in texts(again)

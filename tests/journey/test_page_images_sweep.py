"""Labels in sweeps on the Images page: which pictures, how far one is, and what labels bring."""

from dataclasses import replace

import pytest
from compute_stand_in import ComputeStandIn
from projects import project_with_pictures
from sessions import open_app, press, shown, texts, unfold

from pages.shared.images.changes import act
from pages.shared.images.sweep import growth_text
from tl_core.images import assign_class, list_images
from tl_core.runs.results.live import LabelCurve, LiveState
from tl_core.workspace.storage import Workspace

PAGE = "pages/2_images.py"
GROWTH = LabelCurve(((3, 0.5), (6, 0.8)), gain=0.02, gain_high=0.05)


@pytest.fixture
def project(workspace: Workspace, compute: ComputeStandIn):
    """Return a project with three pictures without a class, two of which are asked about."""
    project = project_with_pictures(each=4)
    some = list_images(workspace, project.id)
    assign_class(workspace, project.id, [some[0].id, some[1].id, some[-1].id], None)
    compute.answers["live_sweep"] = (some[-1].digest, some[0].digest)
    compute.answers["live_growth"] = GROWTH
    compute.answers["live_state"] = LiveState(
        version="1", seen=8, total=8, correct=5, n=6, groups=6, independent=6.0, ready=True
    )
    return project


def test_a_sweep_stays_while_it_is_labelled_and_then_a_next_one_is_chosen(
    workspace: Workspace, project, compute: ComputeStandIn
):
    app = open_app(PAGE, project)
    assert "live_sweep" not in {one[0] for one in compute.asked}, "what is folded asks nothing"
    app = unfold(app, "part-sweep")
    assert not app.exception
    assert "0 of 2 labelled" in texts(app) and "Accuracy 83" in texts(app)
    tiles = shown(app)["tiles"]
    assert [one["mark"] for one in tiles] == [None, None]
    assert shown(app)["quick"]
    act(project.id, "class:rust", [tiles[0]["id"]])
    app.run()
    assert "1 of 2 labelled; 2 pictures without a class" in texts(app)
    assert [one["mark"] for one in shown(app)["tiles"]] == ["rust", None]
    asked = [one for one in compute.asked if one[0] == "live_growth"]
    assert len(asked) == 1, "the curve is measured once a sweep"
    act(project.id, "exclude", [tiles[1]["id"]])
    app.run()
    assert "2 of 2 labelled" in texts(app)
    assert len([one for one in compute.asked if one[0] == "live_growth"]) == 2
    press(app, "Undo: exclude 1 picture")
    press(app, "Next 20")
    assert len([one for one in compute.asked if one[0] == "live_sweep"]) == 2


def test_what_labels_may_still_bring_is_said():
    assert "may add about 2.0 points, at most 5.0" in growth_text(GROWTH)
    assert "brought nothing" in growth_text(replace(GROWTH, gain=-0.01))
    hardly = replace(GROWTH, gain=0.001, gain_high=0.004)
    assert hardly.hardly and "will hardly help" in growth_text(hardly)

"""The map on the Images page: drawn when asked for, coloured, its selection mended."""

import json

import numpy as np
import pytest
from compute_stand_in import ComputeStandIn
from projects import project_with_pictures
from sessions import open_app, press, unfold

from pages.shared.charts.picture_map import Dots, chosen_digests, picture_map
from tl_core.images import list_images
from tl_core.runs.results.live import LiveAnswer, LiveState, PictureMap
from tl_core.workspace.storage import Workspace

PAGE = "pages/2_images.py"


@pytest.fixture
def project(workspace: Workspace, compute: ComputeStandIn):
    project = project_with_pictures(each=3)
    digests = tuple(one.digest for one in list_images(workspace, project.id))
    places = tuple(np.linspace(-1, 1, len(digests)).tolist())
    compute.answers["find_map"] = PictureMap(digests, places, places)
    compute.answers["live_answers"] = {
        digest: LiveAnswer(class_name="rust", probability=0.95) for digest in digests
    }
    compute.answers["live_state"] = LiveState(
        version="1", seen=6, total=6, missing="groups", ready=True
    )
    return project


def traces(app) -> dict[str, int]:
    (chart,) = app.get("plotly_chart")
    found = json.loads(chart.proto.spec)["data"]
    return {one["name"]: len(one["customdata"]) for one in found}


def test_every_picture_is_a_dot_of_its_class_or_of_what_the_model_says(project):
    app = press(unfold(open_app(PAGE, project), "part-map"), "Draw the map")
    assert not app.exception
    assert traces(app) == {"healthy (3)": 3, "rust (3)": 3}
    for by, wanted in {
        "Right or wrong": {"right (3)": 3, "wrong (3)": 3},
        "How sure": {"over 90 % sure (6)": 6},
        "Folder": {"healthy (3)": 3, "rust (3)": 3},
    }.items():
        app.segmented_control(key="map-colour").set_value(by).run()
        assert not app.exception
        assert traces(app) == wanted
    given = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    assert {"digest": None, "src": None} in given, "no thumbnail before the pointer is on a dot"
    unfold(app, "part-map", to=False)
    assert not app.get("plotly_chart"), "what is folded is not drawn"


def test_a_selection_is_read_back_from_the_figure_that_was_drawn():
    dots = Dots("a<b>", "#123456", [0.0, 0.5], [0.1, 0.2], ["first", "second"], ["x", "y"])
    figure = picture_map([dots], title="Map").figure
    assert "<b>" not in figure.data[0].name
    points = [{"customdata": [one]} for one in figure.data[0].customdata]
    assert chosen_digests({"selection": {"points": points + points}}) == ["first", "second"]
    assert chosen_digests(None) == []

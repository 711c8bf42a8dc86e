"""The game in the drawer: folded, drawn with the real engine when it is opened."""

from dataclasses import replace

import pytest
from compute_stand_in import MADE_UP
from pictures import write_stripes
from projects import add
from sessions import open_app, texts
from trained import own_weights

from tl_core.images import folder_files
from tl_core.runs.draft import save_backbone
from tl_core.service.on_demand import find_few_shot
from tl_core.workspace import create_project, open_project

OVERVIEW = "pages/overview.py"


@pytest.fixture
def project(workspace, tmp_path, known_machine):
    project = create_project(workspace, "Stripes")
    save_backbone(workspace, project.id, own_weights(workspace, project.id))
    add(workspace, project.id, folder_files(write_stripes(tmp_path / "stripes", each=7)))
    return open_project(workspace, project.id)


def test_the_game_is_played_when_it_is_opened(project, workspace, compute):
    games = [find_few_shot(str(workspace.root), project.id, number) for number in (0, 1)]
    assert games[0].accuracies == games[1].accuracies and games[0].shown != games[1].shown
    compute.answers["find_few_shot"] = lambda _root, _project, number: games[number]
    compute.answers["live_state"] = replace(MADE_UP["live_state"], ready=True)
    app = open_app(OVERVIEW, project)
    app.button(key="try-it").click().run()
    assert not app.exception
    assert not [one for one in compute.asked if one[0] == "find_few_shot"]
    app.session_state["few-shot"] = True
    app.run()
    assert not app.exception
    assert "Shown two pictures of each of 2 classes" in texts(app)
    table = app.dataframe[0].value
    assert list(table["Pictures of each"]) == [1, 2, 5]
    app.button(key="few-shot-again").click().run()
    assert [one[-1] for one in compute.asked if one[0] == "find_few_shot"] == [0, 1]

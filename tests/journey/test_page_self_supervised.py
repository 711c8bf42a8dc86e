"""Pictures without labels on the pages: offered with their reason, learnt from, judged."""

from dataclasses import replace

import pytest
from pictures import write_stripes
from projects import add
from sessions import open_app, texts
from trained import own_weights

from tl_core import runs
from tl_core.images import folder_files
from tl_core.runs.draft import drafted_config, save_backbone, save_config
from tl_core.runs.events import result_of
from tl_core.runs.results.adaptation import retraining_result
from tl_core.runs.results.report import read_report
from tl_core.service.execution import execute
from tl_core.workspace import create_project, open_project

pytestmark = pytest.mark.usefixtures("engine_here", "known_machine")
LAYERS, TRAINING = "pages/3_layers.py", "pages/4_training.py"
CARD = "approach-self_supervised"


@pytest.fixture
def project(workspace, tmp_path):
    project = create_project(workspace, "Stripes")
    save_backbone(workspace, project.id, own_weights(workspace, project.id))
    add(workspace, project.id, folder_files(write_stripes(tmp_path / "labelled", each=4)))
    return open_project(workspace, project.id)


def test_it_is_offered_learns_and_says_whether_it_helped(project, workspace, tmp_path):
    app = open_app(LAYERS, project)
    assert next(one for one in app.button if one.key == CARD).disabled
    assert "Needs 20 pictures without a label" in texts(app)
    more = folder_files(write_stripes(tmp_path / "more", each=14))
    add(workspace, project.id, (replace(file, class_name=None) for file in more))
    app = open_app(LAYERS, project)
    next(one for one in app.button if one.key == CARD).click().run()
    assert not app.exception
    config = drafted_config(open_project(workspace, project.id))
    assert config.strategy == "self_supervised"
    save_config(workspace, project.id, replace(config, options={"method": "simsiam", "epochs": 2}))

    app = open_app(TRAINING, project).button(key="start").click().run()
    assert not app.exception
    run = runs.claim_next(workspace, ("train",))
    result_of(execute(workspace, run))
    run = runs.get_run(workspace, run.id)
    assert run.state == "done", run.message
    found = retraining_result(read_report(workspace.run_dir(project.id, run.id)))
    assert found.pictures == 20 and 0 <= found.before <= 1
    app = open_app(TRAINING, project)
    assert not app.exception
    assert "20 pictures without labels" in texts(app)
    charts = " ".join(texts(app).split())
    assert "Accuracy of the probe on the labelled pictures" in charts
    assert "Disagreement of two views" in charts

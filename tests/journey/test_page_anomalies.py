"""Good pictures only: chosen, trained, judged, tried, from page to page with the real engine."""

import shutil

import pytest
from compute_stand_in import FACTS
from patience import wait_until
from pictures import encoded, write_stripes
from PIL import Image
from projects import add, project_with_pictures
from sessions import messages, open_app, press, texts

from pages.shared.background import job_of
from pages.shared.predict.batch import batch_key
from tl_core import runs
from tl_core.export.model_card import model_card
from tl_core.images import folder_files
from tl_core.runs.approach import LABELS, NORMAL, unmet_need
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import drafted_config, save_backbone
from tl_core.runs.events import result_of
from tl_core.runs.results.anomaly import anomaly_result
from tl_core.runs.results.report import read_report
from tl_core.service.execution import execute
from tl_core.workspace import create_project, open_project, open_workspace

pytestmark = pytest.mark.usefixtures("engine_here", "known_machine")
LAYERS, TRAINING, EVALUATION = "pages/3_layers.py", "pages/4_training.py", "pages/5_evaluation.py"
CARD = "approach-anomaly_detection"
PREDICT, EXPORT = "pages/7_predict.py", "pages/8_export.py"


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return write_stripes(tmp_path_factory.mktemp("stripes"), each=14)


@pytest.fixture
def good_parts(workspace, stripes, tmp_path):
    """Return a project with pictures of one class."""
    shutil.copytree(stripes / "class 0", tmp_path / "parts" / "good")
    project = create_project(workspace, "Parts")
    save_backbone(workspace, project.id, CATALOGUE[0])
    add(workspace, project.id, folder_files(tmp_path / "parts"))
    return open_project(workspace, project.id)


def choose(app):
    return next(one for one in app.button if one.key == CARD).click().run()


def trained(project):
    """Choose the approach on Layers, start it on Training, and do what a worker does."""
    choose(open_app(LAYERS, project))
    app = press(open_app(TRAINING, project), "Start training")
    assert not app.exception
    workspace = open_workspace()
    (run,) = runs.list_runs(workspace, project.id)
    run = runs.claim_next(workspace, ("train",))
    result_of(execute(workspace, run))
    return runs.get_run(workspace, run.id)


def test_one_class_leads_to_the_choice_and_on(good_parts):
    assert "Next: choose layers" in [
        one.label for one in open_app("pages/2_images.py", good_parts).button if not one.disabled
    ]
    app = open_app(TRAINING, good_parts)
    assert "There is only one now: “good”" in messages(app)
    assert "find what is not" in messages(app)
    app = open_app(LAYERS, good_parts)
    assert "Needs two classes" in texts(app)
    assert not app.radio
    choose(app)
    stored = drafted_config(open_project(open_workspace(), good_parts.id))
    assert FACTS[stored.strategy].needs == (NORMAL,)
    assert "All pictures of “good” count as normal" in texts(app)
    app.select_slider(key="option-false_alarms").set_value(0.1).run()
    stored = drafted_config(open_project(open_workspace(), good_parts.id))
    assert dict(stored.options) == {"false_alarms": 0.1}


def test_it_is_trained_judged_tried_and_taken_away(good_parts, stripes, engine_here):
    run = trained(good_parts)
    assert run.state == "done", run.message
    workspace = open_workspace()
    assert not runs.list_runs(workspace, good_parts.id, "assess")
    found = anomaly_result(read_report(workspace.run_dir(good_parts.id, run.id)))
    assert (found.normal, found.anomalous, found.auroc) == (14, 0, None)
    app = open_app(TRAINING, good_parts)
    assert "False alarms" in texts(app) and "how many the model finds is unknown" in texts(app)
    assert "second-step" not in {one.key for one in app.button}
    app = open_app(EVALUATION, good_parts)
    assert not app.exception
    assert "Most unusual pictures" in [one.value for one in app.header]
    assert texts(app).count("score ") >= 6
    assert len({one[4] for one in engine_here.asked if one[0] == "explain"}) == 6  # heat maps

    app = open_app(PREDICT, good_parts)
    odd = [(file.name, file.read_bytes()) for file in sorted((stripes / "class 1").iterdir())]
    app.file_uploader[0].set_value([(*one, "image/png") for one in odd[:2]]).run()
    assert not app.exception
    assert len(app.warning) == 2 and "Anomalous: score" in messages(app)
    app.file_uploader[0].set_value([(*one, "image/png") for one in odd * 2]).run()
    wait_until(lambda: job_of(batch_key(run)).finished)
    app.run()
    assert not app.exception
    assert any(name.startswith("Score (above") for name in app.dataframe[0].value.columns)

    assert "second probability" in texts(open_app(EXPORT, good_parts))
    assert "raised a false alarm" in model_card(workspace.run_dir(good_parts.id, run.id))


def test_of_several_classes_the_normal_one_is_asked_for(stripes, workspace):
    project = create_project(workspace, "Parts")
    save_backbone(workspace, project.id, CATALOGUE[0])
    add(workspace, project.id, folder_files(stripes))
    project = open_project(workspace, project.id)
    app = choose(open_app(LAYERS, project))
    assert "Which class is normal?" in messages(open_app(TRAINING, project))
    app.selectbox(key="option-normal").set_value("class 1").run()
    run = trained_now(project)
    found = anomaly_result(read_report(workspace.run_dir(project.id, run.id)))
    assert (found.normal, found.anomalous) == (14, 14)
    assert found.auroc > 0.95
    app = open_app(TRAINING, project)
    assert "Anomalies found" in texts(app) and "AUROC" in texts(app)


def trained_now(project):
    workspace = open_workspace()
    press(open_app(TRAINING, project), "Start training")
    run = runs.claim_next(workspace, ("train",))
    result_of(execute(workspace, run))
    return runs.get_run(workspace, run.id)


def test_a_need_that_is_not_met_greys_the_card_with_its_reason():
    app = open_app(LAYERS, project_with_pictures(each=3))
    card = next(one for one in app.button if one.key == CARD)
    assert card.disabled
    assert "five normal pictures" in texts(app)


def test_what_is_missing_is_the_first_need_that_is_not_met(workspace):
    from tl_core.images import ClassSummary

    def of(*sizes):
        return [
            ClassSummary(name=str(i), images=size, excluded=1, thumbnail=None)
            for i, size in enumerate(sizes)
        ]

    assert unmet_need((LABELS,), of(3, 3)) is None
    assert unmet_need((LABELS,), of(3, 2)) == LABELS
    assert unmet_need((NORMAL,), of(6)) is None
    assert unmet_need((NORMAL,), of(5)) == NORMAL
    assert unmet_need(("something new",), of(9, 9)) == "something new"


def test_a_picture_that_is_no_picture_is_a_sentence(good_parts):
    trained(good_parts)
    app = open_app(PREDICT, good_parts)
    whole = encoded(Image.new("RGB", (64, 64)))
    app.file_uploader[0].set_value([("cut.png", whole[:40], "image/png")]).run()
    assert not app.exception
    assert "was skipped" in messages(app)

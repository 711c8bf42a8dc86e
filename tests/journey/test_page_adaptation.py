"""Pictures of a new place: added, adapted to, judged, labelled, used, with the real engine."""

import shutil

import pytest
from pictures import write_stripes
from PIL import Image, ImageOps
from projects import add
from sessions import messages, open_app, press, shown, texts, unfold, wait_for_imports

from pages.shared.images.changes import act
from tl_core import runs
from tl_core.export.model_card import model_card
from tl_core.images import folder_files, list_classes, list_images, list_places
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import drafted_config, save_backbone
from tl_core.runs.events import result_of
from tl_core.runs.results.adaptation import adaptation_result
from tl_core.runs.results.report import read_report
from tl_core.service.execution import execute
from tl_core.workspace import create_project, open_project, open_workspace

pytestmark = pytest.mark.usefixtures("engine_here", "known_machine")
IMAGES, LAYERS, TRAINING = "pages/2_images.py", "pages/3_layers.py", "pages/4_training.py"
EVALUATION, PREDICT = "pages/5_evaluation.py", "pages/7_predict.py"
CARD = "approach-domain_adaptation"


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """Write stripes for one place, and inverted and brighter ones for another."""
    folder = tmp_path_factory.mktemp("places")
    write_stripes(folder / "here", each=8)
    shutil.copytree(folder / "here", folder / "there")
    for file in (folder / "there").rglob("*.png"):
        picture = ImageOps.invert(Image.open(file).convert("RGB"))
        picture.point(lambda value: min(255, value + 60)).save(file)
    return folder


@pytest.fixture
def project(workspace, stripes):
    project = create_project(workspace, "Stripes")
    save_backbone(workspace, project.id, CATALOGUE[0])
    add(workspace, project.id, folder_files(stripes / "here"))
    return open_project(workspace, project.id)


def bring(project, folder, name="Camera B"):
    """Upload the pictures below a folder as those of another place."""
    app = open_app(IMAGES, project)
    app.checkbox(key="adding-of-a-place").check().run()
    app.text_input(key="adding-place").set_value(name).run()
    files = [(f"x/{one.parent.name}/{one.name}", one.read_bytes(), "image/png")
             for one in sorted(folder.rglob("*.png"))]  # fmt: skip
    app.file_uploader[0].set_value(files).run()
    assert not app.exception
    wait_for_imports(project.id)
    return app.run()


def trained(project):
    app = open_app(TRAINING, project).button(key="start").click().run()
    assert not app.exception
    workspace = open_workspace()
    run = runs.claim_next(workspace, ("train",))
    result_of(execute(workspace, run))
    run = runs.get_run(workspace, run.id)
    assert run.state == "done", run.message
    return run, adaptation_result(read_report(workspace.run_dir(project.id, run.id)))


def test_pictures_of_a_place_are_no_classes(project, stripes, workspace):
    before = list_classes(workspace, project.id)
    bring(project, stripes / "there")
    assert list_places(workspace, project.id) == {"Camera B": (16, 0)}
    assert list_classes(workspace, project.id) == before
    assert len(shown(open_app(IMAGES, project))["tiles"]) == 16  # the project's own
    app = unfold(open_app(IMAGES, project), "place-Camera B")
    assert not app.exception
    assert "No class learns from these pictures" in texts(app)
    press(app, "Delete them permanently")
    assert not app.exception
    assert list_places(workspace, project.id) == {}


def test_a_model_is_adapted_judged_and_used(project, stripes, workspace):
    app = open_app(LAYERS, project)
    assert next(one for one in app.button if one.key == CARD).disabled
    assert "without labels: add them on Images" in texts(app)
    bring(project, stripes / "there")
    app = open_app(LAYERS, project)
    next(one for one in app.button if one.key == CARD).click().run()
    assert "16 pictures of “Camera B”, 0 with a label" in texts(app)
    stored = drafted_config(open_project(workspace, project.id))
    run, found = trained(project)
    assert stored.strategy == run.config["strategy"]
    assert (found.pictures, found.labelled, found.gain) == (16, 0, None)
    app = open_app(TRAINING, project)
    assert "not known" in texts(app) and "No picture there has a label" in texts(app)
    assert f"{found.moved} of 16" in texts(app)
    assert "second-step" not in {one.key for one in app.button}
    app = open_app(EVALUATION, project)
    assert not app.exception
    table = app.dataframe[0].value
    assert table["Method"].iloc[0] == "Leave it as it is"
    assert (table[""] == "chosen").sum() == 1
    assert "Pictures worth a label" in [one.value for one in app.header]
    assert len(found.to_label) == 16
    card = model_card(workspace.run_dir(project.id, run.id))
    assert "accuracy at the place of use is not known" in card

    app = open_app(PREDICT, project)
    file = min((stripes / "there" / "class 1").iterdir())
    app.file_uploader[0].set_value([(file.name, file.read_bytes(), "image/png")]).run()
    assert not app.exception
    assert "Most probably" in texts(app)


def test_labels_there_judge_and_choose(project, stripes, workspace):
    bring(project, stripes / "there")
    press_card(project)
    pictures = list_images(workspace, project.id, place="Camera B")
    for name in ("class 0", "class 1"):
        chosen = [str(one.id) for one in pictures if f"/{name}/" in one.name][:4]
        act(project.id, f"class:{name}", chosen)
    _, found = trained(project)
    assert (found.labelled, len(found.to_label)) == (8, 8)
    assert found.gain is not None and found.verdict
    app = open_app(TRAINING, project)
    assert "labelled pictures of the new place" in texts(app)
    assert "These labels also chose the method" in texts(app)


def test_what_is_known_there_is_not_compared_with_what_is_not(project, stripes, workspace):
    bring(project, stripes / "there")
    press_card(project)
    trained(project)
    pictures = list_images(workspace, project.id, place="Camera B")
    for name in ("class 0", "class 1"):
        chosen = [str(one.id) for one in pictures if f"/{name}/" in one.name][:3]
        act(project.id, f"class:{name}", chosen)
    trained(project)
    app = open_app(EVALUATION, project)
    assert "best so far" not in texts(app)
    assert app.selectbox(key="run-shown").value == runs.list_runs(workspace, project.id)[0].id
    table = open_app(TRAINING, project).dataframe[0].value
    assert list(table["Result"])[1] == "not known at the new place"


def press_card(project):
    app = open_app(LAYERS, project)
    next(one for one in app.button if one.key == CARD).click().run()


def test_a_place_that_is_the_source_is_no_place(project, stripes, workspace):
    app = bring(project, stripes / "here")
    assert list_places(workspace, project.id) == {}
    assert "16 files skipped" in messages(app)
    assert next(one for one in open_app(LAYERS, project).button if one.key == CARD).disabled


def test_one_picture_of_a_place_is_too_few(project, stripes, tmp_path, workspace):
    (tmp_path / "few").mkdir()
    shutil.copy(min((stripes / "there").rglob("*.png")), tmp_path / "few")
    bring(project, tmp_path)
    assert list_places(workspace, project.id) == {"Camera B": (1, 0)}
    app = open_app(LAYERS, project)
    assert next(one for one in app.button if one.key == CARD).disabled
    assert "Needs five pictures of the new place" in texts(app)


def test_of_two_places_one_is_chosen(project, stripes, workspace):
    bring(project, stripes / "there" / "class 0", "North")
    bring(project, stripes / "there" / "class 1", "South")
    assert list_places(workspace, project.id) == {"North": (8, 0), "South": (8, 0)}
    press_card(project)
    assert "Which place" in messages(open_app(TRAINING, project))
    app = open_app(LAYERS, project)
    app.selectbox(key="option-target").set_value("South").run()
    _, found = trained(project)
    assert found.pictures == 8

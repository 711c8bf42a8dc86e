"""Several questions: asked, answered, trained, judged, tried, from page to page, really trained."""

import json

import pytest
from patience import wait_until
from pictures import write_stripes
from PIL import Image, ImageOps
from projects import add
from sessions import messages, open_app, press, texts

from pages.shared.background import job_of
from pages.shared.images.questions import answer_by_hand
from pages.shared.journey import has_material
from pages.shared.predict.batch import batch_key
from tl_core import runs
from tl_core.approaches.multi_task import first_question
from tl_core.export.model_card import model_card
from tl_core.images import (
    delete_class,
    draw_locked_test,
    folder_files,
    give_answers,
    list_classes,
    list_images,
    list_questions,
    undo_last,
)
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.draft import save_backbone
from tl_core.runs.events import result_of
from tl_core.runs.results.questions import questions_result
from tl_core.runs.results.report import read_report
from tl_core.service.execution import execute
from tl_core.workspace import create_project, open_project, open_workspace

pytestmark = pytest.mark.usefixtures("engine_here", "known_machine")
IMAGES, LAYERS, TRAINING = "pages/2_images.py", "pages/3_layers.py", "pages/4_training.py"
EVALUATION, PREDICT, EXPORT = "pages/5_evaluation.py", "pages/7_predict.py", "pages/8_export.py"
CARD = "approach-multi_task"


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """Write stripes of two directions, every second one dark."""
    folder = write_stripes(tmp_path_factory.mktemp("stripes"), each=8)
    for file in sorted(folder.rglob("*.png"))[1::2]:
        picture = ImageOps.invert(Image.open(file).convert("RGB"))
        picture.point(lambda value: value // 4).save(file)
    return folder


@pytest.fixture
def project(workspace, stripes):
    project = create_project(workspace, "Stripes")
    save_backbone(workspace, project.id, CATALOGUE[0])
    add(workspace, project.id, folder_files(stripes))
    return open_project(workspace, project.id)


def table(workspace, project):
    """Return a label file: one question with blanks, a label, one that nobody has, a stranger."""
    lines = ["file,shade,dark,nobody,same"]
    for number, one in enumerate(list_images(workspace, project.id)):
        shade = ["light", "dark"][number % 2] if number % 5 else ""
        lines.append(f"{one.name},{shade},{number % 2},0,x")
    return "\n".join([*lines, "gone.png,dark,1,0,x"]).encode()


def answered(workspace, project):
    from tl_core.images.label_files.matching import plan_labels
    from tl_core.images.label_files.reading import read_labels

    plan = plan_labels(workspace, project.id, read_labels("l.csv", table(workspace, project)))
    give_answers(workspace, project.id, plan.answers, doing="take answers")


def trained(project):
    """Choose the approach on Layers, start it on Training, and do what a worker does."""
    next(one for one in open_app(LAYERS, project).button if one.key == CARD).click().run()
    app = press(open_app(TRAINING, project), "Start training")
    assert not app.exception
    run = runs.claim_next(open_workspace(), ("train",))
    result_of(execute(open_workspace(), run))
    return runs.get_run(open_workspace(), run.id)


def test_a_table_asks_further_questions_and_one_undo_takes_them_back(workspace, project):
    app, before = open_app(IMAGES, project), list_classes(workspace, project.id)
    uploader = next(one for one in app.file_uploader if one.label == "Label file")
    app = uploader.set_value([("labels.csv", table(workspace, project), "text/csv")]).run()
    assert not app.exception
    assert "1 line of the file could not be used" in messages(app)
    app.multiselect[0].set_value(["dark", "shade"]).run()
    app = press(app, "Use these answers (28 to 2 questions)")
    assert not app.exception
    found = list_questions(workspace, project.id)
    assert found == {"dark": {"no": 8, "yes": 8}, "shade": {"dark": 6, "light": 6}}
    assert list_classes(workspace, project.id) == before
    undo_last(workspace, project.id)
    assert list_questions(workspace, project.id) == {}


def asked_about(project, question, **typed):
    """Open the section with a question, and return the page and its last gallery."""
    app = open_app(IMAGES, project)
    for key, value in {"part-questions": True, "question": question, **typed}.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    found = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    return app, [data for data in found if "tiles" in data][-1]


def test_questions_are_answered_by_hand(workspace, project):
    _, first = asked_about(project, "healthy?")
    assert [one["label"] for one in first["actions"]] == ["yes", "no", "No answer"]
    assert {one["mark"] for one in first["tiles"]} == {"?"}
    _, more = asked_about(project, "healthy?", **{"question-other": "hard to say"})
    assert "hard to say" in [one["label"] for one in more["actions"]]
    ids = [str(one.id) for one in list_images(workspace, project.id)]
    answer_by_hand(project.id, "healthy?", "is:yes", ids[:3])
    _, some = asked_about(project, "healthy?")
    assert [one["label"] for one in some["actions"]] == ["yes", "no", "No answer"]
    answer_by_hand(project.id, "healthy?", "is:no", ids[3:5])
    answer_by_hand(project.id, "healthy?", "blank", ids[:1])
    app, now = asked_about(project, "healthy?")
    assert [one["count"] for one in now["filters"]] == [16, 12, 2, 2]
    assert [one["mark"] for one in now["tiles"]][:5] == ["?", "yes", "yes", "no", "no"]
    press(app, "Delete the question")
    assert list_questions(workspace, project.id) == {}
    app, _ = asked_about(project, "label")
    assert "Choose another name" in messages(app)


def test_without_a_question_the_card_says_what_is_missing(workspace, project):
    app = open_app(LAYERS, project)
    assert next(one for one in app.button if one.key == CARD).disabled
    assert "Needs a further question" in texts(app)


def test_they_are_trained_judged_tried_and_taken_away(workspace, project, stripes):
    answered(workspace, project)
    run = trained(project)
    assert run.state == "done", run.message
    found = questions_result(read_report(workspace.run_dir(project.id, run.id)))
    assert [one.name for one in found.questions] == ["class", "dark", "shade"]
    assert [one.n for one in found.questions] == [16, 16, 12]
    assert set(found.unusable) == {"nobody", "same"}
    assert [one.name for one in found.labels] == ["dark"]
    assert not runs.list_runs(workspace, project.id, "assess")

    app = open_app(TRAINING, project)
    assert not app.exception
    assert "Right on average" in texts(app) and "3 questions" in texts(app)
    app = open_app(EVALUATION, project)
    assert not app.exception
    rows = app.dataframe[0].value
    assert list(rows["Question"]) == ["class", "dark", "shade"]
    assert "left out" in messages(app) and "only 'x'" in messages(app)
    wrong = {one.name: len(one.mistakes) for one in found.questions}
    assert wrong == {one.name: one.n - one.correct for one in found.questions}

    app = open_app(PREDICT, project)
    files = sorted(stripes.rglob("*.png"))
    new = [(f"{n}.png", file.read_bytes(), "image/png") for n, file in enumerate(files)]
    app.file_uploader[0].set_value(new[:2]).run()
    assert not app.exception
    assert "Labels: dark" in texts(app) and "No label" in texts(app) and "shade" in texts(app)
    app.file_uploader[0].set_value(new[:14]).run()
    wait_until(lambda: job_of(batch_key(run)).finished)
    app.run()
    assert not app.exception
    assert {"dark", "shade"} <= set(app.dataframe[0].value.columns)

    assert "all 3 questions" in texts(open_app(EXPORT, project))
    run_dir = workspace.run_dir(project.id, run.id)
    assert "3 questions" in model_card(run_dir) and "yes from" in model_card(run_dir)


def test_locked_pictures_take_no_part_and_no_class_is_needed(workspace, project):
    answered(workspace, project)
    draw_locked_test(workspace, project.id, fraction=0.25)
    locked = {one.digest for one in list_images(workspace, project.id) if one.split == "test"}
    config = TrainingConfig(backbone=CATALOGUE[0])
    found = first_question(workspace, project.id, config)
    assert locked and not locked & {one.digest for one in found.images}
    assert found.class_names == ("class 0", "class 1")
    for name in found.class_names:
        delete_class(workspace, project.id, name)
    assert first_question(workspace, project.id, config).class_names == ("no", "yes")
    assert has_material(workspace, project, list_classes(workspace, project.id))

"""Predict: new pictures get answers, whole folders a table, and pictures find their way back."""

import csv
import io
import zipfile

import pytest
from patience import wait_until
from pictures import coloured
from projects import project_with_pictures
from results import finished_run
from sessions import NASTY, messages, open_app, press, primary, shown, texts, wait_for_imports
from trained import write_tiny_run

from pages.shared.background import forget, job_of
from pages.shared.journey import steps_done
from pages.shared.predict.batch import AT_ONCE, batch_key
from pages.shared.predict.folder import check_pictures
from tl_core import images
from tl_core.backbones.network import load_network, save_network
from tl_core.errors import ComputeError
from tl_core.runs.results.answers import Answer, answers_csv, save_sure_from
from tl_core.runs.results.classified import read_classified
from tl_core.runs.results.onnx_check import WEIGHTS
from tl_core.workspace import open_workspace

PAGE = "pages/7_predict.py"
pytestmark = pytest.mark.usefixtures("compute_here")
CLASSES = ("healthy", "rust")


def trained_project(workspace, class_names=CLASSES):
    project = project_with_pictures(class_names=class_names, each=10)
    run, _ = finished_run(project)
    write_tiny_run(workspace.run_dir(project.id, run.id), class_names=class_names)
    return project, run


def upload(app, *files: tuple[str, bytes]):
    return app.file_uploader[0].set_value([(*file, "image/png") for file in files]).run()


def batch_of(run) -> list[Answer]:
    """Return what the run's newest folder was answered, once all of it has been."""
    job = job_of(batch_key(run))
    wait_until(lambda: job.finished)
    kept = read_classified(open_workspace().run_dir(run.project_id, run.id))
    return [one.answer for one in kept.pictures] if kept else []


def test_without_a_model_the_page_leads_to_training(workspace):
    app = open_app(PAGE, project_with_pictures())
    assert not app.exception
    assert "no trained model yet" in messages(app)


def test_dropped_pictures_each_get_their_probabilities(workspace):
    project, _ = trained_project(workspace)
    app = upload(
        open_app(PAGE, project), ("a.png", coloured((1, 2, 3))), ("b.png", coloured((250, 9, 9)))
    )
    assert not app.exception
    assert texts(app).count("Most probably") == 2


def let_unlike_begin_at(distance, run_dir):
    network, metadata = load_network(run_dir / WEIGHTS)
    network.unlike.limit.fill_(distance)
    save_network(run_dir / WEIGHTS, network, metadata)


def test_an_answer_is_enlarged_with_what_the_model_looked_at(workspace, compute):
    project, run = trained_project(workspace)
    content = coloured((1, 2, 3))
    app = upload(open_app(PAGE, project), ("a.png", content))
    next(one for one in app.button if one.label.startswith("Enlarge")).click().run()
    assert not app.exception
    (question,) = [asked for asked in compute.asked if asked[0] == "explain"]
    assert question[2:5] == (project.id, run.id, content)
    assert texts(app).count("Most probably") == 2


def test_a_picture_unlike_the_training_pictures_is_marked(workspace):
    project, run = trained_project(workspace)
    let_unlike_begin_at(2.0, workspace.run_dir(project.id, run.id))
    app = upload(open_app(PAGE, project), ("a.png", coloured((1, 2, 3))))
    assert "Unlike your pictures" not in texts(app)
    let_unlike_begin_at(1e-6, workspace.run_dir(project.id, run.id))
    app = upload(open_app(PAGE, project), ("a.png", coloured((1, 2, 3))))
    assert "Unlike your pictures" in texts(app)


def test_the_table_marks_pictures_unlike_the_training_pictures(workspace):
    project, run = trained_project(workspace)
    let_unlike_begin_at(1e-6, workspace.run_dir(project.id, run.id))
    files = [(f"{i}.png", coloured((i, 20, 30))) for i in range(13)]
    app = upload(open_app(PAGE, project), *files, ("empty.jpg", b""))
    batch = batch_of(run)
    app.run()
    marks = list(app.dataframe[0].value["Unlike the training pictures"])
    assert marks == ["unlike"] * 13 + [""]
    assert ("Unlike your pictures", 13) in filters_of(app)
    rows = csv.DictReader(io.StringIO(answers_csv(batch, CLASSES).decode("utf-8-sig")))
    assert [row["unlike"] for row in rows] == ["1"] * 13 + [""]


def test_the_step_is_ticked_once_the_model_has_answered(workspace):
    project, _ = trained_project(workspace)
    app = open_app(PAGE, project)
    assert PAGE not in steps_done(workspace, project)
    upload(app, ("a.png", coloured((1, 2, 3))))
    assert PAGE in steps_done(workspace, project)


def test_the_model_is_loaded_before_the_first_picture_comes(workspace, compute):
    project, run = trained_project(workspace)
    open_app(PAGE, project)
    wait_until(lambda: compute.asked == [("predict", str(workspace.root), project.id, run.id, ())])


def test_a_bad_picture_is_named_and_the_others_are_answered(workspace):
    project, _ = trained_project(workspace)
    app = upload(
        open_app(PAGE, project), ("note.jpg", b"no picture"), ("b.png", coloured((250, 9, 9)))
    )
    assert texts(app).count("Most probably") == 1
    assert "note.jpg” was skipped: this is not a picture" in messages(app)


def test_a_picture_finds_its_way_into_the_project_with_the_right_class(workspace):
    project, _ = trained_project(workspace)
    content = coloured((7, 77, 177), (64, 64))
    app = upload(open_app(PAGE, project), ("new.png", content))
    app.selectbox(key=_right_class(app)).set_value("rust")
    press_add(app)
    assert "Added to “rust”" in messages(app)
    assert names_in(workspace, project, "rust").count("new.png") == 1
    next(one for one in app.button if one.label.startswith("Undo")).click().run()
    assert "Added to" not in messages(app)
    assert "new.png" not in names_in(workspace, project, "rust")


def test_the_models_own_answer_is_not_taken_for_the_right_class(workspace):
    project, _ = trained_project(workspace)
    app = upload(open_app(PAGE, project), ("new.png", coloured((7, 77, 177), (64, 64))))
    assert app.selectbox(key=_right_class(app)).value is None
    press_add(app)
    assert "choose its correct class first" in messages(app)
    assert images.count_images(workspace, project.id) == 20


def test_a_picture_that_is_there_already_is_not_added_twice(workspace):
    project, _ = trained_project(workspace)
    there = images.list_images(workspace, project.id)[0]
    content = images.image_path(workspace, project.id, there).read_bytes()
    app = upload(open_app(PAGE, project), ("again.png", content))
    app.selectbox(key=_right_class(app)).set_value("rust")
    press_add(app)
    assert "exactly the same picture" in messages(app)


def names_in(workspace, project, class_name: str) -> list[str]:
    return [one.name for one in images.list_images(workspace, project.id, class_name=class_name)]


def _right_class(app) -> str:
    return next(box.key for box in app.selectbox if box.label == "Correct class")


def press_add(app):
    next(button for button in app.button if button.label == "Add to my pictures").click().run()


def test_many_pictures_become_a_table(workspace):
    project, run = trained_project(workspace)
    files = [(f"{i}.png", coloured((i, 20, 30))) for i in range(20)]
    app = upload(open_app(PAGE, project), *files, ("empty.jpg", b""))
    batch_of(run)
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["File"]) == [*sorted(name for name, _ in files), "empty.jpg"]
    assert set(table["Predicted class"][:20]) <= set(CLASSES)
    assert "empty" in table["Reason if skipped"][20]
    assert app.subheader[0].value == "20 pictures classified"
    assert job_of(batch_key(run)).error is None
    labels = [b.proto.label for b in app.get("download_button")]
    assert labels == ["Sorted into class folders (ZIP)", "Download the table (CSV)"]
    assert len(shown(app)["tiles"]) == 20


def filters_of(app) -> list[tuple[str, int]]:
    return [(entry["label"], entry["count"]) for entry in shown(app)["filters"]]


def test_a_folder_is_there_after_a_restart_and_is_corrected_and_put_back(workspace):
    project, run = trained_project(workspace)
    files = [(f"{i}.png", coloured((i, 20, 30))) for i in range(13)]
    upload(open_app(PAGE, project), *files)
    batch_of(run)
    forget(batch_key(run))  # as a server does that ends
    check_pictures(run, {0: "rust", 1: "healthy"})
    app = open_app(PAGE, project)
    assert not app.exception
    assert [tile["mark"] for tile in shown(app)["tiles"][:2]] == ["rust ✓", "healthy ✓"]
    press(app, "Add 2 checked pictures to the project")
    wait_for_imports(project.id)
    assert names_in(workspace, project, "rust").count("0.png") == 1
    assert names_in(workspace, project, "healthy").count("1.png") == 1
    assert [tile["mark"] for tile in shown(app.run())["tiles"][:2]] == ["in the project"] * 2
    press(app, "Remove")
    assert "pictures classified" not in " ".join(one.value for one in app.subheader)


def test_below_the_projects_threshold_an_answer_is_not_sure(workspace):
    project, run = trained_project(workspace)
    let_unlike_begin_at(1e6, workspace.run_dir(project.id, run.id))
    picture = ("a.png", coloured((1, 2, 3)))
    app = upload(open_app(PAGE, project), picture)
    assert "Not sure" not in texts(app)
    save_sure_from(workspace.project_dir(project.id), 1.01)
    app = upload(open_app(PAGE, project), picture)
    assert "Not sure" in texts(app) and "you asked for 101 %" in texts(app)
    upload(app, *[(f"{i}.png", coloured((i, 20, 30))) for i in range(13)])
    batch_of(run)
    assert ("Not sure (below 101 %)", 13) in filters_of(app.run())


def test_a_zip_is_classified_and_a_bad_one_explained(workspace):
    project, run = trained_project(workspace)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("=cmd.png", coloured((3, 3, 3)))
        archive.writestr("../../evil.png", coloured((3, 3, 4)))
        archive.writestr("deep/er/two.png", coloured((3, 3, 5)))
    app = open_app(PAGE, project)
    app.segmented_control(key="predict-way").set_value("ZIP file").run()
    app.file_uploader[0].set_value([("x.zip", b"", "application/zip")]).run()
    assert "not a ZIP file" in messages(app)
    app.file_uploader[0].set_value([("y.zip", content.getvalue(), "application/zip")]).run()
    batch = batch_of(run)
    assert {entry.name: entry.prediction is None for entry in batch} == {
        "../../evil.png": True,
        "=cmd.png": False,
        "deep/er/two.png": False,
    }
    rows = list(csv.reader(io.StringIO(answers_csv(batch, CLASSES).decode("utf-8-sig"))))
    assert "'=cmd.png" in [row[0] for row in rows]


def test_a_folder_is_classified_with_its_paths(workspace):
    project, run = trained_project(workspace)
    app = open_app(PAGE, project)
    app.segmented_control(key="predict-way").set_value("Folder").run()
    upload(app, ("new/one.png", coloured((3, 3, 3))), ("new/.DS_Store", b"x"))
    batch = batch_of(run)
    assert {entry.name: entry.reason for entry in batch} == {
        "new/one.png": None,
        "new/.DS_Store": "system file",
    }


def test_stopping_keeps_what_is_done(workspace, compute):
    project, run = trained_project(workspace)
    predict = compute.answers["predict"]

    def stopped_meanwhile(*args):
        job_of(batch_key(run)).stop = True
        return predict(*args)

    compute.answers["predict"] = stopped_meanwhile
    files = [(f"{i}.png", coloured((i, 20, 30))) for i in range(20)]
    app = upload(open_app(PAGE, project), *files)
    assert len(batch_of(run)) == AT_ONCE
    app.run()
    assert f"Stopped after {AT_ONCE} of 20 files" in messages(app)


def test_trouble_in_the_compute_process_is_a_sentence(workspace, compute):
    project, run = trained_project(workspace)

    def broken(*_args):
        raise ComputeError("The process that computes ended unexpectedly.")

    compute.always(broken)
    app = upload(open_app(PAGE, project), ("a.png", coloured((1, 2, 3))))
    assert not app.exception and "ended unexpectedly" in messages(app)
    upload(app, *[(f"{i}.png", coloured((i, 20, 30))) for i in range(20)])
    batch_of(run)
    app.run()
    assert not app.exception and "ended unexpectedly" in messages(app)


def test_names_are_shown_literally(workspace):
    project, _ = trained_project(workspace, class_names=(NASTY, "<img src=x>"))
    app = upload(open_app(PAGE, project), ("<img src=y>.png", coloured((1, 2, 3))))
    assert not app.exception
    assert "<img src=y>" not in texts(app)
    assert "&lt;img src=y&gt;" in texts(app)


def test_one_primary_button_leads_on(workspace):
    project, _ = trained_project(workspace)
    app = open_app(PAGE, project)
    assert primary(app) == ["Next: export"]

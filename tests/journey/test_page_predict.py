"""Predict: new pictures get answers, whole folders a table, and pictures find their way back."""

import csv
import io
import zipfile

import pytest
from patience import wait_until
from pictures import coloured
from projects import project_with_pictures
from results import finished_run
from sessions import NASTY, open_app, texts
from trained import write_tiny_run

from pages.shared.background import job_of
from pages.shared.journey import steps_done
from pages.shared.predict.batch import AT_ONCE, Batch, batch_key
from tl_core import images
from tl_core.errors import ComputeError
from tl_core.runs import compute_client
from tl_core.runs.results.answers import answers_csv
from tl_core.service import compute
from tl_core.workspace import open_workspace

PAGE = "pages/7_predict.py"
CLASSES = ("healthy", "rust")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(compute_client, "warm", lambda: None)
    monkeypatch.setattr(
        compute_client, "call", lambda name, *args, **_: compute.OFFERED[name](*args)
    )
    return open_workspace()


def trained_project(workspace, class_names=CLASSES):
    project = project_with_pictures(class_names=class_names, each=10)
    run, _ = finished_run(project)
    write_tiny_run(workspace.run_dir(project.id, run.id), class_names=class_names)
    return project, run


def upload(app, *files: tuple[str, bytes]):
    return app.file_uploader[0].set_value([(*file, "image/png") for file in files]).run()


def batch_of(run) -> Batch:
    job = job_of(batch_key(run))
    wait_until(lambda: job.finished)
    return job.said


def html_of(app) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def charts_of(app) -> int:
    return len(app.get("plotly_chart"))


def test_without_a_model_the_page_leads_to_training(workspace):
    app = open_app(PAGE, project_with_pictures())
    assert not app.exception
    assert "no trained model yet" in texts(app)


def test_dropped_pictures_each_get_their_probabilities(workspace):
    project, _ = trained_project(workspace)
    app = upload(
        open_app(PAGE, project), ("a.png", coloured((1, 2, 3))), ("b.png", coloured((250, 9, 9)))
    )
    assert not app.exception
    assert charts_of(app) == 2
    assert html_of(app).count("Most probably “") == 2


def test_the_step_is_ticked_once_the_model_has_answered(workspace):
    project, _ = trained_project(workspace)
    app = open_app(PAGE, project)
    assert PAGE not in steps_done(workspace, project)
    upload(app, ("a.png", coloured((1, 2, 3))))
    assert PAGE in steps_done(workspace, project)


def test_the_model_is_loaded_before_the_first_picture_comes(workspace, monkeypatch):
    asked = []
    monkeypatch.setattr(compute_client, "call", lambda *question, **_: asked.append(question))
    project, run = trained_project(workspace)
    open_app(PAGE, project)
    wait_until(lambda: asked == [("predict", str(workspace.root), project.id, run.id, ())])


def test_a_bad_picture_is_named_and_the_others_are_answered(workspace):
    project, _ = trained_project(workspace)
    app = upload(
        open_app(PAGE, project), ("note.jpg", b"no picture"), ("b.png", coloured((250, 9, 9)))
    )
    assert charts_of(app) == 1
    assert "note.jpg” was left out: this is not a picture" in texts(app)


def test_a_picture_finds_its_way_into_the_project_with_the_right_class(workspace):
    project, _ = trained_project(workspace)
    content = coloured((7, 77, 177), (64, 64))
    app = upload(open_app(PAGE, project), ("new.png", content))
    app.selectbox(key=_right_class(app)).set_value("rust")
    press_add(app)
    assert "Added to “rust”" in texts(app)
    records = images.list_images(workspace, project.id, class_name="rust")
    assert [record.name for record in records].count("new.png") == 1
    press_add(app)
    assert "exactly the same picture" in texts(app)


def _right_class(app) -> str:
    return next(box.key for box in app.selectbox if box.label == "Right class")


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
    assert set(table["Answer"][:20]) <= set(CLASSES)
    assert "empty" in table["Left out because"][20]
    assert app.subheader[0].value == "20 pictures classified"
    assert job_of(batch_key(run)).error is None
    assert [b.proto.label for b in app.get("download_button")] == ["Download the table (CSV)"]


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
    assert "not a ZIP file" in texts(app)
    app.file_uploader[0].set_value([("y.zip", content.getvalue(), "application/zip")]).run()
    batch = batch_of(run)
    assert {entry.name: entry.prediction is None for entry in batch.answers} == {
        "../../evil.png": True,
        "=cmd.png": False,
        "deep/er/two.png": False,
    }
    rows = list(csv.reader(io.StringIO(answers_csv(batch.answers, CLASSES).decode("utf-8-sig"))))
    assert "'=cmd.png" in [row[0] for row in rows]


def test_a_folder_is_classified_with_its_paths(workspace):
    project, run = trained_project(workspace)
    app = open_app(PAGE, project)
    app.segmented_control(key="predict-way").set_value("Folder").run()
    upload(app, ("new/one.png", coloured((3, 3, 3))), ("new/.DS_Store", b"x"))
    batch = batch_of(run)
    assert {entry.name: entry.reason for entry in batch.answers} == {
        "new/one.png": None,
        "new/.DS_Store": "system file",
    }


def test_stopping_keeps_what_is_done(workspace, monkeypatch):
    project, run = trained_project(workspace)

    def slow(name, *args, **_):
        job_of(batch_key(run)).stop = True
        return compute.OFFERED[name](*args)

    monkeypatch.setattr(compute_client, "call", slow)
    files = [(f"{i}.png", coloured((i, 20, 30))) for i in range(20)]
    app = upload(open_app(PAGE, project), *files)
    assert len(batch_of(run).answers) == AT_ONCE
    app.run()
    assert f"Stopped after {AT_ONCE} of 20 files" in texts(app)


def test_trouble_in_the_compute_process_is_a_sentence(workspace, monkeypatch):
    project, run = trained_project(workspace)

    def broken(*_args, **_kwargs):
        raise ComputeError("The process that computes ended unexpectedly.")

    monkeypatch.setattr(compute_client, "call", broken)
    app = upload(open_app(PAGE, project), ("a.png", coloured((1, 2, 3))))
    assert not app.exception and "ended unexpectedly" in texts(app)
    upload(app, *[(f"{i}.png", coloured((i, 20, 30))) for i in range(20)])
    batch_of(run)
    app.run()
    assert not app.exception and "ended unexpectedly" in texts(app)


def test_names_are_shown_literally(workspace):
    project, _ = trained_project(workspace, class_names=(NASTY, "<img src=x>"))
    app = upload(open_app(PAGE, project), ("<img src=y>.png", coloured((1, 2, 3))))
    assert not app.exception
    assert "<img src=y>" not in html_of(app)
    assert "&lt;img src=y&gt;" in html_of(app)


def test_one_primary_button_leads_on(workspace):
    project, _ = trained_project(workspace)
    app = open_app(PAGE, project)
    assert [b.label for b in app.button if b.proto.type == "primary"] == [
        "Next: take the model with you"
    ]

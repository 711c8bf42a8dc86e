"""Export: files to take away, made once, with the proof that they answer as the app does."""

import pytest
from patience import wait_until
from projects import project_with_pictures
from results import finished_run
from sessions import messages, open_app, press, primary, texts
from trained import write_tiny_run

from pages.shared.background import job_of
from pages.shared.export.onnx_check import export_key
from tl_core.errors import ExportError
from tl_core.export.predictor import Predictor
from tl_core.runs import compute_client
from tl_core.runs.results import onnx_check as result
from tl_core.runs.results.onnx_check import Parity, read_parity, write_parity
from tl_core.workspace import open_workspace

PAGE = "pages/8_export.py"
pytestmark = pytest.mark.usefixtures("compute_here")
MAKE = "Create the ONNX file"


@pytest.fixture
def trained(workspace):
    project = project_with_pictures(each=10)
    run, evaluation = finished_run(project)
    folder = workspace.run_dir(project.id, run.id)
    write_tiny_run(folder, class_names=("healthy", "rust"))
    return project, run, folder, evaluation


def downloads(app) -> list[str]:
    return [element.proto.label.split(" (")[0] for element in app.get("download_button")]


def wait_for_export(run) -> None:
    wait_until(lambda: job_of(export_key(run)).finished, seconds=60)


def test_without_a_model_the_page_leads_to_training(workspace):
    app = open_app(PAGE, project_with_pictures())
    assert not app.exception
    assert "no trained model yet" in messages(app)


def test_the_weights_are_there_at_once_and_nothing_is_written_by_looking(trained):
    project, _, folder, _ = trained
    before = sorted(path.name for path in folder.iterdir())
    app = open_app(PAGE, project)
    assert not app.exception
    assert downloads(app) == ["Download model.safetensors"]
    assert primary(app) == [MAKE]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_one_click_makes_the_file_and_says_that_it_answers_as_the_app_does(trained):
    project, run, folder, evaluation = trained
    app = press(open_app(PAGE, project), MAKE)
    wait_for_export(run)
    app.run()
    assert not app.exception
    assert job_of(export_key(run)).error is None
    assert downloads(app) == [
        *("Download model.onnx", "Download predict.py", "Download MODEL_CARD.md"),
        "Download model.safetensors",
    ]
    assert f"compared on {evaluation.n} pictures" in texts(app)
    assert "Same answers as the app" in texts(app) and ">Yes<" in texts(app)
    assert read_parity(folder).max_difference <= result.LIMIT
    assert Predictor.load(folder / "model.onnx").class_names == ("healthy", "rust")
    assert not [b for b in app.button if b.proto.type == "primary"]


def test_a_file_that_answers_differently_is_called_so(trained):
    project, _, folder, _ = trained
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "predict.py").write_text("")
    write_parity(folder, Parity(n=20, total=20, max_difference=0.02))
    app = open_app(PAGE, project)
    assert ">No<" in texts(app) and ">2 %<" in texts(app)
    assert "Do not rely on it" in messages(app)


def test_nothing_to_compare_on_is_said(trained):
    project, _, folder, _ = trained
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "predict.py").write_text("")
    write_parity(folder, Parity(n=0, total=0, max_difference=0.0))
    app = open_app(PAGE, project)
    assert "could not be compared" in messages(app) and ">Yes<" not in texts(app)


def test_an_interrupted_comparison_goes_on(trained):
    project, run, folder, evaluation = trained
    compute_client.call("export_in_place", *_place(run), evaluation.n)
    compute_client.call("check_more", *_place(run), list(evaluation.digests[:4]))
    app = open_app(PAGE, project)
    press(app, "Continue comparing it with the app")
    wait_for_export(run)
    assert read_parity(folder).complete and read_parity(folder).n == evaluation.n


def _place(run) -> tuple[str, str, str]:
    return str(open_workspace().root), run.project_id, run.id


def test_trouble_is_a_sentence(trained, compute):
    project, run, _, _ = trained

    def broken(*_args):
        raise ExportError("PyTorch cannot export this backbone as ONNX.")

    compute.always(broken)
    app = press(open_app(PAGE, project), MAKE)
    wait_for_export(run)
    app.run()
    assert not app.exception and "cannot export this backbone" in messages(app)
    assert primary(app) == [MAKE]


def test_a_newer_model_must_be_exported_anew(trained):
    project, run, folder, _ = trained
    app = press(open_app(PAGE, project), MAKE)
    wait_for_export(run)
    write_tiny_run(folder, class_names=("healthy", "rust", "mould"))
    app.run()
    assert downloads(app) == ["Download model.safetensors"]
    assert primary(app) == [MAKE]

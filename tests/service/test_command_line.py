import csv
import io
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pictures import scene, write_stripes
from PIL import ImageOps

from tl_core import __main__ as command_line
from tl_core import runs
from tl_core.errors import BackboneError
from tl_core.images import list_skipped
from tl_core.runs.results.report import read_report
from tl_core.service.headless import commands, folders
from tl_core.workspace import list_projects, open_project, open_workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """Leave this process's environment as it is: other tests need the hub's client."""
    monkeypatch.setattr(command_line, "environment", lambda **_: {})


def run(*arguments):
    return command_line.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training with everything: folders, workspace, report and predictions."""
    folder = tmp_path_factory.mktemp("headless")
    write_stripes(folder / "train", each=8)
    for path in write_stripes(folder / "test", each=11).rglob("*.png"):
        if int(path.stem) < 8:  # no duplicates of train
            path.unlink()
    (folder / "train" / "class 0" / "notes.jpg").write_text("no picture")
    (folder / "train" / ".DS_Store").write_text("system")
    before = command_line.environment
    command_line.environment = lambda **_: {}
    try:
        code = run(
            *("train", folder / "train", "--test", folder / "test"),
            *("--workspace", folder / "workspace"),
            *("--report", folder / "out.json", "--predictions", folder / "out.csv"),
        )
    finally:
        command_line.environment = before
    assert code == 0
    return folder


def the_run(folder):
    workspace = open_workspace(folder / "workspace")
    (project,) = list_projects(workspace)
    return workspace, runs.list_runs(workspace, project.id)[-1]


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_report_holds_what_a_script_needs(trained):
    found = json.loads((trained / "out.json").read_text(encoding="utf-8"))
    assert found["n_test"] == 6
    assert 0 <= found["interval"][0] <= found["accuracy"] <= found["interval"][1] <= 1
    assert 0 <= found["macro_f1"] <= 1
    assert found["strategy_used"] == "probe"
    assert (found["backbone"], found["seed"]) == ("tf_efficientnet_lite0", 0)
    assert {"features", "probe", "fine_tune", "evaluate", "total"} <= set(found["seconds"])


def test_the_predictions_are_the_evaluation_picture_by_picture(trained):
    rows = table((trained / "out.csv").read_text(encoding="utf-8"))
    report = json.loads((trained / "out.json").read_text(encoding="utf-8"))
    assert list(rows[0]) == ["file", "label", "predicted", "class 0", "class 1"]
    assert sorted(row["file"] for row in rows) == sorted(
        f"class {label}/{number}.png" for label in range(2) for number in (8, 9, 10)
    )
    for row in rows:
        probabilities = {name: float(row[name]) for name in ("class 0", "class 1")}
        assert row["label"] == row["file"].partition("/")[0]
        assert row["predicted"] == max(probabilities, key=probabilities.get)
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert right / len(rows) == pytest.approx(report["accuracy"])


def test_it_is_a_project_and_a_run_that_the_app_shows_too(trained):
    workspace, done = the_run(trained)
    assert open_project(workspace, done.project_id).name == "train"
    assert done.state == "done"
    assert (
        done.accuracy
        == read_report(workspace.run_dir(done.project_id, done.id)).evaluation.accuracy
    )


def test_the_same_folder_again_uses_its_project_and_its_features(trained, capfd):
    workspace, first = the_run(trained)
    arguments = ("--test", trained / "test", "--workspace", trained / "workspace")
    assert run("train", trained / "train", *arguments) == 0
    out, err = capfd.readouterr()
    (project,) = list_projects(workspace)
    newest = runs.list_runs(workspace, project.id)[0]
    assert newest.id != first.id and newest.id in out
    assert newest.accuracy == first.accuracy
    assert read_report(workspace.run_dir(project.id, newest.id)).engine == {}  # nothing computed
    assert "skipped class 0/notes.jpg: " in err
    assert "skipped .DS_Store: system file" in err


def test_a_folder_that_changed_is_a_new_project(trained, tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    folder = write_stripes(tmp_path / "stripes", each=4)
    first, _ = folders.project_of_folder(workspace, folder, None)
    again, _ = folders.project_of_folder(workspace, folder, None)
    (folder / "class 0" / "0.png").unlink()
    changed, _ = folders.project_of_folder(workspace, folder, None)
    assert first == again != changed


def test_predictions_go_to_stdout_with_reasons_on_stderr(trained, capfd, tmp_path):
    _, done = the_run(trained)
    picture = trained / "test" / "class 1" / "8.png"
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(picture, "one.png")
    (tmp_path / "bad.jpg").write_text("no picture")
    code = run(
        *("predict", done.id, picture, trained / "test", tmp_path / "more.zip"),
        *(tmp_path / "bad.jpg", "--workspace", trained / "workspace"),
    )
    out, err = capfd.readouterr()
    rows = table(out)
    assert code == 0
    assert [row["file"] for row in rows[:1]] == [str(picture)]
    assert len(rows) == 1 + 6 + 1 + 1
    assert rows[0]["class 1"] == rows[-2]["class 1"]
    assert rows[-1]["problem"] and not rows[-1]["predicted"]
    for row in rows[:-1]:
        assert row["unlike"] == str(int(float(row["unlike_score"]) > 1))
    assert f"skipped {tmp_path / 'bad.jpg'}: " in err


def test_an_export_predicts_as_the_run_does(trained, tmp_path, capfd):
    _, done = the_run(trained)
    place = ("--workspace", trained / "workspace")
    assert run("export", done.id, tmp_path / "export", *place) == 0
    assert "On 6 pictures" in capfd.readouterr().err
    names = {path.name for path in (tmp_path / "export").iterdir()}
    assert {"model.safetensors", "model.onnx"} <= names
    tables = []
    for model in (done.id, tmp_path / "export" / "model.onnx", tmp_path / "export"):
        output = tmp_path / "table.csv"
        assert run("predict", model, trained / "test", *place, "--output", output) == 0
        tables.append(table(output.read_text(encoding="utf-8")))
    for other in tables[1:]:
        for row, same in zip(tables[0], other, strict=True):
            assert row["predicted"] == same["predicted"]
            assert float(row["class 0"]) == pytest.approx(float(same["class 0"]), abs=1e-3)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("train", "nowhere"), "'nowhere' is not a folder"),
        (("train", "{tmp}/one"), "class"),
        (("train", "{tmp}/one", "--backbone", "resnet1000"), "resnet1000"),
        (("train", "{tmp}/one", "--seed", "-1"), "seed is -1"),
        (("predict", "nothing", "a.jpg"), "There is no model at 'nothing'"),
        (("export", "nothing", "{tmp}/out"), "There is no model at 'nothing'"),
    ],
)
def test_what_the_caller_can_fix_is_a_sentence_and_exit_code_two(
    tmp_path, capfd, arguments, sentence
):
    write_stripes(tmp_path / "one", each=3, classes=1)
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    assert run(*arguments, "--workspace", tmp_path / "workspace") == 2
    err = capfd.readouterr().err
    assert sentence in err.rpartition("error: ")[2]
    assert "Traceback" not in err


def test_predicting_what_is_not_there_is_a_sentence(trained, capfd):
    _, done = the_run(trained)
    code = run("predict", done.id, "no such picture.jpg", "--workspace", trained / "workspace")
    assert code == 2
    assert "There is no file or folder at 'no such picture.jpg'" in capfd.readouterr().err


def test_a_report_that_cannot_be_written_is_a_sentence(trained, capfd, tmp_path):
    _, done = the_run(trained)
    code = run(
        *("predict", done.id, trained / "test", "--workspace", trained / "workspace"),
        *("--output", tmp_path / "missing" / "out.csv"),
    )
    assert code == 2
    assert "cannot be written" in capfd.readouterr().err


def test_pictures_that_are_being_trained_on_are_left_alone(tmp_path, capfd):
    workspace = open_workspace(tmp_path / "workspace")
    folder = write_stripes(tmp_path / "stripes", each=4)
    project, _ = folders.project_of_folder(workspace, folder, None)
    runs.start_run(workspace, project, config={})
    assert run("train", folder, "--workspace", workspace.root) == 2
    assert "already in use" in capfd.readouterr().err


def test_ctrl_c_stops_keeps_and_evaluates_the_best_state(tmp_path, capfd, monkeypatch):
    folder = write_stripes(tmp_path / "stripes", each=4)
    show = commands.show

    def press_then_show(events):
        signal.raise_signal(signal.SIGINT)
        show(events)

    monkeypatch.setattr(commands, "show", press_then_show)
    code = run("train", folder, "--workspace", tmp_path / "workspace")
    err = capfd.readouterr().err
    assert code in (0, 2)
    assert "Stopping" in err and "Traceback" not in err
    assert the_run(tmp_path)[1].state == "stopped"


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18.a1_in1k", "resnet10t"])
def test_backbones_are_found_by_name(name):
    assert folders.backbone_named(name).name.startswith(name)


def test_a_backbone_that_does_not_exist_is_answered_with_names():
    with pytest.raises(BackboneError, match="Did you mean"):
        folders.backbone_named("resnet1000")


@pytest.mark.parametrize("command", ["train", "predict", "export"])
def test_help_explains_every_option(command, capsys):
    with pytest.raises(SystemExit) as end:
        run(command, "--help")
    assert end.value.code == 0
    parser = command_line.parser()
    choices = next(a for a in parser._actions if getattr(a, "choices", None)).choices
    shown = capsys.readouterr().out
    for action in choices[command]._actions:
        assert action.help, action.dest
        assert (action.option_strings or [action.metavar])[0] in shown


def test_it_runs_as_a_module_without_importing_torch_for_help():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tl_core", "train", "--help"],
        cwd=ROOT,
        capture_output=True,
        encoding="ascii",  # whatever the terminal speaks
    )
    assert done.returncode == 0
    assert "--strategy" in done.stdout
    assert " torch\n" not in done.stderr


def test_skipped_files_of_a_known_folder_are_kept(trained):
    workspace, done = the_run(trained)
    assert {entry.name for entry in list_skipped(workspace, done.project_id)} == {
        ".DS_Store",
        "class 0/notes.jpg",
    }


def write_scenes(folder: Path, *, each: int) -> Path:
    """Write pictures of two classes, the second darker; the first of each there twice, mirrored."""
    for label in range(2):
        (folder / f"class {label}").mkdir(parents=True)
        for number in range(each):
            picture = scene(100 * label + number).point(lambda value, dark=label: value - 60 * dark)
            picture.save(folder / f"class {label}" / f"{number}.png")
            if number == 0:
                ImageOps.mirror(picture).save(folder / f"class {label}" / "0b.png")
    return folder


def test_assess_prints_a_verdict_and_writes_everything(tmp_path, capfd, monkeypatch):
    from tl_core.assessment import baselines, small_network

    train_small = small_network.train_small
    monkeypatch.setattr(
        baselines, "train_small", lambda *args, seed: train_small(*args, seed=seed, steps=8)
    )
    folder, report = write_scenes(tmp_path / "scenes", each=6), tmp_path / "out.json"
    options = ("--workspace", tmp_path / "workspace", "--report", report)
    assert run("assess", folder, *options, "--compare", "[01]*.png", "[2345].png") == 0
    shown = capfd.readouterr()
    found = json.loads(report.read_text(encoding="utf-8"))
    assert f"verdict: {found['verdict']['answer']}, " in shown.out
    assert found["done"] == found["total"]
    assert [bar["n"] for bar in found["measured"]] == [14] * 5
    assert len(found["layers"]["points"]) == 8
    (asked,) = (one for one in found["similarities"] if one["asked"])
    assert (asked["a"], asked["b"]) == ("names:[01]*.png", "names:[2345].png")
    assert found["learning"]["points"]
    assert sorted(found["groups"][0]["files"]) == ["class 0/0.png", "class 0/0b.png"]
    assert [group["kind"] for group in found["groups"]] == ["copies", "copies"]


def test_assess_says_what_is_missing_with_one_class(tmp_path, capfd):
    folder = write_stripes(tmp_path / "stripes", each=4, classes=1)
    assert run("assess", folder, "--workspace", tmp_path / "workspace") == 2
    assert "only one class" in capfd.readouterr().err

"""Normal pictures only: learnt, judged by others, used, exported; and what cannot be learnt."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import write_stripes
from PIL import Image

from tl_core.__main__ import main
from tl_core.backbones.network import load_network
from tl_core.backbones.preprocessing import Preprocessing
from tl_core.evaluation.explanation import heat_overlay
from tl_core.export.bundle import export_run
from tl_core.export.predictor import Predictor

pytestmark = pytest.mark.usefixtures("known_machine")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Stripes of one direction are normal, of the other anomalous; return folder and report."""
    folder = tmp_path_factory.mktemp("anomaly")
    write_stripes(folder / "all", each=16)
    normal = sorted((folder / "all" / "class 0").iterdir())
    for part, files in (("normal", normal[:12]), ("test/normal", normal[12:])):
        (folder / part).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / part)
    shutil.copytree(folder / "all" / "class 1", folder / "test" / "scratched")
    words = ["train", folder / "normal", "--approach", "anomaly_detection"]
    words += ["--test", folder / "test", "--set", "false_alarms=0.1"]
    words += ["--report", folder / "out.json", "--workspace", folder / "workspace"]
    code = main([str(word) for word in words])
    assert code == 0
    return folder, json.loads((folder / "out.json").read_text(encoding="utf-8"))


def test_pictures_unlike_the_normal_ones_are_noticed(trained):
    _, found = trained
    assert found["auroc"] > 0.95
    assert found["class_names"] == ["normal", "anomalous"]
    assert found["n_test"] == 20
    assert found["normal_pictures"] == 12
    assert found["false_alarms_promised"] == 0.1
    assert 0 <= found["false_alarm_rate"] <= 1
    low, high = found["false_alarm_interval"]
    assert low <= found["false_alarm_rate"] <= high
    assert np.isfinite(found["threshold"])


def test_the_model_is_used_and_exported_like_any_other(trained, tmp_path):
    folder, found = trained
    run_dir = Path(found["folder"])
    pictures = [*sorted((folder / "test" / "scratched").iterdir())[:3]]
    pictures += sorted((folder / "test" / "normal").iterdir())[:2]
    model = Predictor.load(run_dir)
    assert model.class_names == ("normal", "anomalous")
    assert (model.probabilities(pictures)[:3, 1] > 0.5).all()
    parity = export_run(run_dir, tmp_path / "out", pictures)
    assert parity.n == 5
    assert parity.same


def test_heat_shows_where_a_picture_is_odd(trained):
    folder, found = trained
    network, metadata = load_network(Path(found["folder"]) / "model.safetensors")
    preprocessing = Preprocessing.from_json(metadata["preprocessing"])
    file = min((folder / "test" / "scratched").iterdir())
    image = Image.open(file).convert("RGB")
    overlay = heat_overlay(network, image, preprocessing, 1)
    assert overlay.size == image.size
    assert np.abs(np.asarray(overlay, int) - np.asarray(image, int)).max() > 20


def test_too_few_normal_pictures_are_a_sentence(tmp_path, workspace, capsys):
    write_stripes(tmp_path / "all", each=3)
    words = ["train", str(tmp_path / "all" / "class 0"), "--approach", "anomaly_detection"]
    assert main(words) == 2
    assert "3 normal pictures to learn from; 5 are needed" in capsys.readouterr().err


def test_which_class_is_normal_is_asked_for(tmp_path, workspace, capsys):
    write_stripes(tmp_path / "all", each=6)
    words = ["train", str(tmp_path / "all"), "--approach", "anomaly_detection"]
    assert main(words) == 2
    assert "the classes are 'class 0', 'class 1'" in capsys.readouterr().err
    report = tmp_path / "out.json"
    assert main([*words, "--set", "normal=class 1", "--report", str(report)]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["class_names"] == ["class 1", "anomalous"]
    assert (found["n_test"], found["measured_on"], found["folds"]) == (12, "all", 5)

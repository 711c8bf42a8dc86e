import json
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from pictures import random_picture
from PIL import Image
from safetensors import safe_open
from trained import CLASS_NAMES, write_tiny_run

from tl_core.backbones.network import load_network, save_network
from tl_core.errors import ExportError, PredictionError
from tl_core.export import bundle
from tl_core.export.predictor import Predictor
from tl_core.images import read_picture
from tl_core.runs.results import onnx_check

SIZES = [(200, 160), (90, 300), (20, 10), (161, 160), (1, 1), (5000, 2), (640, 481)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    found = [random_picture(folder / f"{i}.png", *s, seed=i) for i, s in enumerate(SIZES)]
    jpeg = random_picture(folder / "photo.jpg", 1500, 1100)
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.open(jpeg).save(jpeg, exif=exif, quality=90)
    return [*found, jpeg]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_tiny_run(folder)
    bundle.export_in_place(folder, total=0)
    return folder


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("test_resnet", "last"),
        ("test_resnet", "all"),
        ("test_vit", "last"),
        ("test_vit", "all"),
        ("test_convnext", "all"),
    ],
)
def test_the_onnx_file_gives_the_apps_probabilities(tmp_path, pictures, name, features):
    write_tiny_run(tmp_path, name, features=features)
    found = bundle.export_run(tmp_path, tmp_path / "out", pictures)
    assert found.n == len(pictures)
    assert found.max_difference <= onnx_check.LIMIT and found.same and found.complete
    assert Predictor.load(tmp_path).probabilities(pictures).std(axis=0).max() > 0.01


def test_the_bundled_backbone_exports(tmp_path, pictures):
    write_tiny_run(tmp_path, "tf_efficientnet_lite0", features="all")
    assert bundle.export_run(tmp_path, tmp_path / "out", pictures).same


def test_one_file_takes_a_picture_and_says_what_its_answers_mean(run_dir):
    model = onnx.load(run_dir / "model.onnx")
    (given,), (answer, unlike) = model.graph.input, model.graph.output
    shape = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert (given.name, answer.name) == ("image", "probabilities")
    assert (unlike.name, list(unlike.type.tensor_type.shape.dim)) == ("unlike_score", [])
    assert shape == ["height", "width", 3]
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(properties["class_names"])) == CLASS_NAMES
    assert json.loads(properties["preprocessing"])["input_size"] == 160
    assert "Apache-2.0" in properties["licence"]
    assert {"format", "backbone", "versions"} <= set(properties)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert model.opset_import[0].version >= 18


def test_the_onnx_file_tells_nothing_about_this_machine(run_dir):
    data = (run_dir / "model.onnx").read_bytes()
    assert str(run_dir).encode() not in data
    assert b"site-packages" not in data and b"tl_core" not in data


def test_the_onnx_file_answers_several_questions(tmp_path, pictures):
    write_tiny_run(tmp_path, class_names=(*CLASS_NAMES, "no", "yes"))
    network, metadata = load_network(tmp_path / "model.safetensors")
    heads = [
        {"question": "class", "class_names": CLASS_NAMES, "threshold": None},
        {"question": "helmet", "class_names": ["no", "yes"], "threshold": 0.4},
    ]
    told = {"class_names": CLASS_NAMES, "heads": heads}
    save_network(tmp_path / "model.safetensors", network, metadata | told)
    assert bundle.export_run(tmp_path, tmp_path / "out", pictures).same
    ours, theirs = (Predictor.load(path).predict(pictures) for path in (tmp_path, tmp_path / "out"))
    assert [len(one.probabilities) for one in ours] == [3] * len(pictures)
    for one, other in zip(ours, theirs, strict=True):
        assert [a.answer for a in one.answers] == [a.answer for a in other.answers]
        sums = [sum(answer.probabilities) for answer in one.answers]
        assert sums == pytest.approx([1, 1], abs=1e-5)
        assert one.answers[1].answer == ["no", "yes"][one.answers[1].probabilities[1] >= 0.4]
    script = [sys.executable, str(tmp_path / "out" / "predict.py"), str(pictures[0])]
    printed = subprocess.run(script, capture_output=True, check=True, encoding="utf-8").stdout
    assert f"helmet: {ours[0].answers[1].answer} (yes from 0.4000 on)" in printed


def test_parity_notices_a_file_that_answers_differently(run_dir, tmp_path, pictures):
    model = onnx.load(run_dir / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.endswith("classifier.bias"):
            values = onnx.numpy_helper.to_array(tensor) + np.float32([0, 0.5, 0])
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    found = bundle.compare_answers(run_dir, tmp_path / "model.onnx", pictures)
    assert found.max_difference > onnx_check.LIMIT and not found.same


@pytest.mark.parametrize("features", ["last", "all"])
def test_the_onnx_file_notices_the_same_pictures_as_unlike(tmp_path, pictures, features):
    write_tiny_run(tmp_path, features=features)
    bundle.onnx_model(tmp_path, tmp_path / "model.onnx")
    ours, theirs = (
        [found.unlike_score for found in Predictor.load(tmp_path / name).predict(pictures)]
        for name in ("model.safetensors", "model.onnx")
    )
    assert np.std(ours) > 0.01
    np.testing.assert_allclose(theirs, ours, atol=1e-3)


def test_parity_notices_a_file_that_finds_others_unlike(run_dir, tmp_path, pictures):
    model = onnx.load(run_dir / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.endswith("unlike.limit"):
            values = onnx.numpy_helper.to_array(tensor) * np.float32(1.1)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    found = bundle.compare_answers(run_dir, tmp_path / "model.onnx", pictures)
    assert found.max_difference <= onnx_check.LIMIT < found.unlike_difference and not found.same


def test_a_model_that_cannot_tell_what_is_unlike_exports_without_it(tmp_path, pictures):
    write_tiny_run(tmp_path, unlike=False)
    assert bundle.export_run(tmp_path, tmp_path, pictures[:2]).same
    assert len(onnx.load(tmp_path / "model.onnx").graph.output) == 1


def test_no_compared_picture_is_no_proof(run_dir):
    assert not bundle.compare_answers(run_dir, run_dir / "model.onnx", []).same


def test_an_onnx_file_predicts_through_the_same_door(run_dir, pictures):
    ours, theirs = (Predictor.load(run_dir / name) for name in ("model.safetensors", "model.onnx"))
    assert theirs.class_names == CLASS_NAMES
    expected = ours.probabilities(pictures)
    np.testing.assert_allclose(theirs.probabilities(pictures), expected, atol=1e-3)


def test_the_weights_file_carries_class_names_and_preprocessing(run_dir, tmp_path):
    out = bundle.weights_file(run_dir, tmp_path / "weights.safetensors")
    with safe_open(out, framework="np") as file:
        texts = file.metadata()
    assert tuple(json.loads(texts["class_names"])) == CLASS_NAMES
    assert json.loads(texts["preprocessing"])["input_size"] == 160


def test_the_script_gives_the_apps_numbers(tmp_path, pictures):
    write_tiny_run(tmp_path / "run", class_names=("ants", "bees", "<b>rust"))
    bundle.export_run(tmp_path / "run", tmp_path / "out")
    alpha = tmp_path / "alpha.png"
    Image.new("RGBA", (300, 200), (250, 10, 10, 90)).save(alpha)
    paths = [*pictures, alpha]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "out" / "predict.py"), *map(str, paths)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=True,
    )
    found = re.findall(r"^  ([\d.]+)  (.*)$", done.stdout, flags=re.MULTILINE)
    expected = Predictor.load(tmp_path / "run").predict(paths)
    wanted = [pair for prediction in expected for pair in prediction.ranked]
    assert len(found) == len(wanted)
    for (number, name), (class_name, probability) in zip(found, wanted, strict=True):
        assert name == class_name and abs(float(number) - probability) < 1.1e-3


def test_a_second_export_does_no_work(run_dir, monkeypatch):
    before = (run_dir / "model.onnx").stat().st_mtime_ns
    monkeypatch.setattr(bundle, "onnx_model", lambda *_: pytest.fail("exported again"))
    bundle.export_in_place(run_dir, total=0)
    assert (run_dir / "model.onnx").stat().st_mtime_ns == before


def test_the_comparison_goes_on_where_it_stopped(tmp_path, pictures):
    write_tiny_run(tmp_path)
    state = bundle.export_in_place(tmp_path, total=len(pictures))
    assert (state.n, state.complete, state.same) == (0, False, False)
    assert bundle.check_more(tmp_path, pictures[:3]).n == 3
    again = bundle.export_in_place(tmp_path, total=len(pictures))
    assert again.n == 3  # nothing is compared twice
    done = bundle.check_more(tmp_path, pictures[3:])
    assert done.complete and done.same
    assert onnx_check.read_parity(tmp_path) == done
    assert done.max_difference == pytest.approx(
        bundle.compare_answers(tmp_path, tmp_path / "model.onnx", pictures).max_difference
    )


def test_a_newer_model_makes_the_old_export_count_no_more(tmp_path, pictures):
    write_tiny_run(tmp_path)
    bundle.export_in_place(tmp_path, total=1)
    bundle.check_more(tmp_path, pictures[:1])
    write_tiny_run(tmp_path, class_names=("p", "q"))
    assert onnx_check.read_parity(tmp_path) is None
    with pytest.raises(ExportError, match="Export it again"):
        bundle.check_more(tmp_path, pictures[:1])
    bundle.export_in_place(tmp_path, total=1)
    assert Predictor.load(tmp_path / "model.onnx").class_names == ("p", "q")


def test_a_run_without_a_model_cannot_be_exported(tmp_path):
    with pytest.raises(PredictionError, match="no finished model"):
        bundle.export_run(tmp_path, tmp_path / "out")


def test_a_model_larger_than_an_onnx_file_says_what_to_use(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "ONE_FILE_BYTES", 1000)
    with pytest.raises(ExportError, match="safetensors"):
        bundle.onnx_model(run_dir, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_the_file_runs_without_any_of_our_code_on_a_grey_phone_picture(run_dir, pictures):
    session = onnxruntime.InferenceSession(str(run_dir / "model.onnx"))
    pixels = np.asarray(read_picture(pictures[-1]))
    assert pixels.shape[:2] == (1500, 1100)  # turned upright
    found = session.run(["probabilities"], {"image": pixels})[0]
    np.testing.assert_allclose(found.sum(), 1, atol=1e-5)

"""Tests of the rule that names an engine, and of its check against plain float32."""

import json
from itertools import count

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from trained import BUNDLED_BACKBONE

from tl_core.backbones import create_backbone
from tl_core.backbones.network import FeatureReader
from tl_core.backbones.preprocessing import preprocessing_for
from tl_core.features import engine as engines
from tl_core.features import openvino
from tl_core.features.engine import Engine, EngineChoice, choose_engine
from tl_core.workspace.machine_memo import networks_dir
from tl_core.workspace.storage import Workspace


def network():
    backbone = create_backbone(BUNDLED_BACKBONE)
    return FeatureReader(backbone), preprocessing_for(backbone)


def photos() -> torch.Tensor:
    crops = [torch.from_numpy(p[:224, :224].copy()) for p in load_sample_images().images]
    return torch.stack(crops).permute(0, 3, 1, 2)


def test_an_engine_that_strays_is_not_used(tmp_path, monkeypatch):
    """A faster engine with other answers must lose against plain float32."""
    reader, preprocessing = network()
    sample = photos()
    original = Engine.__call__

    def stray(self, crops):
        extraction = original(self, crops)
        if self.choice.precision == "float32":
            return extraction
        return (extraction[0][:, ::-1].copy(),)

    monkeypatch.setattr(Engine, "__call__", stray)
    workspace = Workspace(tmp_path)
    engine = choose_engine(reader, preprocessing, lambda: sample, name="x", workspace=workspace)
    assert engine.choice.precision == "float32"
    (kept,) = json.loads((workspace.machine_dir / "measured.json").read_text()).values()
    assert EngineChoice(**kept) == engine.choice


def test_the_choice_of_engine_is_remembered(tmp_path, monkeypatch):
    reader, preprocessing = network()
    sample = torch.randint(0, 255, (2, 3, 224, 224), dtype=torch.uint8)
    workspace = Workspace(tmp_path)
    workspace.machine_dir.mkdir()
    (workspace.machine_dir / "measured.json").write_text("{ damaged")
    first = choose_engine(reader, preprocessing, lambda: sample, name="x", workspace=workspace)
    monkeypatch.setattr(engines, "timed", None)  # measuring again would fail
    second = choose_engine(reader, preprocessing, lambda: sample, name="x", workspace=workspace)
    assert second.choice == first.choice


@pytest.mark.skipif(not openvino.is_installed(), reason="OpenVINO is not installed")
def test_openvino_gives_the_features_of_torch_and_is_converted_once(tmp_path, monkeypatch):
    reader, preprocessing = network()
    sample = photos()
    kept = tmp_path / "network.xml"
    choices = {
        library: EngineChoice("float32", 2, "cpu", 0.0, library=library)
        for library in ("torch", "openvino")
    }
    (wanted,) = Engine(reader, preprocessing, choices["torch"])(sample)
    (got,) = Engine(reader, preprocessing, choices["openvino"], converted=kept)(sample)
    np.testing.assert_allclose(got, wanted, atol=2e-3, rtol=1e-3)
    monkeypatch.setattr(openvino.OpenVinoReader, "_convert", None)  # a second time fails
    Engine(reader, preprocessing, choices["openvino"], converted=kept)


@pytest.mark.skipif(not openvino.is_installed(), reason="OpenVINO is not installed")
def test_a_network_that_cannot_be_converted_is_left_to_torch(tmp_path):
    """OpenVINO's own exceptions are no RuntimeError: a training would end with them."""

    class Odd(torch.nn.Module):
        def forward(self, images):
            return torch.special.bessel_j0(images).mean((2, 3))

    settings = {"side": 8, "precision": "float32", "threads": 1}
    with pytest.raises(engines.NO_ENGINE, match="cannot convert"):
        openvino.OpenVinoReader(Odd(), tmp_path / "odd.xml", **settings)


@pytest.mark.parametrize(("seconds", "seen"), [(0.5, 5), (9.0, 4), (0.01, 16)])
def test_a_slow_network_is_checked_on_fewer_pictures(monkeypatch, seconds, seen):
    class Slow:
        parallel = 2

        def __call__(self, crops):
            assert len(crops) == 1

    clock = count(0, seconds)
    monkeypatch.setattr(engines.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(engines, "CHECK_SECONDS", 1.25)
    assert len(engines.bearable(Slow(), torch.zeros(16, 3, 4, 4))) == seen


def test_an_engine_that_is_much_slower_than_plain_float32_is_not_used(tmp_path, monkeypatch):
    reader, preprocessing = network()
    original = engines.timed

    def short_is_slow(engine, sample):
        values, speed = original(engine, sample)
        return values, speed * (1 if engine.choice.precision == "float32" else 1e-3)

    monkeypatch.setattr(engines, "timed", short_is_slow)
    settings = {"name": "x", "workspace": Workspace(tmp_path)}
    assert choose_engine(reader, preprocessing, photos, **settings).choice.precision == "float32"


@pytest.mark.skipif(not openvino.is_installed(), reason="OpenVINO is not installed")
def test_few_pictures_do_not_wait_for_a_conversion_and_many_do(tmp_path, monkeypatch):
    reader, preprocessing = network()
    sample = torch.randint(0, 255, (4, 3, 224, 224), dtype=torch.uint8)
    workspace = Workspace(tmp_path)
    monkeypatch.setattr(engines, "device", lambda: "cpu")
    settings = {"name": "x", "workspace": workspace}
    choose_engine(reader, preprocessing, lambda: sample, **settings, pictures=10)
    assert not networks_dir(workspace).exists()
    choose_engine(
        reader, preprocessing, lambda: sample, name="x", workspace=workspace, pictures=10_000
    )
    assert list(networks_dir(workspace).glob("*.xml"))

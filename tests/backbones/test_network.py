"""Tests of the network: features read off a backbone, one form on disk."""

import pytest
import torch
from safetensors.torch import save_file
from trained import tiny_backbone, write_tiny_run

from tl_core.backbones import create_backbone
from tl_core.backbones.network import (
    READERS,
    TransferNetwork,
    all_features,
    feature_blocks,
    feature_sizes,
    has_stages,
    last_features,
    load_network,
    rich_features,
    save_network,
)
from tl_core.backbones.tensor_file import read_tensors
from tl_core.errors import PredictionError
from tl_core.runs.catalogue import CATALOGUE, backbone_to_json

TINY = ["test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_byobnet"]


def images(backbone, n=2):
    return torch.randn(n, *backbone.pretrained_cfg["input_size"])


@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_last_features_are_what_the_backbone_gives(name):
    backbone = create_backbone(tiny_backbone(name), pretrained=False)
    x = images(backbone)
    torch.testing.assert_close(last_features(backbone, x), backbone(x))


@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_richer_features_end_with_the_poorer_ones(name):
    backbone = create_backbone(tiny_backbone(name), pretrained=False)
    assert has_stages(backbone)
    x = images(backbone)
    found = {name: read(backbone, x) for name, read in READERS.items()}
    sizes = {name: one.shape[1] for name, one in found.items()}
    assert sizes == feature_sizes(backbone)
    assert sizes["last"] < sizes["all"] < sizes["rich"] == sum(feature_blocks(backbone).values())
    for one, other in (("all", "last"), ("rich", "all")):
        torch.testing.assert_close(found[one][:, -sizes[other] :], found[other])


@torch.no_grad()
def test_products_of_channels_are_signed_roots_of_their_means():
    backbone = create_backbone(tiny_backbone("test_resnet"), pretrained=False)
    x = images(backbone)
    stage = backbone.forward_intermediates(x, intermediates_only=True)[-3].flatten(2)
    mean = torch.einsum("ncl,ndl->ncd", stage, stage) / stage.shape[2]
    wanted = torch.stack([mean[:, 0, 0], mean[:, 0, 1]], dim=1)
    got = rich_features(backbone, x)[:, :2]
    torch.testing.assert_close(got, wanted.sign() * wanted.abs().sqrt(), atol=2e-3, rtol=1e-3)


@torch.no_grad()
def test_stage_features_are_mean_and_deviation_over_space():
    backbone = create_backbone(tiny_backbone("test_resnet"), pretrained=False)
    x = images(backbone)
    stage = backbone.forward_intermediates(x, intermediates_only=True)[0]  # (N, C, h, w)
    channels = stage.shape[1]
    features = all_features(backbone, x)
    torch.testing.assert_close(features[:, :channels], stage.mean(dim=(2, 3)))
    wanted = stage.flatten(2).std(dim=2, correction=0)
    torch.testing.assert_close(features[:, channels : 2 * channels], wanted, atol=2e-4, rtol=0)


@pytest.mark.parametrize("backbone", CATALOGUE, ids=lambda backbone: backbone.name)
def test_every_catalogue_entry_gives_all_stages(backbone):
    if backbone.parameters > 30e6:
        pytest.skip("large; its family is tested with a smaller one")
    assert has_stages(create_backbone(backbone, pretrained=False))


@pytest.mark.parametrize("name", TINY[:2])
@pytest.mark.parametrize("features", ["last", "all", "rich"])
@torch.no_grad()
def test_a_saved_network_comes_back_equal(name, features, tmp_path):
    backbone = create_backbone(tiny_backbone(name), pretrained=False)
    network = TransferNetwork(backbone, features=features, num_classes=3, unit_length=True).eval()
    network.feature_mean.normal_()
    metadata = {
        "class_names": ["a", "b", "“c” 叶"],
        "backbone": backbone_to_json(tiny_backbone(name)),
        "preprocessing": {},
    }
    save_network(tmp_path / "model.safetensors", network, metadata)
    back, known = load_network(tmp_path / "model.safetensors")
    x = images(backbone)
    torch.testing.assert_close(back(x), network(x))
    assert known["class_names"] == metadata["class_names"]


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x80\x04pickle"])
def test_a_file_that_is_no_model_is_refused_with_a_sentence(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(PredictionError, match=r"model\.safetensors"):
        load_network(path)


def test_a_missing_model_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(PredictionError, match="cannot be read"):
        load_network(tmp_path / "gone.safetensors")


def test_no_damaged_model_is_believed(tmp_path):
    """A bit turned at many places: the file is refused, or gives what was written."""
    path = tmp_path / "model.safetensors"
    write_tiny_run(tmp_path)
    whole = path.read_bytes()
    weights = load_network(path)[0].state_dict()
    places = [*range(0, 4000, 97), *range(4000, len(whole), len(whole) // 40)]
    refused = 0
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            found = load_network(path)[0].state_dict()
        except PredictionError as error:
            assert "Train again" in str(error) or "was not saved" in str(error)
            refused += 1
            continue
        assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert refused > len(places) - 3
    for kept in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(PredictionError):
            load_network(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tiny_run(tmp_path)
    network, metadata = load_network(path)
    network.classifier.bias.data[0] = torch.nan
    save_network(path, network, metadata)
    with pytest.raises(PredictionError, match="not numbers"):
        load_network(path)


def test_a_model_of_an_earlier_version_has_no_checksum(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tiny_run(tmp_path)
    tensors, texts = read_tensors(path)
    save_file(tensors, path, texts)
    assert load_network(path)

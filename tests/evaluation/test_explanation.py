"""Heat maps: they lie on what decided, and where the picture was cut out."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from tl_core.backbones import bundled_weights, create_backbone
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.preprocessing import Preprocessing, prepare, preprocessing_for
from tl_core.evaluation.explanation import COLOUR_LEFT, OUTSIDE, heat_overlay, relevance
from tl_core.runs.catalogue import BUNDLED, CATALOGUE, find

SMALL = Preprocessing(160, 160, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
TINY = (
    "test_resnet",
    "test_efficientnet",
    "test_convnext",
    "test_byobnet",
    "test_vit",
    "test_vit3",
)


def network_of(backbone: nn.Module, features: str = "last") -> TransferNetwork:
    return TransferNetwork(backbone, features=features, num_classes=3).eval()


@pytest.fixture(scope="module")
def imagenet() -> TransferNetwork:
    """The bundled backbone with its own ImageNet classifier."""
    network = TransferNetwork(create_backbone(find(BUNDLED)), features="last", num_classes=1000)
    weights = bundled_weights()
    network.classifier.load_state_dict(
        {name: weights[f"classifier.{name}"] for name in ("weight", "bias")}
    )
    return network.eval()


def flower() -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("flower.jpg")).resize((200, 134))


@pytest.mark.parametrize("corner", [(0, 0), (312, 0), (0, 378), (312, 378)])
def test_heat_lies_on_the_thing(corner, imagenet) -> None:
    picture = Image.new("RGB", (512, 512), (90, 110, 90))
    picture.paste(flower(), corner)
    heat = relevance(imagenet, prepare(picture, preprocessing_for(imagenet.backbone))[None], 985)
    half = heat.shape[0] // 2
    rows = slice(half) if corner[1] == 0 else slice(half, None)
    columns = slice(half) if corner[0] == 0 else slice(half, None)
    assert heat[rows, columns].sum() > 0.6 * heat.sum()


@pytest.mark.parametrize("features", ["last", "all", "rich"])
@pytest.mark.parametrize("name", TINY)
def test_every_kind_of_network_can_be_explained(name, features) -> None:
    torch.manual_seed(0)
    network = network_of(timm.create_model(name, num_classes=0), features)
    network.requires_grad_(False)
    images = torch.randn(1, 3, 160, 160)
    maps = [relevance(network, images, label) for label in range(3)]
    for heat in maps:
        assert heat.shape == (160, 160)
        assert heat.min() >= 0
        assert heat.max() == pytest.approx(1, abs=1e-5) or heat.max() == 0
        assert not heat.requires_grad
    assert any(heat.max() > 0 for heat in maps)
    assert not all(torch.equal(maps[0], heat) for heat in maps)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224.augreg_in21k_ft_in1k", "resnet18.a1_in1k"])
def test_catalogue_networks_are_explained_by_their_layers(name, monkeypatch) -> None:
    assert name in {backbone.name for backbone in CATALOGUE}
    monkeypatch.setattr(
        "tl_core.evaluation.explanation.Saliency", None
    )  # the last resort is not needed
    network = network_of(create_backbone(find(name), pretrained=False))
    assert relevance(network, torch.randn(1, 3, 224, 224), 0).shape == (224, 224)


def test_unusual_architectures_are_explained_by_pixels() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.Flatten())
            self.classifier = nn.Linear(4 * 400, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.classifier(self.backbone(images))

    heat = relevance(Odd().eval(), torch.randn(1, 3, 160, 160), 2)
    assert heat.shape == (160, 160)
    assert heat.max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (900, 90), (1, 1), (10000, 2), (33, 33)])
def test_the_overlay_has_the_pictures_shape(size) -> None:
    network = network_of(timm.create_model("test_resnet", num_classes=0))
    overlay = heat_overlay(network, Image.new("RGB", size), SMALL, 0)
    assert overlay.mode == "RGB"
    scale = min(1, 1024 / max(size))
    assert overlay.size == tuple(max(1, round(side * scale)) for side in size)


def test_only_the_seen_square_is_heated_and_the_rest_is_darkened() -> None:
    network = network_of(timm.create_model("test_vit", num_classes=0))
    overlay = np.asarray(heat_overlay(network, Image.new("RGB", (400, 200), "white"), SMALL, 0))
    assert (overlay[:, :99] == round(255 * OUTSIDE)).all()
    assert (overlay[:, 301:] == round(255 * OUTSIDE)).all()
    assert (overlay[:, 101:299].max(axis=2) > 255 * OUTSIDE + 1).mean() > 0.5
    assert 0 <= COLOUR_LEFT < 0.5

"""A finished run without training: timm's tiny networks with fixed random weights."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tl_core.backbones import create_backbone
from tl_core.backbones.network import TransferNetwork, save_network
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.runs.catalogue import BUNDLED, Backbone, backbone_to_json

CLASS_NAMES = ("ants", "bees", "größer =1+1")


def tiny_backbone(name: str = "test_resnet") -> Backbone:
    return Backbone(
        name=name,
        title=name,
        family="CNN",
        pretraining="supervised, ImageNet-1k",
        good_at="Tests.",
        parameters=1,
        input_size=160,
        licence="Apache-2.0",
        download_bytes=0,
        source="bundled" if name == BUNDLED else "hub",
    )


def write_tiny_run(
    run_dir: Path,
    name: str = "test_resnet",
    *,
    features: str = "last",
    class_names: tuple[str, ...] = CLASS_NAMES,
) -> Preprocessing:
    """Write a model whose answers differ from picture to picture; return its preprocessing."""
    run_dir.mkdir(parents=True, exist_ok=True)
    backbone = tiny_backbone(name)
    torch.manual_seed(0)
    module = create_backbone(backbone, pretrained=name == BUNDLED)
    preprocessing = preprocessing_for(module)
    network = TransferNetwork(module, features=features, num_classes=len(class_names)).eval()
    side = preprocessing.input_size
    with torch.no_grad():
        flat = torch.randn(8, 3, 1, 1)
        seen = network.features(flat + torch.rand(8, 1, 1, 1) * torch.randn(8, 3, side, side))
        network.feature_mean.copy_(seen.mean(0))
        network.feature_scale.copy_(seen.std(0).clamp(min=1e-3))
        network.classifier.weight /= network.classify(seen).std()
    metadata = {
        "class_names": list(class_names),
        "backbone": backbone_to_json(backbone),
        "preprocessing": preprocessing.to_json(),
    }
    save_network(run_dir / "model.safetensors", network, metadata)
    return preprocessing


def random_picture(path: Path, width: int, height: int, *, seed: int = 0) -> Path:
    """Write noise over a gradient, which no resize leaves alone."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 128, (height, width, 3)) * rng.random(3)
    ramp = np.linspace(0, 127, width)[None, :, None]
    Image.fromarray((noise + ramp).astype(np.uint8)).save(path, quality=95)
    return path

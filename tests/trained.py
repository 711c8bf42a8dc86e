"""Backbones, trainings and trained models that are small enough for tests."""

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from tl_core.approaches.training import Training, prepare_training
from tl_core.backbones import check_weights_file, create_backbone
from tl_core.backbones.network import TransferNetwork, save_network
from tl_core.backbones.preprocessing import Preprocessing, preprocessing_for
from tl_core.backbones.unlike import fit_unlike
from tl_core.runs.catalogue import BUNDLED, Backbone, backbone_to_json, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event
from tl_core.workspace.storage import Workspace

BUNDLED_BACKBONE = find(BUNDLED)
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


def own_weights(
    workspace: Workspace, project_id: str, name: str = "test_resnet", *, seed: int = 0
) -> Backbone:
    """Give a project random weights of one of timm's tiny networks, as a file of its own."""
    torch.manual_seed(seed)
    path = workspace.root / f"{name}-{seed}.safetensors"
    save_file(timm.create_model(name, num_classes=0).state_dict(), path)
    return check_weights_file(path, name, project_dir=workspace.project_dir(project_id))


def training_of(
    workspace: Workspace, project_id: str, run_id: str = "run", **settings: object
) -> Training:
    """Prepare a training; with `backbone` a name, timm's tiny network of that name."""
    backbone = settings.pop("backbone", BUNDLED_BACKBONE)
    if isinstance(backbone, str):
        backbone = tiny_backbone(backbone)
    run_dir = workspace.run_dir(project_id, run_id)
    run_dir.mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(backbone=backbone, **settings)
    return prepare_training(workspace, project_id, run_dir, config)


def run_to_end(training: Training) -> list[Event]:
    return [*training.events(), *training.finish()]


def write_tiny_run(
    run_dir: Path,
    name: str = "test_resnet",
    *,
    features: str = "last",
    class_names: tuple[str, ...] = CLASS_NAMES,
    unlike: bool = True,
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
        if unlike:
            network.unlike = fit_unlike(seen.numpy()[:, -module.head_hidden_size :])
    metadata = {
        "class_names": list(class_names),
        "backbone": backbone_to_json(backbone),
        "preprocessing": preprocessing.to_json(),
    }
    save_network(run_dir / "model.safetensors", network, metadata)
    return preprocessing

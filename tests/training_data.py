"""Small projects that can really be trained, for the tests of the engine."""

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from tiny_run import tiny_backbone

from tl_core.approaches.training import TrainingJob, finish, prepare_training, train
from tl_core.backbones import check_weights_file
from tl_core.images import add_images, folder_files
from tl_core.runs.catalogue import BUNDLED, Backbone, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

BUNDLED_BACKBONE = find(BUNDLED)


def write_stripes(folder: Path, *, each: int = 8, classes: int = 2) -> Path:
    """Write noisy stripes; the classes differ in direction."""
    for label in range(classes):
        (folder / f"class {label}").mkdir(parents=True, exist_ok=True)
        for number in range(each):
            random = np.random.default_rng(1000 * label + number)
            y, x = np.mgrid[:64, :64]
            angle = np.pi * label / classes
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 3 + random.uniform(0, 6))
            grey = 128 + 60 * wave + random.normal(0, 12, (64, 64))
            picture = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            Image.fromarray(picture).save(folder / f"class {label}" / f"{number}.png")
    return folder


def stripes_project(root: Path, **kwargs) -> tuple[Workspace, str]:
    workspace = open_workspace(root / "workspace")
    project = create_project(workspace, "Stripes")
    folder = write_stripes(root / "pictures", **kwargs)
    for _ in add_images(workspace, project.id, folder_files(folder)):
        pass
    return workspace, project.id


def own_weights(
    workspace: Workspace, project_id: str, name: str = "test_resnet", *, seed: int = 0
) -> Backbone:
    """Give a project random weights of one of timm's tiny networks, as a file of its own."""
    torch.manual_seed(seed)
    path = workspace.root / f"{name}-{seed}.safetensors"
    save_file(timm.create_model(name, num_classes=0).state_dict(), path)
    return check_weights_file(path, name, project_dir=workspace.project_dir(project_id))


def job_of(
    workspace: Workspace, project_id: str, run_id: str = "run", **settings: object
) -> TrainingJob:
    """Prepare a training; with `backbone` a name, timm's tiny network of that name."""
    backbone = settings.pop("backbone", BUNDLED_BACKBONE)
    if isinstance(backbone, str):
        backbone = tiny_backbone(backbone)
    workspace.run_dir(project_id, run_id).mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(backbone=backbone, **settings)
    return prepare_training(workspace, project_id, run_id, config)


def run_to_end(job: TrainingJob) -> list[Event]:
    return [*train(job), *finish(job)]

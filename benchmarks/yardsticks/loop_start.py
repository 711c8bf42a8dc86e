"""Where both fine-tuning loops start: the same pictures, the same network, the same classifier.

The classifier is fitted on the network's last layer first, as the app does it, so that a
comparison is one of loops.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import features_of, project_with, workspace_on
from tl_core.approaches.linear_probe import network_of
from tl_core.approaches.probing.probe import Basis
from tl_core.approaches.task import Task
from tl_core.approaches.training import prepare_training
from tl_core.backbones.layer_groups import freeze_to, layer_groups
from tl_core.backbones.network import TransferNetwork
from tl_core.images import LabelledImage, SourceFile, folder_files
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.workspace import open_workspace


def options(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("train_dir", type=Path)
    parser.add_argument("--validation", type=Path, help="measured on after every epoch")
    parser.add_argument("--machine", type=Path, help="a workspace whose measurements are kept")
    parser.add_argument("--frozen", type=int, help="default: all but the last stage")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@contextmanager
def start(given: argparse.Namespace) -> Iterator[tuple[Task, TransferNetwork]]:
    """Give a task whose pictures are in their parts, and the network to fine-tune."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder, "workspace")
        workspace = open_workspace(workspace_on(given.machine, root) if given.machine else root)
        sources = _sources(given.train_dir, "train")
        if given.validation:
            sources += _sources(given.validation, "validation")
        project = project_with(workspace, "fine-tuning", sources)
        config = TrainingConfig(
            backbone=find(BUNDLED),
            strategy="fine-tune",
            frozen_groups=given.frozen,
            batch_size=given.batch,
            seed=given.seed,
        )
        run_dir = workspace.run_dir(project, "run")
        run_dir.mkdir(parents=True)
        task = prepare_training(workspace, project, run_dir, config).task
        images = replace(task.images, images=tuple(map(_in_its_part, task.images.images)))
        features = features_of(workspace, project, images.train).last
        labels = np.array([image.label for image in images.train])
        probe = Basis({"last": features}).fit(labels, task.num_classes).probe
        network = network_of(task, "last", probe)
        groups = len(layer_groups(network))
        frozen = groups - 2 if given.frozen is None else given.frozen
        steps = given.epochs * (len(labels) // given.batch)
        config = replace(config, frozen_groups=frozen, steps=steps)
        freeze_to(network, frozen)
        yield replace(task, config=config, images=images), network


def _sources(folder: Path, split: str) -> list[SourceFile]:
    found = [one for one in folder_files(folder) if isinstance(one, SourceFile)]
    return [replace(one, name=f"{split}/{one.name}", split=split) for one in found]


def _in_its_part(image: LabelledImage) -> LabelledImage:
    """Undo that a part was drawn to test on."""
    return replace(image, split=image.name.partition("/")[0])

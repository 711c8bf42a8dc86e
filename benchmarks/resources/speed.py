"""The recommended probe against a plain script, and against its own parts alone, in turns."""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import (
    ANTS,
    asked,
    features_of,
    has_pictures,
    known_machine,
    train,
    workspace_on,
)
from benchmarks.measuring.table import GOALS, Measured, Table, goal

ROUNDS = 2
COMPARED = 24  # pictures whose features are compared with plain float32 ones


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{ANTS}/train", f"{ANTS}/val"):
        return None
    train_dir, test_dir = data / ANTS / "train", data / ANTS / "val"
    plain, ours, alone = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        unknown = train(train_dir, _folder(place / "unknown"), test_dir=test_dir)
        machine = known_machine(data)
        for turn in range(ROUNDS):
            plain.append(asked("plain_script", train_dir, test_dir))
            workspace = workspace_on(machine, place / str(turn))
            ours.append(train(train_dir, workspace, test_dir=test_dir))
            alone.append(asked("alone", workspace, _project(workspace)))
        again = train(train_dir, workspace, test_dir=test_dir)
        least, median = agreement(workspace)
    return _told(plain, ours, alone, unknown, again, f"least {least:.4f}, median {median:.4f}")


def _told(
    plain: list[dict], ours: list[dict], alone: list[dict], unknown: dict, again: dict, cosine: str
) -> Measured:
    seconds = {
        "plain script": _median(plain, lambda one: one["seconds"]),
        "ours": _median(ours, _total),
        "decoding and resizing alone": _median(alone, lambda one: one["decode"]),
        "the engine's forward pass alone": _median(alone, lambda one: one["forward"]),
        "regression alone": _median(alone, lambda one: one["regression"]),
        "ours, machine never measured before": _total(unknown),
        "ours again, from the cache": _total(again),
    }
    ratio = [
        (_total(a) - b["regression"]) / max(b["decode"], b["forward"])
        for a, b in zip(ours, alone, strict=True)
    ]
    faster = [a["seconds"] / _total(b) for a, b in zip(plain, ours, strict=True)]
    points = 100 * (ours[0]["accuracy"] - plain[0]["accuracy"])
    accuracies = {"plain script": plain[0]["accuracy"], "ours": round(ours[0]["accuracy"], 4)}
    rows = [(name, f"{value:.2f}", accuracies.get(name, "")) for name, value in seconds.items()]
    pictures = alone[0]["pictures"]
    title = f"Probe on {ANTS}, {pictures} pictures, from the start of work to the report"
    phases = ", ".join(f"{name} {value:.2f}" for name, value in ours[-1]["seconds"].items())
    return Measured(
        [
            Table(
                title,
                ("", f"seconds (median of {ROUNDS})", "accuracy"),
                rows,
                (
                    f"Engine: {alone[0]['engine']}; features against float32, cosine: {cosine}.",
                    f"Ours, seconds by phase: {phases}.",
                ),
            ),
            Table(
                "Ratios within the run",
                GOALS,
                [
                    goal(
                        "(ours - regression alone) / (the larger of decoding and forward pass)",
                        statistics.median(ratio),
                        most=1.3,
                    ),
                    goal("times faster than the plain script", statistics.median(faster), least=4),
                    goal("points of accuracy against it", points, least=-0.5, form="{:+.1f}"),
                ],
            ),
        ],
        {"seconds": seconds, "pictures": pictures, "ratio": ratio, "times_faster": faster},
    )


def agreement(folder: Path) -> tuple[float, float]:
    """Return the least and the median cosine between cached features and plain float32 ones."""
    import torch

    from tl_core.approaches.training import prepare_training
    from tl_core.backbones.network import rich_features
    from tl_core.backbones.preprocessing import normalise
    from tl_core.features.decoding import crop_file
    from tl_core.runs.catalogue import BUNDLED, find
    from tl_core.runs.configuration import TrainingConfig
    from tl_core.workspace import open_workspace

    place, project = open_workspace(folder), _project(folder)
    config = TrainingConfig(backbone=find(BUNDLED))
    task = prepare_training(place, project, folder, config).task
    images = task.images.images[:: max(1, len(task.images.images) // COMPARED)]
    task.backbone.eval()
    cosines = []
    for image, row in zip(images, features_of(place, project, images).values, strict=True):
        crop = normalise(crop_file(image.path, task.preprocessing)[None], task.preprocessing)
        with torch.no_grad():
            exact = rich_features(task.backbone, crop)[0].numpy()
        cosines.append(row @ exact / np.linalg.norm(row) / np.linalg.norm(exact))
    return min(cosines), statistics.median(cosines)


def _project(folder: Path) -> str:
    from tl_core.workspace import list_projects, open_workspace

    return list_projects(open_workspace(folder))[0].id


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _total(report: dict) -> float:
    return report["seconds"]["total"]


def _median(found: Sequence[dict], value: Callable[[dict], float]) -> float:
    return round(statistics.median(map(value, found)), 3)

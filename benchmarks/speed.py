"""Recommended training against the plain script, on the same pictures, in turns."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import print_table

ROUNDS = 3


def plain(train_dir: Path, test_dir: Path) -> dict:
    command = [sys.executable, "-m", "benchmarks.plain_script", str(train_dir), str(test_dir)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def ours(train_dir: Path, test_dir: Path, workspace: Path) -> dict:
    """Train headless; `seconds` is the work from the start of the training to its report."""
    report = workspace / "report.json"
    command = [sys.executable, "-m", "tl_core", "train", str(train_dir), "--test", str(test_dir)]
    command += ["--workspace", str(workspace), "--report", str(report)]
    subprocess.run(command, check=True, capture_output=True)
    data = json.loads(report.read_text())
    return {"seconds": data["seconds"]["total"], "accuracy": data["accuracy"], "all": data}


def agreement(workspace: Path) -> tuple[float, float]:
    """Return the least and the median cosine between cached features and plain float32 ones."""
    import torch

    from tl_core.catalogue import BUNDLED, find
    from tl_core.config import TrainingConfig
    from tl_core.features import extract_features
    from tl_core.network import all_features
    from tl_core.pictures import crop_file
    from tl_core.training import prepare_training
    from tl_core.transforms import normalise
    from tl_core.workspace import list_projects, open_workspace

    place = open_workspace(workspace)
    project = list_projects(place)[0].id
    job = prepare_training(place, project, "agreement", TrainingConfig(backbone=find(BUNDLED)))
    events = extract_features(
        job.backbone,
        job.config.backbone,
        job.images.images,
        folder=place.features_dir(project),
        memory=place.root / "engines.json",
    )
    table = _result(events)
    cosines = []
    for image, row in zip(job.images.images, table.values, strict=True):
        crop = normalise(crop_file(image.path, job.preprocessing)[None], job.preprocessing)
        with torch.no_grad():
            exact = all_features(job.backbone, crop)[0].numpy()
        cosines.append(row @ exact / np.linalg.norm(row) / np.linalg.norm(exact))
    return min(cosines), statistics.median(cosines)


def _result(events: Iterator) -> object:
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def main(data: Path) -> None:
    train_dir, test_dir = data / "ants_and_bees" / "train", data / "ants_and_bees" / "val"
    if not train_dir.is_dir():
        print(f"speed: no pictures in {train_dir}; give their folder with --data", file=sys.stderr)
        return
    script, first, second = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            workspace = Path(folder, str(turn))
            script.append(plain(train_dir, test_dir))
            first.append(ours(train_dir, test_dir, workspace))
            second.append(ours(train_dir, test_dir, workspace))
        least, median = agreement(workspace)
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(first, script, strict=True)]
    print_table(
        "Recommended training, ants_and_bees train -> val, bundled backbone, seed 0",
        ("", "seconds (median)", "accuracy"),
        [
            ("plain script", _median(script), script[0]["accuracy"]),
            ("first run", _median(first), round(first[0]["accuracy"], 4)),
            ("second run, from the cache", _median(second), round(second[0]["accuracy"], 4)),
        ],
    )
    print(f"first run / plain script: {statistics.median(ratios):.2f} (wanted: at most 0.50)")
    print(f"features against float32: cosine least {least:.4f}, median {median:.4f}")
    print(f"second run: features {second[0]['all']['seconds']['features']:.3f} s (no forward pass)")


def _median(runs: list[dict]) -> float:
    return round(statistics.median(run["seconds"] for run in runs), 2)

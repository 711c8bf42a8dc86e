"""Recommended training against the plain script, on the same pictures, in turns."""

import json
import shutil
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


def prepare_machine(first: Path, fresh: Path) -> None:
    """Measure as the app does while a person looks at the Layers page; carry only that over."""
    from tl_core.catalogue import BUNDLED, find
    from tl_core.config import TrainingConfig
    from tl_core.estimates import estimate_seconds
    from tl_core.workspace import list_projects, open_workspace

    place = open_workspace(first)
    project = list_projects(place)[0].id
    estimate_seconds(place, project, TrainingConfig(backbone=find(BUNDLED)))
    fresh.mkdir()
    shutil.copy(first / "engines.json", fresh)
    if (first / "engines").is_dir():
        shutil.copytree(first / "engines", fresh / "engines")


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
    script, first, second, known = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            workspace = Path(folder, str(turn))
            script.append(plain(train_dir, test_dir))
            first.append(ours(train_dir, test_dir, workspace))
            second.append(ours(train_dir, test_dir, workspace))
            fresh = Path(folder, f"{turn} known")
            prepare_machine(workspace, fresh)
            known.append(ours(train_dir, test_dir, fresh))
        least, median = agreement(workspace)
    print_table(
        "Recommended training, ants_and_bees train -> val, bundled backbone, seed 0",
        ("", "seconds (median)", "accuracy"),
        [
            ("plain script", _median(script), script[0]["accuracy"]),
            ("first run on this machine", _median(first), _accuracy(first)),
            ("new pictures, machine measured before", _median(known), _accuracy(known)),
            ("second run, from the cache", _median(second), _accuracy(second)),
        ],
    )
    print(f"first run / plain script: {_ratio(first, script):.2f} (wanted: at most 0.50)")
    print(f"machine measured before / plain script: {_ratio(known, script):.2f}")
    print(f"features against float32: cosine least {least:.4f}, median {median:.4f}")
    print(f"second run: features {second[0]['all']['seconds']['features']:.3f} s (no forward pass)")


def _median(runs: list[dict]) -> float:
    return round(statistics.median(run["seconds"] for run in runs), 2)


def _accuracy(runs: list[dict]) -> float:
    return round(runs[0]["accuracy"], 4)


def _ratio(runs: list[dict], others: list[dict]) -> float:
    pairs = zip(runs, others, strict=True)
    return statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)

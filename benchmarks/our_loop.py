"""Our fine-tuning on the same pictures, epochs and batches as `usual_loop`. Prints one JSON line.

`seconds` is the whole fine-tuning phase, computing the frozen front included; `epoch` one epoch
of it afterwards.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.plain_script import pictures
from tl_core import fine_tuning
from tl_core.catalogue import BUNDLED, find
from tl_core.config import TrainingConfig
from tl_core.datasets import add_images
from tl_core.events import EpochResult
from tl_core.imagefiles import SourceFile
from tl_core.jobs import build_network
from tl_core.training import prepare_training
from tl_core.tuning_batches import tuning_batches
from tl_core.workspace import create_project, open_workspace


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frozen", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = open_workspace(Path(folder))
        project = create_project(workspace, "fine-tuning")
        files, names = pictures(options.folder)
        sources = [
            SourceFile(path.name, path.read_bytes, name, "train")
            for path, name in zip(files, names, strict=True)
        ]
        for _ in add_images(workspace, project.id, sources):
            pass
        print(json.dumps(_measure(workspace, project.id, options)))


def _measure(workspace, project_id: str, options: argparse.Namespace) -> dict:
    config = TrainingConfig(
        backbone=find(BUNDLED),
        strategy="fine-tune",
        frozen_groups=options.frozen,
        batch_size=options.batch,
        seed=options.seed,
    )
    job = prepare_training(workspace, project_id, "run", config)
    train = job.images.images
    config = TrainingConfig(
        **{**vars(config), "steps": options.epochs * (len(train) // options.batch)}
    )
    job.images = type(job.images)(
        class_names=job.images.class_names,
        images=tuple(type(i)(**{**vars(i), "split": "train"}) for i in train),
        test_given=False,
    )
    network = build_network(job, features="last")
    start = time.perf_counter()
    job.tuning = fine_tuning.start(network, config, frozen_groups=options.frozen)
    events = tuning_batches(job)
    while True:
        try:
            next(events)
        except StopIteration as end:
            batches, validation = end.value
            break
    prepared = time.perf_counter()
    steps = fine_tuning.fine_tune(job.tuning, config, batches, validation, class_weights=None)
    epochs = [event for event in steps if isinstance(event, EpochResult)]
    end = time.perf_counter()
    return {
        "seconds": round(end - start, 3),
        "front": round(prepared - start, 3),
        "epoch": (end - prepared) / (len(epochs) - 1),
    }


if __name__ == "__main__":
    main()

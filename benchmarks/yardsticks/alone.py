"""The parts of a probe's training, each alone: what the whole cannot be faster than.

Decoding and resizing on all cores; the engine's forward pass on crops that lie in memory; the
regression on features that are cached. Prints one JSON line of seconds. Arguments: a workspace's
folder, in which the pictures were trained on before, and the project's id.
"""

import json
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path

import torch

from tl_core.approaches.training import prepare_training
from tl_core.backbones.network import FeatureReader
from tl_core.features.decoding import crop_file
from tl_core.features.device import one_thread_each
from tl_core.features.engine import choose_engine
from tl_core.features.extraction import SAMPLE_PICTURES, weights_name
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.results.report import read_report
from tl_core.workspace import Workspace, open_workspace


def main(folder: str, project_id: str) -> None:
    workspace = open_workspace(Path(folder))
    config = TrainingConfig(backbone=find(BUNDLED), strategy="probe")
    with tempfile.TemporaryDirectory() as run_dir:
        _measure(workspace, project_id, Path(run_dir), config)


def _measure(workspace: Workspace, project_id: str, run_dir: Path, config: TrainingConfig) -> None:
    training = prepare_training(workspace, project_id, run_dir, config)
    task = training.task
    threads, paths = torch.get_num_threads(), [image.path for image in task.images.images]
    with one_thread_each():
        start = time.perf_counter()
        read = in_parallel(lambda p: crop_file(p, task.preprocessing), paths, threads=threads)
        crops = torch.stack(list(read))
        decode = time.perf_counter() - start
    sample = crops[:SAMPLE_PICTURES]
    engine = choose_engine(
        FeatureReader(task.backbone),
        task.preprocessing,
        lambda: sample,
        name=weights_name(config.backbone),
        workspace=workspace,
    )
    with one_thread_each():
        batches = crops.split(engine.choice.batch_size)
        list(in_parallel(engine, batches[:threads], threads=threads))  # the first ones allocate
        start = time.perf_counter()
        list(in_parallel(engine, batches, threads=threads))
        forward = time.perf_counter() - start
    for _event in chain(training.events(), training.finish()):
        pass
    seconds = read_report(run_dir).seconds
    regression = seconds["probe"] + seconds["evaluate"]
    engine_text = f"{engine.choice.library} {engine.choice.precision}"
    found = {"decode": decode, "forward": forward, "regression": regression}
    print(json.dumps({**found, "pictures": len(paths), "engine": engine_text}))


if __name__ == "__main__":
    main(*sys.argv[1:])

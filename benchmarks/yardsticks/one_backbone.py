"""One backbone with random weights: the engine that is chosen against plain torch, in turns.

The yardstick is torch in float32, channels_last, sixteen pictures at a time on all cores. Prints
one JSON line. Arguments: the backbone's name, a folder of pictures.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.yardsticks.plain_script import pictures
from tl_core.backbones import create_backbone
from tl_core.backbones.network import FeatureReader
from tl_core.backbones.preprocessing import normalise, preprocessing_for
from tl_core.features.decoding import crop_file
from tl_core.features.device import one_thread_each
from tl_core.features.engine import CONVERTING_PAYS, choose_engine
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.catalogue import find
from tl_core.workspace import Workspace

PICTURES, ROUNDS = 16, 3


def main(name: str, folder: str) -> None:
    torch.manual_seed(0)
    backbone = create_backbone(find(name), pretrained=False).eval()
    preprocessing = preprocessing_for(backbone)
    files = pictures(Path(folder))[0][:PICTURES]
    crops = torch.stack([crop_file(path, preprocessing) for path in files])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        engine = choose_engine(
            FeatureReader(backbone),
            preprocessing,
            lambda: crops,
            name=name,
            workspace=Workspace(Path(place)),
            pictures=CONVERTING_PAYS,
        )
        reader = FeatureReader(backbone).to(memory_format=torch.channels_last).eval()

        @torch.inference_mode()
        def plain() -> None:
            images = normalise(crops, preprocessing)
            reader(images.contiguous(memory_format=torch.channels_last))

        def chosen() -> None:
            parts = crops.split(min(engine.choice.batch_size, PICTURES // engine.parallel))
            with one_thread_each():
                list(in_parallel(engine, parts, threads=engine.parallel))

        plain_seconds, chosen_seconds = _in_turns(plain, chosen)
    found = {
        "engine": f"{engine.choice.library} {engine.choice.precision}",
        "plain": len(crops) / plain_seconds,
        "chosen": len(crops) / chosen_seconds,
        "cosine": engine.choice.cosine_least,
    }
    print(json.dumps(found))


def _in_turns(*ways: Callable[[], None]) -> list[float]:
    """Return the median seconds of each."""
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(ROUNDS + 1):
        for way, kept in zip(ways, times, strict=True):
            start = time.perf_counter()
            way()
            if turn:  # the first time allocates
                kept.append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in times]


if __name__ == "__main__":
    main(*sys.argv[1:])

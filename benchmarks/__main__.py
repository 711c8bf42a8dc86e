"""Everything that is measured, by one command: `python -m benchmarks --data DIR`.

Figures are ratios within one run wherever machines differ; medians are printed. Without --only
it measures what takes five minutes on two cores.
"""

import argparse
import os
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

from benchmarks.measuring.results import Results

# module with `measure(data)`: what it measures, and minutes on two cores
QUICK = {
    "speed": "the recommended probe against a plain script and against its own parts alone (1)",
    "fine_tuning": "fine-tuning the last stage against the usual loop (1)",
    "depths": "an epoch at several freeze depths against its thawed part alone (1)",
    "scaling": "100, 400 and 1,600 pictures: seconds and memory (1)",
    "first_number": "the accuracy on screen: after one click on the sample, after a new label (2)",
    "clicks": "clicks in the browser while two trainings run (1)",
}
LONGER = {
    "large": "5,000 pictures: memory of worker and server, opening the project (4)",
    "webcam": "answers for the picture of the camera, a second (1)",
    "live": "the live model: a new label to the new number, memory, clicks meanwhile (5)",
    "interactive": "one picture to predict, previews of augmentations (1)",
    "engines": "every backbone of the catalogue: engine chosen against torch (10)",
    "estimates": "seconds expected before a training against those it took (5)",
    "tuned_accuracy": "fine-tuning against the usual loop over 3 seeds: accuracy (15)",
    "accuracy": "20 pictures per class, five sets, 5 seeds, against plain regression (15)",
    "app": "first page, clicks while training, large galleries (3)",
    "memory": "peak memory on 2,000 pictures of 12 megapixels (3)",
    "copies": "copies found against the truth (2)",
    "health": "wrong labels, copies and planted giveaways found; 5,000 pictures checked (12)",
    "active": "labels needed, asked for in sweeps against at random (5)",
    "unlike": "pictures of other sets shown to a model: noticed, and false alarms (3)",
    "self_supervised": "pictures without labels: self-training; three methods, three depths (20)",
    "transfer_ways": "another place without labels, groups without labels, normal pictures (4)",
    "distances": "distance of the sets from the pretraining data (1)",
    "hostile": "3,000 damaged pictures, 300 hostile archives: crashes, processor, memory (4)",
    "kills": "40 kills of workers, compute process and server: is anything lost (12)",
    "honesty": 'answers to "did the pretrained model help?" and their intervals (7)',
}
PARTS = QUICK | LONGER
PACKAGES = ("resources", "quality", "sturdiness")


def part_module(name: str) -> ModuleType:
    """Return the module of a part, from whichever package it stands in."""
    here = Path(__file__).parent
    package = next(one for one in PACKAGES if (here / one / f"{name}.py").is_file())
    return import_module(f"benchmarks.{package}.{name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts (minutes):\n" + "\n".join(f"  {n:17}{PARTS[n]}" for n in PARTS),
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("TL_DATA", "data")),
        help="folder with ants_and_bees/train and ants_and_bees/val (default: $TL_DATA)",
    )
    parser.add_argument(
        "--only", choices=[*PARTS, "all"], nargs="+", metavar="PART", help="these parts, or all"
    )
    parser.add_argument(
        "--output", type=Path, help="folder for the tables (.md, .json) and the plot (.svg)"
    )
    options = parser.parse_args()
    os.environ["TL_MACHINE_CACHE"] = "machine"  # in each workspace: nothing is known of it before
    chosen = list(PARTS) if "all" in (options.only or ()) else options.only or list(QUICK)
    results = Results.here()
    print(results.heading)
    for name in chosen:
        start = time.perf_counter()
        measured = part_module(name).measure(options.data)
        if measured is None:  # its pictures are not there, as it has said
            continue
        for table in measured.tables:
            print(table.text(), flush=True)
        results.add(name, measured, time.perf_counter() - start)
        if options.output:
            results.write(options.output)
    print(f"\n{results.took()}")


if __name__ == "__main__":
    main()

"""Everything that is measured, by one command: `python -m benchmarks --data DIR`.

Figures are ratios within one run wherever machines differ; medians are printed.
"""

import argparse
import os
from pathlib import Path

from benchmarks import app, copies, honesty, memory, speed

PARTS = ("speed", "copies", "honesty", "app", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("TL_DATA", "data")),
        help="folder with ants_and_bees/train and ants_and_bees/val (default: $TL_DATA)",
    )
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    options = parser.parse_args()
    if options.only in (None, "speed"):
        speed.main(options.data)
    if options.only in (None, "copies"):
        copies.main(options.data)
    if options.only in (None, "honesty"):
        honesty.main(options.data)
    if options.only in (None, "app"):
        app.main()
    if options.only in (None, "memory"):
        memory.main()


if __name__ == "__main__":
    main()

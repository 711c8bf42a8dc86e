"""What the app expects a training to take, asked in a process of its own. Prints one JSON line.

Arguments: a workspace's folder, a project's id, a strategy.
"""

import json
import sys
from pathlib import Path

from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.service.estimates import estimate_seconds
from tl_core.workspace import open_workspace


def main(folder: str, project_id: str, strategy: str) -> None:
    config = TrainingConfig(backbone=find(BUNDLED), strategy=strategy)
    print(json.dumps(estimate_seconds(open_workspace(Path(folder)), project_id, config)))


if __name__ == "__main__":
    main(*sys.argv[1:])

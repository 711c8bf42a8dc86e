"""Pictures without labels: do they help, learnt from by self-training or by re-training?

Ten pictures per class of CIFAR-10 have labels, the others of its training part have none; the test
part is answered. Self-training is measured on several draws of the labelled pictures, re-training
by three methods at three depths on the first draw, and the best of these on all.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import has_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.approaches.optimising.self_supervision import METHODS
from tl_core.approaches.self_supervised import SELF_TRAINING
from tl_core.approaches.training import prepare_training
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.results.intervals import wilson_interval
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

SET, LABELLED = "cifar10n", 10
DEPTHS = {"last stage": 7, "last 2 stages": 6, "last 3 stages": 5}  # groups that stay frozen
DRAWS, EPOCHS = 3, 10


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, f"{SET}/train", f"{SET}/test"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder) / "workspace")
        drawn = [_project(workspace, data / SET, Path(folder), draw) for draw in range(DRAWS)]
        answered = [_learnt(workspace, one, SELF_TRAINING, 0) for one in drawn]
        tried = {
            (method, depth): [_learnt(workspace, drawn[0], method, frozen)]
            for method in METHODS
            for depth, frozen in DEPTHS.items()
        }
        best = max(tried, key=lambda how: tried[how][0]["gain"])
        tried[best] += [_learnt(workspace, one, best[0], DEPTHS[best[1]]) for one in drawn[1:]]
    tried = {("self-training", "kept features"): answered} | tried
    means = {
        how: 100 * float(np.mean([found["gain"] for found in every]))
        for how, every in tried.items()
        if len(every) == DRAWS
    }
    rows = [
        (*how, draw, *(_share(found, which) for which in ("before", "retrained")),
         f"{100 * found['gain']:+.1f}", found["verdict"], "yes" if found["used"] else "no")
        for how, every in tried.items()
        for draw, found in enumerate(every)
    ]  # fmt: skip
    heads = ("method", "on", "draw", "plain probe", "with them", "points", "verdict", "used")
    goals = [
        goal(f"{' on '.join(how)}: mean points", points, least=3, form="{:+.1f}")
        for how, points in means.items()
    ]
    tables = [
        Table(f"{LABELLED} labels per class, accuracy on the test part", heads, rows),
        Table("Goals", GOALS, goals),
    ]
    gains = {" on ".join(how): [one["gain"] for one in every] for how, every in tried.items()}
    return Measured(tables, {"gains": gains})


def _project(workspace: Workspace, pictures: Path, folder: Path, draw: int) -> str:
    """Return a project with ten labelled pictures per class, drawn at random."""
    few, rng = folder / f"few {draw}", np.random.default_rng(draw)
    for kind in sorted((pictures / "train").iterdir()):
        (few / kind.name).mkdir(parents=True)
        for path in rng.permutation(sorted(kind.iterdir()))[:LABELLED]:
            shutil.copy(path, few / kind.name)
    test, train = pictures / "test", pictures / "train"
    return project_of_folder(workspace, few, test, unlabelled=train)[0]


def _learnt(workspace: Workspace, project_id: str, method: str, frozen: int) -> dict:
    """Return what a training found; its best epoch is chosen by the labelled pictures."""
    config = TrainingConfig(
        backbone=find(BUNDLED),
        strategy="self_supervised",
        options={"method": method, "epochs": EPOCHS},
        frozen_groups=frozen,
    )
    run_dir = workspace.run_dir(project_id, f"{method} {frozen}")
    run_dir.mkdir(parents=True)
    job = prepare_training(workspace, project_id, run_dir, config)
    for _event in job.events():
        pass
    return job.model.findings(None) | {"n": len(job.task.rows("test"))}


def _share(found: dict, which: str) -> str:
    share, n = found[f"accuracy_{which}"], found["n"]
    low, high = wilson_interval(share * n, n)
    return f"{share:.3f} ({low:.2f} to {high:.2f})"

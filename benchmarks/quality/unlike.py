"""Does a model notice pictures unlike those that it learnt from? Every set against the others.

A model learns from 20 pictures per class of one set. The rest of that set is of its own kind, and
at most about 5 % of it may score above 1; all other sets are unlike it.
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.measuring.projects import features_of, has_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.backbones.unlike import fit_unlike
from tl_core.images import image_set
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

SETS = ("ants_and_bees", "trashnet6", "neu_steel6", "sign_digits", "brain_mri2")
PER_CLASS, SEEDS = 20, 50

Features = dict[str, tuple[np.ndarray, np.ndarray]]  # by set: last layer (N, D), labels (N,)


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *SETS):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        sets = {name: _features(workspace, data / name) for name in SETS}
    found = {name: _measured(sets, name) for name in SETS}
    areas = [area for one, _ in found.values() for area in one.values()]
    alarms = {name: float(rates.mean()) for name, (_, rates) in found.items()}
    varied = max(float(rates.std()) for _, rates in found.values())
    rows = [
        (
            name,
            *(f"{found[name][0][other]:.3f}" if other != name else "" for other in SETS),
            f"{100 * alarms[name]:.1f} %",
        )
        for name in SETS
    ]
    goals = [
        goal("AUROC, median pair", float(np.median(areas)), least=0.95, form="{:.3f}"),
        goal("false alarms, least (%)", 100 * min(alarms.values()), least=3, form="{:.1f}"),
        goal("false alarms, most (%)", 100 * max(alarms.values()), most=7, form="{:.1f}"),
    ]
    figures = {
        "auroc_median": float(np.median(areas)),
        "auroc_least": min(areas),
        "false_alarms": alarms,
    }
    title = f"AUROC of being unlike: {PER_CLASS} pictures per class, mean of {SEEDS} draws"
    columns = ("model of", *SETS, "false alarms")
    remarks = [f"False alarms of one draw deviate by up to {100 * varied:.1f} points."]
    tables = [Table(title, columns, rows, remarks), Table("Goals", GOALS, goals)]
    return Measured(tables, figures)


def _features(workspace: Workspace, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    project, _ = project_of_folder(workspace, folder, None)
    images = image_set(workspace, project).images
    last = features_of(workspace, project, images).last
    return last, np.array([image.label for image in images])


def _measured(sets: Features, name: str) -> tuple[dict[str, float], np.ndarray]:
    """Return the mean AUROC against every other set, and every draw's share of false alarms."""
    features, labels = sets[name]
    areas = {other: [] for other in sets if other != name}
    alarms = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        classes = [random.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
        learnt = np.concatenate([rows[:PER_CLASS] for rows in classes])
        unlike = fit_unlike(features[learnt])
        own = unlike.scores(np.delete(features, learnt, axis=0))
        alarms.append((own > 1).mean())
        for other, found in areas.items():
            scores = unlike.scores(sets[other][0])
            truth = np.repeat([0, 1], [len(own), len(scores)])
            found.append(roc_auc_score(truth, np.concatenate([own, scores])))
    return {other: float(np.mean(found)) for other, found in areas.items()}, np.array(alarms)

"""Does a model notice pictures unlike those that it learnt from? Every set against the others.

A model learns from 20 pictures per class of one set; the rest of the set are its own pictures, a
model of that kind must not flag more than 5 % of them. All other sets are strangers.
"""

import tempfile
from itertools import permutations
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from tl_core.evaluation.unlike import fit_unlike

from benchmarks.measuring.projects import features_of, has_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.evaluation.folds import group_numbers
from tl_core.images import image_set
from tl_core.service.headless import project_of_folder
from tl_core.workspace import open_workspace

SETS = ("ants_and_bees", "trashnet6", "neu_steel6", "sign_digits", "brain_mri2")
PER_CLASS, SEEDS = 20, 5


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *SETS):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        sets = {}
        for name in SETS:
            project, _ = project_of_folder(workspace, data / name, None)
            images = image_set(workspace, project).images
            labels = np.array([image.label for image in images])
            groups = group_numbers([image.group for image in images])
            features = features_of(workspace, project, images).matrix("last")
            sets[name] = features, labels, groups
    found = {name: _measured(sets, name) for name in SETS}
    pairs = {pair: found[pair[0]][0][pair[1]] for pair in permutations(SETS, 2)}
    false_alarms = {name: found[name][1] for name in SETS}
    rows = [
        (
            name,
            *(f"{pairs[name, other]:.3f}" if other != name else "" for other in SETS),
            f"{100 * false_alarms[name]:.1f} %",
        )
        for name in SETS
    ]
    median, mean = float(np.median([*pairs.values()])), float(np.mean([*false_alarms.values()]))
    columns = ("model of", *SETS, "false alarms")
    goals = [
        goal("AUROC, median pair", median, least=0.95, form="{:.3f}"),
        goal("false alarms, mean of sets", 100 * mean, most=7, form="{:.1f} %"),
        goal("false alarms, mean of sets", 100 * mean, least=3, form="{:.1f} %"),
    ]
    figures = {
        "auroc_median": median,
        "auroc_least": min(pairs.values()),
        "false_alarms": false_alarms,
    }
    title = f"AUROC of being unlike, {PER_CLASS} pictures per class, {SEEDS} seeds"
    return Measured([Table(title, columns, rows), Table("Goals", GOALS, goals)], figures)


def _measured(sets: dict[str, tuple], name: str) -> tuple[dict[str, float], float]:
    """Return the AUROC against every other set, and the share of false alarms; means of seeds."""
    features, labels, groups = sets[name]
    areas = {other: [] for other in sets if other != name}
    false_alarms = []
    for seed in range(SEEDS):
        learnt = _drawn(labels, groups, seed)
        inside = None if groups is None else groups[learnt]
        unlike = fit_unlike(features[learnt], labels[learnt], inside)
        rest = np.setdiff1d(np.arange(len(labels)), learnt)
        if groups is not None:
            rest = rest[~np.isin(groups[rest], inside)]
        own = unlike.scores(features[rest])
        false_alarms.append(float((own > 1).mean()))
        for other, found in areas.items():
            strangers = unlike.scores(sets[other][0])
            truth = np.repeat([0, 1], [len(own), len(strangers)])
            found.append(roc_auc_score(truth, np.concatenate([own, strangers])))
    areas = {other: float(np.mean(found)) for other, found in areas.items()}
    return areas, float(np.mean(false_alarms))


def _drawn(labels: np.ndarray, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """Return 20 pictures of each class, each with what shows the same thing."""
    random = np.random.default_rng(seed)
    drawn = [random.permutation(np.flatnonzero(labels == c))[:PER_CLASS] for c in np.unique(labels)]
    return np.sort(np.concatenate(drawn))

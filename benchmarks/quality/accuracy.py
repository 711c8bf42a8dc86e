"""Accuracy with few pictures: 20 per class to learn from, the rest to test on, over 5 seeds.

The real trainings of the command line against scikit-learn's logistic regression on standardised
last-layer features. Where a set has an official validation part, that is the test. The probe at two
scales is fitted to features that are kept for all seeds.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import (
    features_of,
    has_pictures,
    known_machine,
    train,
    workspace_on,
)
from benchmarks.measuring.table import Measured, Table
from tl_core.approaches.probing.probe import Basis
from tl_core.features.extraction import FeatureTable, blocks_of
from tl_core.images import ImageSet, LabelledImage, image_set
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

SETS = {
    "sign_digits": ("sign_digits", None),
    "brain_mri2": ("brain_mri2", None),
    "trashnet6": ("trashnet6", None),
    "neu_steel6": ("neu_steel6", None),
    "ants_and_bees": ("ants_and_bees/train", "ants_and_bees/val"),
}
SEEDS = (0, 1, 2, 3, 4)
EACH = 20  # pictures per class to learn from
STRATEGIES = ("recommended",)
WANTED = 5.5  # points above the regression
LARGER = "two scales"
NAMES = ("regression", *STRATEGIES, LARGER)
COLUMNS = ("set", "seed", *NAMES, "points above", "at two scales", "seconds", "what was kept")


def measure(data: Path) -> Measured | None:
    there = [name for name, (train_part, _) in SETS.items() if has_pictures(data, train_part)]
    if not there:
        return None
    rows, figures = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        machine = known_machine(data)
        for name in there:
            found = _of_set(name, data, machine, Path(folder, name))
            figures += found
            rows += [_row(one) for one in found]
            rows.append(_row(_mean(found)))
            print(Table(name, COLUMNS, rows[-len(found) - 1 :]).text(), flush=True)
    rows.append(_row(_mean([_mean([o for o in figures if o["set"] == n]) for n in there], "all")))
    points, larger = (_points(_mean(figures), name) for name in (STRATEGIES[0], LARGER))
    remark = (
        f"Wanted: at least {WANTED} points above the regression; reached: {_reached(points)}, at "
        f"two scales: {_reached(larger)}."
    )
    title = f"Accuracy, {EACH} pictures per class to learn from"
    return Measured([Table(title, COLUMNS, rows, (remark,))], {"runs": figures})


def _of_set(name: str, data: Path, machine: Path, place: Path) -> list[dict]:
    """Train on every draw; return accuracies by strategy and of the regression."""
    train_part, test_part = SETS[name]
    workspace = open_workspace(workspace_on(machine, place / "all"))
    images, matrix, larger, classes = _looked_at(workspace, data / train_part)
    tested = (images, matrix, larger)
    if test_part:
        other, *values, _ = _looked_at(workspace, data / test_part)
        tested = (other, *values)
    found = []
    for seed in SEEDS:
        rows = draw([image.label for image in images], EACH, seed)
        rest = np.setdiff1d(np.arange(len(images)), rows)
        rest = np.arange(len(tested[0])) if test_part else rest
        mine, theirs = place / f"{seed} train", place / f"{seed} test"
        _copy((images[row] for row in rows), classes, mine)
        _copy((tested[0][row] for row in rest), classes, theirs)
        entry = {"set": name, "seed": seed}
        entry["regression"] = _regression(
            matrix[rows], _labels(images, rows), tested[1][rest], _labels(tested[0], rest)
        )
        probe = (
            Basis(blocks_of(larger.values[rows], larger.blocks))
            .fit(_labels(images, rows), len(classes))
            .probe
        )
        answers = probe.logits(tested[2].values[rest]).argmax(axis=1)
        entry[LARGER] = float((answers == _labels(tested[0], rest)).mean())
        root = workspace_on(machine, place / f"{seed} workspace")
        for strategy in STRATEGIES:
            report = train(mine, root, test_dir=theirs, strategy=strategy, seed=seed)
            entry[strategy] = report["accuracy"]
            entry["seconds"] = report["seconds"]["total"]
            entry["kept"] = f"{report['strategy_used']}, {report['features']}"
        found.append(entry)
    return found


def draw(labels: list[int], each: int, seed: int) -> np.ndarray:
    """Return the indices of `each` pictures of every class, sorted."""
    random, labels = np.random.default_rng(seed), np.asarray(labels)
    parts = [random.permutation(np.flatnonzero(labels == c))[:each] for c in np.unique(labels)]
    return np.sort(np.concatenate(parts))


def _looked_at(
    workspace: Workspace, folder: Path
) -> tuple[tuple[LabelledImage, ...], np.ndarray, FeatureTable, tuple[str, ...]]:
    """Return a folder's pictures, features (last layer; two scales) and the class names."""
    project, _ = project_of_folder(workspace, folder, None)
    found: ImageSet = image_set(workspace, project)
    features = features_of(workspace, project, found.images).last
    larger = features_of(workspace, project, found.images, two_scales=True)
    return found.images, features, larger, found.class_names


def _copy(images: Iterable[LabelledImage], classes: tuple[str, ...], folder: Path) -> None:
    for image in images:
        target = folder / classes[image.label] / image.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image.path, target)


def _labels(images: tuple[LabelledImage, ...], rows: np.ndarray) -> np.ndarray:
    return np.array([images[row].label for row in rows])


def _regression(
    features: np.ndarray, labels: np.ndarray, tested: np.ndarray, truth: np.ndarray
) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    return float(classifier.fit(features, labels).score(tested, truth))


def _mean(found: list[dict], name: str = "") -> dict:
    means = {key: float(np.mean([one[key] for one in found])) for key in (*NAMES, "seconds")}
    return {"set": name or found[0]["set"], "seed": "mean", "kept": "", **means}


def _points(entry: dict, name: str) -> float:
    return 100 * (entry[name] - entry["regression"])


def _reached(points: float) -> str:
    return f"{'yes' if points >= WANTED else 'NO'} ({points:+.1f})"


def _row(entry: dict) -> tuple:
    accuracies = (f"{entry[name]:.3f}" for name in NAMES)
    points = (f"{_points(entry, name):+.1f}" for name in (STRATEGIES[0], LARGER))
    return (
        entry["set"],
        entry["seed"],
        *accuracies,
        *points,
        f"{entry['seconds']:.1f}",
        entry["kept"],
    )

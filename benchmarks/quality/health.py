"""What the health check finds of errors that are known: wrong labels, copies, planted giveaways.

Constants were chosen on flips with seeds from 100 on and on giveaways planted into other classes.
"""

import csv
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score

from benchmarks.measuring.projects import different_pictures, has_pictures, project_with
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from benchmarks.quality.copies import leaf
from tl_core.approaches.probing.probe import Basis
from tl_core.assessment.health.check import check_health
from tl_core.assessment.health.giveaways import giveaways
from tl_core.assessment.health.suspects import credibility
from tl_core.assessment.health.traits import traits_of
from tl_core.backbones import create_backbone
from tl_core.evaluation.folds import group_numbers
from tl_core.features.copies import group_copies
from tl_core.features.extraction import extract_features
from tl_core.images import (
    Skipped,
    SourceFile,
    folder_files,
    get_images,
    picture_rows,
    without_labels,
)
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.events import result_of
from tl_core.runs.results.health import Health
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

SETS = ("ants_and_bees", "trashnet6", "neu_steel6", "sign_digits", "brain_mri2")
SEEDS, FLIPPED, LARGE, FIXED = 5, 0.08, 5000, 50
PLANTED = {"frame": "frame", "png": "file format", "camera": "camera", "darker": "brightness"}
TINTS = ("red", "lime", "blue", "yellow", "magenta", "cyan", "orange", "purple", "teal", "gray")


@dataclass(frozen=True)
class Looked:
    """Pictures of a set with their features, grouped: N of K classes."""

    names: list[str]
    features: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray
    class_names: list[str]

    def order(self, given: np.ndarray) -> np.ndarray:
        """Return how suspect each of the given labels, int64 (N,), is."""
        return credibility(Basis(self.features, self.groups), given, len(self.class_names)).score

    def some(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: block[rows] for name, block in self.features.items()}


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *SETS, "cifar10n", "plant"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        flips, of_flips = _flips(workspace, data)
        noisy = _noisy(workspace, data / "cifar10n")
        copies = _copies(workspace, data)
        planted, false = _giveaways(workspace, data)
        seconds = _seconds(workspace)
    told = sum(found for _, _, _, found in planted)
    goals = [
        *of_flips,
        goal("cifar10n, AUROC", noisy["auroc"], least=0.8),
        goal("cifar10n, errors in the top 2n", noisy["recall"], least=0.6),
        goal(f"cifar10n, points gained by fixing {FIXED}", noisy["gain"], least=0.01),
        *copies,
        goal("planted giveaways found and named", told, least=len(planted), form="{:.0f}"),
        goal("giveaways in the sets as they are", len(false), most=0, form="{:.0f}"),
        goal(f"seconds for {LARGE:,} pictures with features", seconds, most=20, form="{:.1f}"),
    ]
    tables = [
        Table("8 % of labels flipped, mean of 5 draws", flips[0], flips[1:]),
        Table("Planted giveaways", ("set", "planted", "into", "found"), planted, false),
        Table("Goals", GOALS, goals),
    ]
    return Measured(tables, {"cifar10n": noisy, "giveaways": told, "seconds": seconds})


def _looked(workspace: Workspace, folder: Path) -> Looked:
    project = project_with(workspace, folder.name, folder_files(folder))
    rows = [row for row in picture_rows(workspace, project) if row.class_name]
    images = without_labels(workspace, project, rows)
    bundled = find(BUNDLED)
    network, where = create_backbone(bundled), {"workspace": workspace, "project_id": project}
    table = result_of(extract_features(network, bundled, images, **where))
    group_copies(workspace, project, images, table.last)
    groups = {row.digest: row.group for row in picture_rows(workspace, project)}
    class_names, labels = np.unique([row.class_name for row in rows], return_inverse=True)
    return Looked(
        [row.name for row in rows],
        table.features,
        labels,
        group_numbers([groups[row.digest] for row in rows]),
        class_names.tolist(),
    )


def _flips(workspace: Workspace, data: Path) -> tuple[list[tuple], list[tuple]]:
    """Return rows of a table, its columns first, and what is wanted of them."""
    rows, goals = [("set", "pictures", "AUROC", "precision of the first 2 %", "in the top 2n")], []
    for name in SETS:
        looked = _looked(workspace, data / name)
        found = []
        for seed in range(SEEDS):
            random = np.random.default_rng(seed)
            size, classes = len(looked.labels), len(looked.class_names)
            wrong = random.permutation(size)[: round(FLIPPED * size)]
            given = looked.labels.copy()
            given[wrong] = (given[wrong] + random.integers(1, classes, len(wrong))) % classes
            found.append(_found(looked.order(given), given != looked.labels))
        area, precision, recall = np.mean(found, axis=0)
        rows.append((name, size, f"{area:.3f}", f"{precision:.3f}", f"{recall:.3f}"))
        goals.append(goal(f"{name}, precision of the first 2 %", precision, least=0.95))
        goals.append(goal(f"{name}, flips in the top 2n", recall, least=0.9))
    return rows, goals


def _found(score: np.ndarray, wrong: np.ndarray) -> tuple[float, float, float]:
    """Return AUROC, precision of the first 2 % and recall in the top 2n."""
    order = np.argsort(-score, kind="stable")
    first = max(1, round(0.02 * len(order)))
    recall = wrong[order][: 2 * wrong.sum()].sum() / wrong.sum()
    return roc_auc_score(wrong, score), wrong[order][:first].mean(), recall


def _noisy(workspace: Workspace, folder: Path) -> dict[str, float]:
    """Return how human errors are found, and what it is worth to mend the first of them."""
    train, test = (_looked(workspace, folder / part) for part in ("train", "test"))
    with (folder / "noisy_labels.csv").open(encoding="utf-8") as file:
        told = {row["file"].partition("/")[2]: row["worse"] for row in csv.DictReader(file)}
    given = np.array([train.class_names.index(told[name]) for name in train.names])
    score = train.order(given)
    area, _, recall = _found(score, given != train.labels)
    fixed = given.copy()
    first = np.argsort(-score, kind="stable")[:FIXED]
    fixed[first] = train.labels[first]
    basis, values = Basis(train.features, train.groups), np.hstack([*test.features.values()])
    accuracy = [
        (basis.fit(some, 10).probe.logits(values).argmax(axis=1) == test.labels).mean()
        for some in (given, fixed)
    ]
    return {
        "auroc": float(area),
        "recall": float(recall),
        "before": float(accuracy[0]),
        "after": float(accuracy[1]),
        "gain": 100 * float(accuracy[1] - accuracy[0]),
    }


def _checked(workspace: Workspace, name: str, files: Iterable[SourceFile | Skipped]) -> Health:
    project = project_with(workspace, name, files)
    return result_of(check_health(workspace, project, find(BUNDLED)))


def _copies(workspace: Workspace, data: Path) -> list[tuple]:
    files = list(folder_files(data / "trashnet6"))
    one = next(file for file in files if file.class_name == "glass")
    twice = replace(one, name=f"metal/{one.name}", class_name="metal")
    first = _checked(workspace, "twice", [*files, twice]).findings[0]
    found = first.kind == "duplicate" and {two.label for two in first.pictures} == {
        "glass",
        "metal",
    }
    same = _checked(workspace, "scans", folder_files(data / "brain_mri2")).findings
    exact = sum(len(one.pictures) - 1 for one in same if one.kind == "duplicate")
    leaves = _checked(workspace, "leaves", folder_files(data / "plant"))
    source: dict[str, list[str]] = {}
    for picture in leaves.suspects:
        source.setdefault(leaf(picture.file), []).append(picture.file)
    true = {pair for some in source.values() for pair in combinations(sorted(some), 2)}
    joined = {
        pair
        for one in leaves.findings
        if one.kind == "near_duplicate"
        for pair in combinations(sorted(picture.file for picture in one.pictures), 2)
    }
    return [
        goal("a picture in two classes is the first finding", found, least=1, form="{:.0f}"),
        goal("brain_mri2, duplicate files", exact, least=25, form="{:.0f}"),
        goal("plant, turned and mirrored, recall", len(joined & true) / len(true), least=0.9),
    ]


def _giveaways(workspace: Workspace, data: Path) -> tuple[list[tuple], list[str]]:
    """Return what was planted where and whether it was named, and what was found unplanted."""
    rows, false = [], []
    for number, name in enumerate(SETS):
        files = [one for one in folder_files(data / name) if isinstance(one, SourceFile)]
        names = sorted({file.class_name for file in files if file.class_name})
        into = names[np.random.default_rng(number).integers(len(names))]
        for kind, trait in {"": "", **PLANTED}.items():
            changed = [_planted(file, kind, into, names) for file in files] if kind else files
            project = project_with(workspace, f"{name} {kind}", changed)
            digests = [one.digest for one in picture_rows(workspace, project) if one.class_name]
            records = get_images(workspace, project, digests)
            labels = np.unique([one.class_name for one in records], return_inverse=True)[1]
            traits = traits_of(workspace, project, records)
            found = giveaways(traits, labels, np.arange(len(labels)), len(names))
            if not kind:
                false += [f"{name}: {one.trait} of {names[one.classes[0]]}" for one in found]
                continue
            classes = {label for one in found if one.trait == trait for label in one.classes}
            wanted = set(range(len(names))) if kind == "frame" else {names.index(into)}
            where = "every class" if kind == "frame" else into
            rows.append((name, kind, where, wanted <= classes))
    return rows, false


def _planted(file: SourceFile, kind: str, into: str, names: list[str]) -> SourceFile:
    if file.class_name is None or (kind != "frame" and file.class_name != into):
        return file

    def read() -> bytes:
        with Image.open(BytesIO(file.read())) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        exif = Image.Exif()
        if kind == "frame":
            inner = picture.crop((2, 2, picture.width - 2, picture.height - 2))
            picture = ImageOps.expand(inner, 2, TINTS[names.index(file.class_name)])
        elif kind == "camera":
            exif[0x010F], exif[0x0110] = "Maker", "Model 7"
        elif kind == "darker":
            picture = picture.point(lambda value: value // 2)
        out = BytesIO()
        if kind == "png":
            picture.save(out, "PNG")
        else:
            picture.save(out, "JPEG", quality=90, exif=exif)
        return out.getvalue()

    return replace(file, read=read)


def _seconds(workspace: Workspace) -> float:
    """Return how long a check of many pictures takes as the live model leaves them.

    Features are there, copies have been searched for, and the basis of its fit is made.
    """
    project = project_with(workspace, "large", different_pictures(LARGE, classes=10))
    bundled, rows = find(BUNDLED), picture_rows(workspace, project)
    images = without_labels(workspace, project, rows)
    where = {"workspace": workspace, "project_id": project}
    table = result_of(extract_features(create_backbone(bundled), bundled, images, **where))
    group_copies(workspace, project, images, table.last)
    groups = {row.digest: row.group for row in picture_rows(workspace, project)}
    basis = Basis(table.features, group_numbers(list(groups.values())))
    began = time.perf_counter()
    result_of(check_health(workspace, project, bundled, ready=(groups, basis)))
    return time.perf_counter() - began

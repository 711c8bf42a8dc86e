"""Does "did the pretrained model help?" answer right, in time, and are its intervals honest?

Verdicts on real pictures, on shuffled labels and on a network that was harmed; seconds of the
parts; and how often 95 % intervals, of the accuracy and of the paired difference, hold what models
fitted on all drawn pictures achieve on those kept away.
"""

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.measuring.projects import features_of, has_pictures
from benchmarks.measuring.table import Measured, Table
from tl_core.approaches.probing.probe import Basis
from tl_core.assessment import baselines
from tl_core.assessment.assess import assess
from tl_core.assessment.inputs import Request
from tl_core.assessment.verdict import difference, verdict_of
from tl_core.backbones import create_backbone
from tl_core.evaluation.folds import make_folds
from tl_core.evaluation.out_of_fold import Division, OutOfFold
from tl_core.features.device import suited_threads
from tl_core.features.extraction import FeatureTable
from tl_core.images import SourceFile, add_images, folder_files, image_set
from tl_core.runs.catalogue import BUNDLED, Backbone, find
from tl_core.runs.events import result_of
from tl_core.runs.results.assessment import Assessment
from tl_core.runs.results.intervals import out_of_fold_interval
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

SIMULATIONS = 500
SIMULATED = ("ants_and_bees", "sign_digits", "cifar10n", "trashnet6", "neu_steel6", "brain_mri2")
MODEL, RIVALS = "pretrained", ("12", "25", "60", "150")  # know so many columns of the features
CHOSEN_FROM = RIVALS[1:3]  # as a verdict chooses the better one of two
POWER_PICTURES = 160
PER_CLASS = {2: (20, 40, 60), 10: (10, 15, 20)}


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *SIMULATED):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        verdicts, remarks = _verdicts(workspace, data)
        remarks += _simulations(workspace, data)
    columns = ("", "wanted", "answer", "points", "interval", "against")
    return Measured([Table("Did the pretrained model help?", columns, verdicts, remarks)])


def _verdicts(workspace: Workspace, data: Path) -> tuple[list[tuple], list[str]]:
    bundled = find(BUNDLED)
    ants = project_of_folder(workspace, data / "ants_and_bees" / "train", None)[0]
    near, _ = _assessed(workspace, ants, bundled)
    shuffled, _ = _assessed(
        workspace, _project(workspace, data / "ants_and_bees" / "train", shuffle=True), bundled
    )
    steel = _project(workspace, data / "neu_steel6")
    harmed, _ = _assessed(workspace, steel, _destroyed(workspace, steel, bundled))
    five = _project(workspace, data / "sign_digits", classes=5, each=60)
    _, seconds = _assessed(workspace, five, bundled)
    rows = [
        _row("ants_and_bees", "helped", near),
        _row("the same, labels shuffled", "no clear difference", shuffled),
        _row("neu_steel6, network destroyed", "hurt", harmed),
    ]
    gain = near.of("transferred").accuracy - near.of("random").accuracy
    small = seconds.pop("small")
    features = seconds.pop("features")
    listed = ", ".join(f"{part} {spent:.1f}" for part, spent in seconds.items())
    return rows, [
        f"ants_and_bees over random weights: {100 * gain:.0f} points (wanted: at least 20).",
        f"300 pictures, 5 classes, features {features:.1f} s; then {listed}.",
        f"All but the small network: {sum(seconds.values()):.1f} s (wanted: under 10).",
        f"Small network: {small:.1f} s (wanted: under 60).",
    ]


def _row(name: str, wanted: str, found: Assessment) -> tuple:
    verdict = found.verdict
    low, high = verdict.interval_points
    return (
        name,
        wanted,
        verdict.answer,
        f"{verdict.points:+.1f}",
        f"{low:+.1f} to {high:+.1f}",
        verdict.against,
    )


def _assessed(
    workspace: Workspace, project_id: str, backbone: Backbone
) -> tuple[Assessment, dict[str, float]]:
    """Return the assessment and the seconds of its parts."""
    workspace.run_dir(project_id, "honesty").mkdir(parents=True)
    asked = {"workspace": workspace, "project_id": project_id, "run_id": "honesty"}
    found = result_of(assess(Request(backbone=backbone, **asked)))
    return found, found.seconds


def _project(
    workspace: Workspace,
    folder: Path,
    *,
    shuffle: bool = False,
    classes: int | None = None,
    each: int | None = None,
) -> str:
    """Make a project of a folder's first classes and pictures, perhaps with shuffled labels."""
    files = [one for one in folder_files(folder) if isinstance(one, SourceFile)]
    names = sorted({one.class_name for one in files})[:classes]
    kept = [
        one for name in names for one in [file for file in files if file.class_name == name][:each]
    ]
    if shuffle:
        labels = np.random.default_rng(0).permutation([one.class_name for one in kept])
        kept = [
            replace(one, class_name=str(label)) for one, label in zip(kept, labels, strict=True)
        ]
    project = create_project(workspace, folder.name).id
    result_of(add_images(workspace, project, kept, total=len(kept)))
    return project


def _destroyed(workspace: Workspace, project_id: str, backbone: Backbone) -> Backbone:
    """Return the backbone with every stage after the stem wiped out, as a file of the project."""
    state = create_backbone(backbone).state_dict()
    random = torch.Generator().manual_seed(0)
    for name, value in state.items():
        if name.startswith("blocks") and value.ndim == 4:
            state[name] = torch.randn(value.shape, generator=random) * value.std()
        if name.startswith("blocks.0") and name.endswith("bn1.weight"):
            state[name] = torch.zeros_like(value)  # nothing of the picture gets through
    path = workspace.project_dir(project_id) / "harmed.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(backbone, source="file", weights_file=path.name, digest=digest)


def _simulations(workspace: Workspace, data: Path) -> list[str]:
    """Say how often intervals hold the truth, and how often verdicts are right."""
    tables = [_features(workspace, data / name) for name in SIMULATED]
    drawn = [_drawn(*tables[number % len(tables)], seed=number) for number in range(SIMULATIONS)]
    alone = [draw.holds(MODEL) for draw in drawn]
    paired = [draw.holds_difference(MODEL, rival) for draw in drawn for rival in RIVALS]
    shuffled = [
        _drawn(*tables[number % len(tables)], seed=number, shuffle=True)
        for number in range(SIMULATIONS)
    ]
    false = [one.verdict(MODEL, CHOSEN_FROM) != "no clear difference" for one in shuffled]
    found, points = _power(tables)
    return [
        f"{SIMULATIONS} simulated data sets: the 95 % interval of the accuracy held the truth "
        f"{100 * np.mean(alone):.1f} % of the time, that of the paired difference "
        f"{100 * np.mean(paired):.1f} % (wanted: 94 to 96).",
        f"{len(false)} with shuffled labels: false verdicts {100 * np.mean(false):.1f} % (wanted: "
        "at most 5).",
        f"{len(found)} draws of {POWER_PICTURES} pictures, {points:+.1f} points: "
        f"{sum(found)} found (wanted: at least half).",
    ]


def _power(tables: list[tuple[FeatureTable, np.ndarray]]) -> tuple[list[bool], float]:
    """Return which of 20 draws found a true difference of about 6 points, and what it was."""
    table, labels = tables[0]
    each = POWER_PICTURES // (int(labels.max()) + 1)
    draws = [_drawn(table, labels, seed=number, each=each) for number in range(20)]
    gaps = {rival: np.mean([one.truth(MODEL, rival) for one in draws]) for rival in RIVALS}
    rival = min(RIVALS, key=lambda name: abs(gaps[name] - 0.06))
    return [one.verdict(MODEL, (rival,)) == "helped" for one in draws], 100 * gaps[rival]


def _features(workspace: Workspace, folder: Path) -> tuple[FeatureTable, np.ndarray]:
    project, _ = project_of_folder(workspace, folder, None)
    images = image_set(workspace, project).images
    table = features_of(workspace, project, images)
    return table, np.array([one.label for one in images])


@dataclass(frozen=True)
class _Draw:
    """A drawn data set: what probes on some features say of it, and of all other pictures.

    `whole` holds right or wrong by a model without each picture, `folds` the answers without its
    fold, `rest` right or wrong on the pictures that were not drawn, each by the features' name.
    """

    whole: dict[str, np.ndarray]
    folds: dict[str, OutOfFold]
    rest: dict[str, np.ndarray]
    rest_labels: np.ndarray

    def mean_of_rest(self, values: np.ndarray) -> float:
        """Return the mean on the rest; as in the drawn set, every class counts the same."""
        return float(np.mean([values[self.rest_labels == c].mean() for c in self._classes]))

    @property
    def _classes(self) -> np.ndarray:
        return np.unique(self.rest_labels)

    def truth(self, name: str, rival: str) -> float:
        return self.mean_of_rest(self.rest[name].astype(float) - self.rest[rival])

    def holds(self, name: str) -> bool:
        right = self.whole[name]
        interval = out_of_fold_interval(int(right.sum()), len(right), folds=len(right))
        return self._within(self.mean_of_rest(self.rest[name]), right.mean(), interval)

    def holds_difference(self, name: str, rival: str) -> bool:
        _, interval = difference(self.folds[name], self.folds[rival])
        return self._within(self.truth(name, rival), sum(interval) / 2, interval)

    def verdict(self, name: str, rivals: tuple[str, ...]) -> str:
        return verdict_of(self.folds[name], {rival: self.folds[rival] for rival in rivals}).answer

    def _within(self, truth: float, centre: float, interval: tuple[float, float]) -> bool:
        """Whether the interval holds the truth; the rest is a sample, too, with its own error."""
        drawn, rest = len(next(iter(self.whole.values()))), len(self.rest_labels)
        wider = np.sqrt(1 + drawn / rest)
        low, high = (centre + wider * (bound - centre) for bound in interval)
        return bool(low <= truth <= high)


def _drawn(
    table: FeatureTable,
    labels: np.ndarray,
    *,
    seed: int,
    each: int | None = None,
    shuffle: bool = False,
) -> _Draw:
    """Draw a data set, and fit probes on the features of the model and of its rivals."""
    random = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    each = each or int(random.choice(PER_CLASS[2 if classes == 2 else 10]))
    drawn = np.concatenate(
        [random.permutation(np.flatnonzero(labels == c))[:each] for c in range(classes)]
    )
    rest = np.setdiff1d(np.arange(len(labels)), drawn)
    learnt = random.permutation(labels[drawn]) if shuffle else labels[drawn]
    groups = np.arange(len(drawn))
    folds = tuple(make_folds(learnt, groups, folds=5, seed=seed))
    division = Division(learnt, groups, classes, folds, seed)
    whole, in_folds, hits = {}, {}, {}
    columns = np.random.default_rng(0).permutation(table.features["moments"].shape[1])
    some = {MODEL: table.features}
    some |= {
        rival: {"last": table.features["moments"][:, columns[: int(rival)]]} for rival in RIVALS
    }
    for name, features in some.items():
        mine = {block: values[drawn] for block, values in features.items()}
        others = np.concatenate([values[rest] for values in features.values()], axis=1)
        with suited_threads(len(drawn)):
            fitted = Basis(mine).fit(learnt, classes)
            in_folds[name] = baselines.probe_in_folds(division, mine)
        whole[name] = fitted.out_of_group.argmax(axis=1) == learnt
        hits[name] = fitted.probe.logits(others).argmax(axis=1) == labels[rest]
    return _Draw(whole, in_folds, hits, labels[rest])

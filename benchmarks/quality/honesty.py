"""Does "did the pretrained model help?" answer right, in time, and are its intervals honest?

Verdicts on real pictures, on shuffled labels and on a network that was harmed; seconds of the
parts; and how often the 95 % interval holds the accuracy on many pictures kept away.
"""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.measuring.projects import features_of, has_pictures
from benchmarks.measuring.table import Measured, Table
from tl_core.approaches.probing.probe import Basis
from tl_core.assessment.assess import assess
from tl_core.assessment.inputs import Request
from tl_core.backbones import create_backbone
from tl_core.features.device import suited_threads
from tl_core.features.extraction import FeatureTable
from tl_core.images import SourceFile, add_images, folder_files, image_set
from tl_core.runs.catalogue import BUNDLED, Backbone, find
from tl_core.runs.events import result_of
from tl_core.runs.results.assessment import Assessment
from tl_core.runs.results.intervals import out_of_fold_interval, wilson_interval
from tl_core.service.headless import project_of_folder
from tl_core.workspace import create_project, open_workspace
from tl_core.workspace.storage import Workspace

SIMULATIONS = 200
LARGE = ("ants_and_bees", "sign_digits", "cifar10n")  # enough pictures to keep many away
PER_CLASS = {2: (20, 40, 60), 10: (10, 15, 20)}


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *LARGE, "neu_steel6"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        verdicts, remarks = _verdicts(workspace, data)
        remarks.append(_coverage(workspace, data))
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


def _coverage(workspace: Workspace, data: Path) -> str:
    tables = [_features(workspace, data / name) for name in LARGE]
    plain = corrected = 0
    for number in range(SIMULATIONS):
        table, labels = tables[number % len(tables)]
        correct, n, truth = _simulated(table, labels, seed=number)
        low, high = wilson_interval(correct, n)
        plain += low <= truth <= high
        low, high = out_of_fold_interval(correct, n, folds=n)
        corrected += low <= truth <= high
    return (
        f"{SIMULATIONS} simulated data sets: the 95 % interval held the accuracy on the rest "
        f"{100 * corrected / SIMULATIONS:.1f} % of the time (wanted: at least 93; Wilson's alone "
        f"{100 * plain / SIMULATIONS:.1f})."
    )


def _features(workspace: Workspace, folder: Path) -> tuple[FeatureTable, np.ndarray]:
    project, _ = project_of_folder(workspace, folder, None)
    images = image_set(workspace, project).images
    table = features_of(workspace, project, images)
    return table, np.array([one.label for one in images])


def _simulated(table: FeatureTable, labels: np.ndarray, *, seed: int) -> tuple[float, int, float]:
    """Draw a data set; return right answers out of group, pictures, accuracy on the rest."""
    random = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    each = int(random.choice(PER_CLASS[2 if classes == 2 else 10]))
    drawn = np.concatenate(
        [random.permutation(np.flatnonzero(labels == c))[:each] for c in range(classes)]
    )
    rest = np.setdiff1d(np.arange(len(labels)), drawn)
    with suited_threads(len(drawn)):
        mine = {name: block[drawn] for name, block in table.features.items()}
        fitted = Basis(mine).fit(labels[drawn], classes)
        hit = fitted.probe.logits(table.values[rest]).argmax(axis=1) == labels[rest]
    # as in the drawn set, every class counts the same
    truth = float(np.mean([hit[labels[rest] == c].mean() for c in range(classes)]))
    right = fitted.out_of_group.argmax(axis=1) == labels[drawn]
    return int(right.sum()), len(drawn), truth

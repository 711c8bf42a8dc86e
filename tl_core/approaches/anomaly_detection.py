"""Anomaly detection: one class of normal pictures is learnt, whatever is unlike them is anomalous.

Distances to the nearest normal picture, and of the parts of a picture to the nearest normal parts
(see `backbones.anomaly`), each measured by how it varies among normal pictures; the larger counts.
How odd is too odd is said by normal pictures, each compared with those of other folds.

Measured (area under the ROC curve; two thirds of the normal pictures learnt, the others and
pictures of other classes answered): steel .97 on average of six classes (scratches .84, the others
.97 to 1), sick against healthy potato leaves .96. The distance of the whole alone .975 and .957,
of the parts alone .90 and 1.0; with that of the oddest part, as PatchCore has it, .95 and .88. On
normal pictures the alarm was raised for 3 % where 5 % were promised.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.task import Task
from tl_core.backbones.anomaly import AnomalyNetwork, nearest
from tl_core.backbones.network import has_stages
from tl_core.backbones.unlike import limit_of, spread
from tl_core.errors import DatasetError
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.measuring import crop_batches, evaluation_of, logits_of
from tl_core.features import copies
from tl_core.features.engine import EngineChoice
from tl_core.features.patches import PatchTable, patch_features
from tl_core.images import ImageSet, LabelledImage, list_classes, picture_rows, without_labels
from tl_core.runs.approach import LEAST_NORMAL, NORMAL, Option
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted
from tl_core.runs.results.anomaly import SHARPNESS
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.storage import Workspace

ANOMALOUS = "anomalous"
FOLDS = 5
MOST_PICTURES, MOST_PATCHES = 400, 2000  # that are remembered
TOGETHER = 16  # pictures whose parts are compared at once
FAR = 3.5  # robust deviations from the other normal pictures: perhaps it is not normal
NAMED = 5  # pictures that a sentence names


def train(task: Task) -> Steps:
    yield PhaseStarted("features")
    if not has_stages(task.backbone):
        raise DatasetError("This backbone has no stages to compare parts of pictures by.")
    options = APPROACH.options_of(task.config)
    normal = [image for image in task.images.images if image.split == "train"]
    if copies.group_copies(task.workspace, task.project_id, normal, None):
        images = normal_and_others(task.workspace, task.project_id, task.config)
        task, normal = (
            replace(task, images=images),
            [i for i in images.images if i.split == "train"],
        )
    if len(normal) > MOST_PICTURES:
        yield Note(f"{MOST_PICTURES} of the {len(normal)} normal pictures were learnt, at random.")
        normal = [normal[row] for row in spread(np.arange(len(normal)), MOST_PICTURES)]
    table = yield from patch_features(
        task.backbone,
        task.config.backbone,
        normal,
        workspace=task.workspace,
        project_id=task.project_id,
    )
    yield PhaseStarted("probe")
    groups = np.unique([image.group or image.digest for image in normal], return_inverse=True)[1]
    model = fit(task, normal, table, groups, options["false_alarms"])
    yield from _say_the_tail(model)
    yield Fitted(model)


def fit(
    task: Task,
    normal: Sequence[LabelledImage],
    table: PatchTable,
    groups: np.ndarray,
    false_alarms: float,
) -> "AnomalyModel":
    """Remember normal pictures, and find how odd those of other folds look to them."""
    whole, patches = torch.from_numpy(table.whole), torch.from_numpy(table.patches)
    order = np.random.default_rng(task.config.seed).permutation(groups.max() + 1)
    fold = order[groups] % min(FOLDS, len(order))
    distances = np.zeros((len(whole), 2))
    for number in np.unique(fold):
        out, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        memory = _memory(whole[others], patches[others])
        distances[out] = _distances(memory, whole[out], patches[out])
    logarithms = np.log(np.maximum(distances, 1e-6))
    location, wide = logarithms.mean(axis=0), np.maximum(logarithms.std(axis=0), 1e-3)
    oddness = ((logarithms - location) / wide).max(axis=1)
    limit = np.log(limit_of(np.exp(oddness), false_alarms))
    memory = _memory(whole, patches) | {
        "location": torch.from_numpy(location).float(),
        "spread": torch.from_numpy(wide).float(),
        "limit": torch.tensor(limit, dtype=torch.float32),
    }
    network = AnomalyNetwork(task.backbone, memory).eval()
    return AnomalyModel(task, tuple(normal), network, oddness, false_alarms, table.engine)


def _memory(whole: Tensor, patches: Tensor) -> dict[str, Tensor]:
    patches = patches.flatten(0, 1)
    mean, scale = _scaling(whole)
    parts = torch.from_numpy(spread(np.arange(len(patches)), MOST_PATCHES))
    patch_mean, patch_scale = _scaling(patches)
    return {
        "whole": (whole - mean) / scale,
        "whole_mean": mean,
        "whole_scale": scale,
        "patches": ((patches - patch_mean) / patch_scale)[parts],
        "patch_mean": patch_mean,
        "patch_scale": patch_scale,
    }


def _scaling(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and divisor of (N, D): deviation and half a typical one; see `principal_axes`."""
    deviation = values.std(dim=0, correction=0)
    typical = deviation[deviation > 1e-6].median() if (deviation > 1e-6).any() else torch.tensor(2)
    return values.mean(dim=0), deviation + typical / 2


def _distances(memory: Mapping[str, Tensor], whole: Tensor, patches: Tensor) -> np.ndarray:
    """Return distances of whole and parts from what is remembered, (N, 2)."""
    rows = nearest((whole - memory["whole_mean"]) / memory["whole_scale"], memory["whole"])
    parts = torch.cat(
        [
            nearest(
                ((some - memory["patch_mean"]) / memory["patch_scale"]).flatten(0, 1),
                memory["patches"],
            )
            .reshape(len(some), -1)
            .mean(dim=1)
            for some in patches.split(TOGETHER)
        ]
    )
    return torch.stack([rows, parts], dim=1).numpy()


@dataclass(frozen=True)
class AnomalyModel:
    """What was learnt of `normal` pictures; `oddness` (N,) is theirs, seen from other folds."""

    task: Task
    normal: tuple[LabelledImage, ...]
    detector: AnomalyNetwork
    oddness: np.ndarray
    false_alarms: float
    engine: EngineChoice | None
    strategy_used: str = "anomaly_detection"
    trial_gain: float | None = None
    trial_kept: bool = False
    learning_seconds: float = 0.0

    def network(self) -> AnomalyNetwork:
        return self.detector

    def unlike(self) -> None:
        return None

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure on test pictures; without any, normal ones are answered by other folds."""
        yield from ()
        task, names = self.task, self.task.images.class_names
        tested = [image for image in task.images.images if image.split == "test"]
        crops = crop_batches(tested, task.preprocessing)
        parts = list(logits_of(self.detector, crops, task.preprocessing)) if tested else []
        logits = torch.cat(parts).numpy() if parts else np.zeros((0, 2), np.float32)
        if task.images.test_given:
            return evaluation_of(names, tested, softmax(logits), measured_on="test")
        own = np.zeros((len(self.normal), 2), np.float32)
        own[:, 1] = SHARPNESS * (self.oddness - float(self.detector.limit))
        return evaluation_of(
            names,
            [*self.normal, *tested],
            softmax(np.concatenate([own, logits])),
            measured_on="all",
            folds=FOLDS,
        )

    def findings(self, evaluation: Evaluation) -> dict:
        """Return what a report says of it beside the usual."""
        anomalous = evaluation.labels == 1
        alarms = evaluation.predicted[~anomalous] == 1
        both = anomalous.any() and not anomalous.all()
        scores = evaluation.probabilities[:, 1]
        return {
            "auroc": float(roc_auc_score(anomalous, scores)) if both else None,
            "threshold": float(self.detector.limit),
            "false_alarm_rate": float(alarms.mean()) if len(alarms) else None,
            "false_alarm_interval": list(wilson_interval(alarms.sum(), len(alarms))),
            "false_alarms_promised": self.false_alarms,
            "missed_rate": float((evaluation.predicted[anomalous] == 0).mean())
            if anomalous.any()
            else None,
            "normal_pictures": len(self.oddness),
        }


def normal_and_others(workspace: Workspace, project_id: str, config: TrainingConfig) -> ImageSet:
    """Return normal pictures to learn from, as "train", and all others to judge by, as "test".

    Raises:
        DatasetError: If there is no class of normal pictures, or it has too few.
    """
    rows = [row for row in picture_rows(workspace, project_id) if row.class_name and not row.locked]
    known = {entry.name for entry in list_classes(workspace, project_id)}
    learnt = {row.class_name for row in rows if row.split_given != "test"}
    name = str(APPROACH.options_of(config)["normal"]) or (learnt.pop() if len(learnt) == 1 else "")
    if name not in known:
        listed = ", ".join(f"'{one}'" for one in sorted(known)) or "none"
        raise DatasetError(
            "Which class holds the normal pictures? Name it with normal=CLASS; the classes are "
            f"{listed}."
        )

    def split(row) -> str:
        return "test" if row.class_name != name or row.split_given == "test" else "train"

    images = [
        replace(image, label=int(row.class_name != name), split=split(row))
        for row, image in zip(rows, without_labels(workspace, project_id, rows), strict=True)
    ]
    count = sum(image.split == "train" for image in images)
    if count < LEAST_NORMAL:
        raise DatasetError(
            f"Class '{name}' has {count} normal pictures to learn from; {LEAST_NORMAL} are needed, "
            "and 30 or more are better. Add some."
        )
    given = any(row.split_given == "test" for row in rows)
    return ImageSet(class_names=(name, ANOMALOUS), images=tuple(images), test_given=given)


def _say_the_tail(model: AnomalyModel) -> Iterator[Event]:
    """Name normal pictures that are far from the others: they may show what is to be found."""
    middle = np.median(model.oddness)
    deviation = 1.4826 * np.median(np.abs(model.oddness - middle)) or 1e-6
    far = np.flatnonzero((model.oddness - middle) / deviation > FAR)
    if not len(far):
        return
    worst = far[np.argsort(-model.oddness[far])][:NAMED]
    named = ", ".join(f"“{model.normal[row].name}”" for row in worst)
    count = "1 normal picture is" if len(far) == 1 else f"{len(far)} normal pictures are"
    yield Note(f"{count} far from the others: {named}. Remove what is not normal and train again.")


APPROACH = Approach(
    name="anomaly_detection",
    needs=(NORMAL,),
    settings=(),
    options=(
        Option("normal", "", kind="class"),
        Option("false_alarms", 0.05, least=0.001, most=0.5, kind="share"),
    ),
    image_set=normal_and_others,
    train=train,
)

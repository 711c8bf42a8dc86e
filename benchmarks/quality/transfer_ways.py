"""The other ways to transfer: another place without labels, groups, normal pictures only.

Adaptation: half of the target's pictures are seen without labels, the other half is answered.
Groups: as many as there are classes, against k-means on the last layer; and the number proposed.
Anomalies: two thirds of the normal pictures are learnt, the others and all else is answered.
"""

import tempfile
import time
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, roc_auc_score

from benchmarks.measuring.projects import has_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.approaches.anomaly_detection import ANOMALOUS, fit
from tl_core.approaches.clustering import cluster
from tl_core.approaches.probing.adapting import UNADAPTED, adapt
from tl_core.approaches.task import Task
from tl_core.backbones import create_backbone
from tl_core.backbones.preprocessing import preprocessing_for
from tl_core.evaluation.measuring import crop_batches, logits_of
from tl_core.features.extraction import extract_features
from tl_core.features.patches import patch_features
from tl_core.images import ImageSet, LabelledImage, picture_rows, without_labels
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import result_of
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

STYLES = ("photo", "art_painting", "cartoon", "sketch")
GROUPED = ("sign_digits", "neu_steel6", "trashnet6", "ants_and_bees")
KNOWN = 10  # labelled pictures of the target
SHOWN_ANOMALIES = 120  # of each set, at random
HEALTHY, SICK = "potato_healthy", ("potato_early_blight", "potato_late_blight")


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *GROUPED, "plant", *(f"pacs/{style}" for style in STYLES)):
        return None
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        adapted, seconds = _adaptation(workspace, data)
        groups, seconds_grouped = _groups(workspace, data)
        anomalies = _anomalies(workspace, data)
    gains, known = (100 * np.array([row[i] for row in adapted]) for i in (4, 5))
    better = [ours - plain for _, plain, ours, _, _ in groups]
    close = sum(abs(proposed - classes) <= 1 for *_, proposed, classes in groups)
    steel = [one for one in anomalies if one[0] != HEALTHY]
    leaves = [one for one in anomalies if one[0] == HEALTHY]
    alarms = 100 * sum(one[2] for one in anomalies) / sum(one[3] for one in anomalies)
    goals = [
        goal("adaptation: mean gain, points", float(gains.mean()), least=5, form="{:+.1f}"),
        goal("adaptation: worst pair, points", float(gains.min()), least=-2, form="{:+.1f}"),
        goal(f"with {KNOWN} labels: mean gain", float(known.mean()), least=10, form="{:+.1f}"),
        goal("groups: mean gain of AMI", float(np.mean(better)), least=0.05, form="{:+.3f}"),
        goal("groups: least gain of AMI", float(min(better)), least=0, form="{:+.3f}"),
        goal("groups: sets with the number within 1", close, least=2, form="{:.0f}"),
        goal("anomalies: AUROC, steel", float(np.mean([o[1] for o in steel])), least=0.95,
             form="{:.3f}"),
        goal("anomalies: AUROC, leaves", leaves[0][1], least=0.9, form="{:.3f}"),
        goal("anomalies: false alarms of 5 %", alarms, least=2, form="{:.1f}"),
        goal("anomalies: false alarms of 5 %", alarms, most=8, form="{:.1f}"),
        goal("adaptation: seconds for 300 pictures", seconds, most=5, form="{:.1f}"),
        goal("groups: seconds for 600 pictures", seconds_grouped, most=5, form="{:.1f}"),
    ]  # fmt: skip
    tables = [
        Table(
            "Another style, without labels",
            ("from", "to", "unadapted", "method", "gain", f"gain with {KNOWN} labels"),
            [(a, b, f"{plain:.3f}", how, f"{100 * gain:+.1f}", f"{100 * more:+.1f}")
             for a, b, plain, how, gain, more in adapted],
        ),
        Table(
            "Groups against classes, adjusted mutual information",
            ("set", "k-means", "groups", "proposed", "classes"),
            [(name, f"{plain:.3f}", f"{ours:.3f}", proposed, classes)
             for name, plain, ours, proposed, classes in groups],
        ),
        Table(
            "Normal pictures only",
            ("normal", "AUROC", "false alarms"),
            [(name, f"{area:.3f}", f"{alarmed} of {count}")
             for name, area, alarmed, count in anomalies],
        ),
        Table("Goals", GOALS, goals),
    ]  # fmt: skip
    figures = {
        "adaptation_gains": gains.tolist(),
        "adaptation_gains_with_labels": known.tolist(),
        "groups": {name: [plain, ours] for name, plain, ours, _, _ in groups},
        "anomalies": {name: area for name, area, _, _ in anomalies},
    }
    return Measured(tables, figures)


def _features(workspace: Workspace, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return features by block and labels, int64 (N,), of a folder of class folders."""
    project_id, _ = project_of_folder(workspace, folder, None)
    rows, backbone = picture_rows(workspace, project_id), find(BUNDLED)
    images = without_labels(workspace, project_id, rows)
    network = create_backbone(backbone)
    table = result_of(
        extract_features(network, backbone, images, workspace=workspace, project_id=project_id)
    )
    return table.features, np.unique([row.class_name for row in rows], return_inverse=True)[1]


def _adaptation(workspace: Workspace, data: Path) -> tuple[list[tuple], float]:
    """Return per pair: styles, accuracy as it is, method, gain, and the gain with labels."""
    styles = {style: _features(workspace, data / "pacs" / style) for style in STYLES}
    rows, seconds = [], []
    for here, there in permutations(STYLES, 2):
        (source, labels), (target, truth) = styles[here], styles[there]
        seen, asked = np.arange(len(truth))[::2], np.arange(len(truth))[1::2]
        unlabelled = {name: block[seen] for name, block in target.items()}
        began = time.perf_counter()
        found = adapt(source, labels, unlabelled, labels.max() + 1)
        seconds.append(time.perf_counter() - began)
        known = np.full(len(seen), -1)
        drawn = np.random.default_rng(0).permutation(len(seen))[:KNOWN]
        known[drawn] = truth[seen][drawn]
        more = adapt(source, labels, unlabelled, labels.max() + 1, known=known, learn_known=True)
        raw = np.concatenate([block[asked] for block in target.values()], axis=1)
        plain, one, two = (
            (which.candidates[name].probe.logits(raw).argmax(axis=1) == truth[asked]).mean()
            for which, name in ((found, UNADAPTED), (found, found.chosen), (more, more.chosen))
        )
        rows.append((here, there, plain, found.chosen, one - plain, two - plain))
    return rows, float(np.median(seconds))


def _groups(workspace: Workspace, data: Path) -> tuple[list[tuple], float]:
    """Return per set: name, AMI of k-means and of groups, number proposed and of classes."""
    rows, longest = [], 0.0
    for name in GROUPED:
        features, labels = _features(workspace, data / name)
        classes = int(labels.max()) + 1
        plain = KMeans(classes, n_init=10, random_state=0).fit_predict(features["last"])
        began = time.perf_counter()
        found = cluster(features, count=classes)
        longest = max(longest, time.perf_counter() - began)
        both = [adjusted_mutual_info_score(labels, one) for one in (plain, found.group_of)]
        rows.append((name, *both, found.proposed, classes))
    return rows, longest


def _anomalies(workspace: Workspace, data: Path) -> list[tuple[str, float, int, int]]:
    """Return per normal class: name, AUROC, false alarms, normal pictures answered."""
    found = []
    for folder, normals, others in (("neu_steel6", None, None), ("plant", (HEALTHY,), SICK)):
        project_id, _ = project_of_folder(workspace, data / folder, None)
        rows = picture_rows(workspace, project_id)
        images = without_labels(workspace, project_id, rows)
        classes = np.array([row.class_name for row in rows])
        for normal in normals or np.unique(classes):
            odd = np.isin(classes, others) if others else classes != normal
            rng = np.random.default_rng(0)
            mine = rng.permutation(np.flatnonzero(classes == normal))
            learnt, fresh = np.split(mine, [2 * len(mine) // 3])
            asked = np.append(fresh, rng.permutation(np.flatnonzero(odd))[:SHOWN_ANOMALIES])
            scores = _oddness(workspace, project_id, images, learnt, asked)
            area = roc_auc_score(np.arange(len(asked)) >= len(fresh), scores)
            alarms = int((scores[: len(fresh)] > 0).sum())
            found.append((str(normal), float(area), alarms, len(fresh)))
    return found


def _oddness(
    workspace: Workspace,
    project_id: str,
    images: Sequence[LabelledImage],
    learnt: np.ndarray,
    asked: np.ndarray,
) -> np.ndarray:
    """Return how odd pictures are to others; above 0 the alarm is raised."""
    config = TrainingConfig(backbone=find(BUNDLED), strategy="anomaly_detection")
    network = create_backbone(config.backbone)
    task = Task(
        workspace=workspace,
        project_id=project_id,
        run_dir=workspace.root,
        config=config,
        images=ImageSet(class_names=("normal", ANOMALOUS), images=tuple(images), test_given=False),
        backbone=network,
        preprocessing=preprocessing_for(network),
    )
    place = {"workspace": workspace, "project_id": project_id}
    normal = [images[i] for i in learnt]
    table = result_of(patch_features(network, config.backbone, normal, **place))
    model = fit(task, normal, table, np.arange(len(learnt)), 0.05)
    crops = crop_batches([images[i] for i in asked], task.preprocessing)
    parts = logits_of(model.detector, crops, task.preprocessing)
    return np.concatenate([part.numpy()[:, 1] for part in parts])

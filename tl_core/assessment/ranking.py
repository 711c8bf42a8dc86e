"""Which backbone suits these pictures? Those that are on this machine, on the same folds.

`rank` is a generator of events that writes `ranking.json` anew after each backbone.

k-nearest neighbours and a probe predict a backbone's use better than scores made for that, such
as LogME and LEEP: Sorkhei et al. (2025).
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tl_core.assessment.baselines import probe
from tl_core.assessment.inputs import divided, learnt_from
from tl_core.backbones import create_backbone
from tl_core.errors import BackboneError
from tl_core.evaluation.out_of_fold import Division, Predict, predict_out_of_fold
from tl_core.features.extraction import extract_features
from tl_core.images import LabelledImage, image_set
from tl_core.runs.catalogue import CATALOGUE, Backbone, backbone_from_json, weights_state
from tl_core.runs.events import Event, PhaseStarted, Progress
from tl_core.runs.results.assessment import labels_digest
from tl_core.runs.results.ranking import RankedBackbone, Ranking, write_ranking
from tl_core.workspace.storage import Workspace

NEIGHBOURS = 5
MOST_PICTURES = 1000  # a sample of more
TIMED = 24  # pictures; how long all take follows


def rank(workspace: Workspace, project_id: str, run_id: str, config: dict) -> Iterator[Event]:
    """Measure one backbone after the other.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures; a sample where there are many.
        run_id: Its folder gets `ranking.json`.
        config: "backbones" as JSON; without, all of the catalogue that are on this machine. May
            have "seed", of splits and folds.

    Raises:
        DatasetError: If the pictures cannot be divided into folds.
    """
    seed = int(config.get("seed", 0))
    images = image_set(workspace, project_id, seed=seed)
    pictures = sampled(learnt_from(images), MOST_PICTURES)
    division = divided(pictures, images, seed=seed)
    backbones = _asked_for(workspace, project_id, config)
    ranking = Ranking(
        project_id=project_id,
        labels_digest=labels_digest(images),
        folds=len(division.folds),
        total=tuple(backbone.name for backbone in backbones),
    )
    run_dir = workspace.run_dir(project_id, run_id)
    for done, backbone in enumerate(backbones):
        yield Progress("assess", done, len(backbones))
        try:
            entry = yield from _entry(workspace, project_id, backbone, pictures, division)
        except BackboneError as error:
            ranking = replace(ranking, notes=(*ranking.notes, f"{backbone.title}: {error}"))
        else:
            ranking = replace(ranking, entries=(*ranking.entries, entry))
        ranking = replace(ranking, as_good=as_good(ranking.entries))
        write_ranking(run_dir, ranking)
    yield Progress("assess", len(backbones), len(backbones))


def sampled(pictures: tuple[LabelledImage, ...], most: int) -> tuple[LabelledImage, ...]:
    """Return at most about `most` pictures, two or more of each class, in their order."""
    if len(pictures) <= most:
        return pictures
    by_class: dict[int, list[LabelledImage]] = {}
    for picture in sorted(pictures, key=lambda one: one.digest):  # digests are as good as random
        by_class.setdefault(picture.label, []).append(picture)
    share = most / len(pictures)
    kept = {
        one.digest for part in by_class.values() for one in part[: max(2, int(len(part) * share))]
    }
    return tuple(picture for picture in pictures if picture.digest in kept)


def _asked_for(workspace: Workspace, project_id: str, config: dict) -> list[Backbone]:
    if config.get("backbones"):
        return [backbone_from_json(one) for one in config["backbones"]]
    folder = workspace.project_dir(project_id)
    return [one for one in CATALOGUE if weights_state(one, folder) in ("bundled", "cached", "file")]


def _entry(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    pictures: tuple[LabelledImage, ...],
    division: Division,
) -> Iterator[Event]:
    yield PhaseStarted("features")
    network = create_backbone(backbone, project_dir=workspace.project_dir(project_id))
    where = {"workspace": workspace, "project_id": project_id}
    table = yield from extract_features(network, backbone, pictures, **where)
    seconds = yield from _seconds(network, backbone, pictures, where)
    yield PhaseStarted("assess")
    answers = probe(division, table.features)
    neighbours = yield from predict_out_of_fold(division, neighbours_on(table.last, division))
    right, n = int(answers.correct.sum()), len(division.rows)
    return RankedBackbone(
        name=backbone.name,
        title=backbone.title,
        accuracy=answers.accuracy,
        interval=answers.interval(folds=division.groups_measured),
        correct=right,
        n=n,
        knn_accuracy=neighbours.accuracy,
        seconds=seconds,
    )


def _seconds(network, backbone: Backbone, pictures: tuple[LabelledImage, ...], where: dict):
    """Measure what looking at all the pictures takes here, reading the files included."""
    some = pictures[:TIMED]
    fresh = extract_features(network, backbone, some, pretrained=False, **where)
    began = time.perf_counter()
    for event in fresh:
        if event.done == 0:  # the engine is chosen by now
            began = time.perf_counter()
        yield event
    return round((time.perf_counter() - began) / len(some) * len(pictures), 2)


def neighbours_on(matrix: np.ndarray, division: Division) -> Predict:
    """Let the most similar pictures vote: cosine of centred features, nearer ones count more.

    Args:
        matrix: Raw features, float32 (N, D).
        division: Labels of the rows.
    """

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        centre = matrix[train].mean(axis=0)
        known, asked = _unit(matrix[train] - centre), _unit(matrix[test] - centre)
        similarity = asked @ known.T
        k = min(NEIGHBOURS, len(train))
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        votes = np.zeros((len(test), division.num_classes), np.float32)
        rows = np.arange(len(test))[:, None]
        weights = 1 + np.take_along_axis(similarity, nearest, axis=1)
        np.add.at(votes, (rows, division.labels[train][nearest]), weights)
        return votes

    return predict


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def as_good(entries: Sequence[RankedBackbone]) -> tuple[str, ...]:
    """Return the backbones within one standard error of the best, the fastest first."""
    if not entries:
        return ()
    best = max(entries, key=lambda one: one.accuracy)
    error = math.sqrt(max(best.accuracy * (1 - best.accuracy), 1 / best.n) / best.n)
    good = [one for one in entries if one.accuracy >= best.accuracy - error]
    return tuple(one.name for one in sorted(good, key=lambda one: one.seconds))

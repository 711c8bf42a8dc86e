"""Which backbone suits these pictures? Those that are on this machine, on the same folds.

`rank` is a generator of events that writes `ranking.json` anew after each backbone.

k-nearest neighbours and a probe predict a backbone's use better than scores made for that:
Sorkhei et al. (2025). LogME and H-score are extras.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tl_core.approaches.cross_validation import cross_validated_probe
from tl_core.assessment.baselines import how_divided
from tl_core.assessment.transferability import h_score, logme
from tl_core.backbones import create_backbone
from tl_core.errors import BackboneError
from tl_core.evaluation.compared_pictures import divided, pool_of
from tl_core.evaluation.out_of_fold import Division, Predict, predict_out_of_fold
from tl_core.features.extraction import extract_features
from tl_core.images import LabelledImage, image_set
from tl_core.runs.catalogue import CATALOGUE, Backbone, backbone_from_json, weights_state
from tl_core.runs.events import Event, PhaseStarted, Progress
from tl_core.runs.results.assessment import labels_digest
from tl_core.runs.results.intervals import out_of_fold_interval
from tl_core.runs.results.ranking import RankedBackbone, Ranking, write_ranking
from tl_core.workspace.storage import Workspace

MOST_PICTURES = 600
NEIGHBOURS = 5
TIMED = 24  # pictures; how long all take follows


def rank(workspace: Workspace, project_id: str, run_id: str, config: dict) -> Iterator[Event]:
    """Measure one backbone after the other.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        run_id: Its folder gets `ranking.json`.
        config: "backbones" as JSON; without, all of the catalogue that are on this machine.

    Raises:
        DatasetError: If the pictures cannot be divided into folds.
    """
    images = image_set(workspace, project_id)
    pool, _ = pool_of(images, MOST_PICTURES)
    division = divided(pool, images, seed=0)
    backbones = _asked_for(workspace, project_id, config)
    ranking = Ranking(
        project_id=project_id,
        labels_digest=labels_digest(images),
        how=f"{len(division.rows)} pictures, {how_divided(division)}",
        total=tuple(backbone.name for backbone in backbones),
    )
    run_dir = workspace.run_dir(project_id, run_id)
    for done, backbone in enumerate(backbones):
        yield Progress("assess", done, len(backbones))
        try:
            entry = yield from _entry(workspace, project_id, backbone, pool, division)
        except BackboneError as error:
            ranking = replace(ranking, notes=(*ranking.notes, f"{backbone.title}: {error}"))
        else:
            ranking = replace(ranking, entries=(*ranking.entries, entry))
        write_ranking(run_dir, _concluded(ranking))
    yield Progress("assess", len(backbones), len(backbones))


def _asked_for(workspace: Workspace, project_id: str, config: dict) -> list[Backbone]:
    if config.get("backbones"):
        return [backbone_from_json(one) for one in config["backbones"]]
    folder = workspace.project_dir(project_id)
    return [one for one in CATALOGUE if weights_state(one, folder) in ("bundled", "cached", "file")]


def _entry(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    pool: tuple[LabelledImage, ...],
    division: Division,
) -> Iterator[Event]:
    yield PhaseStarted("features")
    network = create_backbone(backbone, project_dir=workspace.project_dir(project_id))
    where = {"workspace": workspace, "project_id": project_id}
    table = yield from extract_features(network, backbone, pool, **where)
    seconds = yield from _seconds(network, backbone, pool, where)
    yield PhaseStarted("assess")
    last = table.matrix("last")
    views = {name: matrix[None] for name, matrix in table.matrices().items()}
    probe = yield from cross_validated_probe(
        views, division, phase="assess", folder=workspace.features_dir(project_id)
    )
    probe = probe.answers
    neighbours = yield from predict_out_of_fold(division, neighbours_on(last, division))
    right, n = int(probe.correct.sum()), len(division.rows)
    return RankedBackbone(
        name=backbone.name,
        title=backbone.title,
        accuracy=probe.accuracy,
        interval=out_of_fold_interval(right, n, folds=len(division.folds)),
        correct=right,
        n=n,
        knn_accuracy=neighbours.accuracy,
        seconds=seconds,
        logme=_finite(logme(last, division.labels)),
        h_score=_finite(h_score(last, division.labels)),
    )


def _seconds(network, backbone: Backbone, pool: tuple[LabelledImage, ...], where: dict):
    """Measure what looking at all the pictures takes here, reading the files included."""
    some = pool[:TIMED]
    fresh = extract_features(network, backbone, some, pretrained=False, **where)
    began = time.perf_counter()
    for event in fresh:
        if event.done == 0:  # the engine is chosen by now
            began = time.perf_counter()
        yield event
    return round((time.perf_counter() - began) / len(some) * len(pool), 2)


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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _concluded(ranking: Ranking) -> Ranking:
    """Recommend the fastest backbone within one standard error of the most accurate one."""
    if not ranking.entries:
        return ranking
    best = max(ranking.entries, key=lambda one: one.accuracy)
    error = math.sqrt(max(best.accuracy * (1 - best.accuracy), 1 / best.n) / best.n)
    good = [one for one in ranking.entries if one.accuracy >= best.accuracy - error]
    chosen = min(good, key=lambda one: one.seconds)
    if chosen == best:
        also = ", and the fastest of those close to it" if len(good) > 1 else ""
        sentence = f"{best.title} is the most accurate on your pictures{also}."
    else:
        sentence = (
            f"{chosen.title} does about as well as {best.title} on your pictures (within one "
            "standard error) and is faster."
        )
    return replace(ranking, recommended=chosen.name, sentence=sentence)

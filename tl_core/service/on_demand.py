"""What a person asks for: groups and a map of pictures, what is wrong with them, what to label.

Some of it needs what the live model knows at the moment: `Known`.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tl_core.approaches.clustering import cluster_pictures
from tl_core.approaches.probing.active_learning import label_curve, worth_labelling
from tl_core.assessment.health.check import check_health
from tl_core.assessment.place import LEAST, place_distance
from tl_core.backbones import create_backbone
from tl_core.errors import DatasetError, ImageFileError
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.few_shot import ASKED, accuracies, play, playable, unit_features
from tl_core.evaluation.folds import group_numbers
from tl_core.evaluation.projection import positions
from tl_core.features.extraction import extract_features
from tl_core.images import get_images, image_path, picture_rows, without_labels
from tl_core.runs.catalogue import Backbone
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.events import result_of
from tl_core.runs.results.health import Health
from tl_core.runs.results.live import FewShot, LabelCurve, PictureMap, Piles, PlaceChange
from tl_core.runs.results.trained_on import NewPictures, changes_since
from tl_core.service.live_model import Known
from tl_core.workspace import open_project, open_workspace
from tl_core.workspace.storage import Workspace

LEARNT, COMPARED = 400, 100  # pictures that are drawn to compare places
MOST_NEW = 300  # pictures that a trained model is asked about
CHUNK = 512  # pictures whose features are in memory at once
SHOTS, GAME_SHOTS = (1, 2, 5), 2  # pictures of each class to learn from


def find_piles(
    root: str, project_id: str, digests: Sequence[str] | None = None, count: int | None = None
) -> Piles:
    """Return groups of the pictures without a class, or of these of them.

    Raises:
        DatasetError: If no backbone is chosen, or they cannot be divided into so many.
    """
    workspace, backbone = _opened(root, project_id)
    wanted = None if digests is None else set(digests)
    rows = [
        row
        for row in picture_rows(workspace, project_id)
        if row.class_name is None and (wanted is None or row.digest in wanted)
    ]
    found = result_of(cluster_pictures(workspace, project_id, backbone, rows, count=count))
    groups = tuple(tuple(rows[row].digest for row in members) for members in found.typical)
    return Piles(groups, found.proposed)


def health_of(root: str, project_id: str, known: Known | None) -> Health:
    """Return what is wrong with the pictures of now; what is `known` need not be computed again.

    Raises:
        DatasetError: If no backbone is chosen, or there are no pictures.
    """
    workspace, backbone = _opened(root, project_id)
    prepared = known.prepared if known else None
    of_this = prepared is not None and prepared.backbone == backbone
    ready = (prepared.groups, prepared.basis) if of_this else None
    return result_of(check_health(workspace, project_id, backbone, ready=ready))


def find_map(root: str, project_id: str, method: str, _asked: int = 0) -> PictureMap:
    """Return where the pictures lie; those of the locked test part are left out.

    Args:
        root: The workspace's folder.
        project_id: Whose pictures.
        method: One of `projection.METHODS`.
        _asked: Tells one question from the next.

    Raises:
        DatasetError: If no backbone is chosen, or there are fewer than two pictures.
    """
    workspace, backbone = _opened(root, project_id)
    rows = [row for row in picture_rows(workspace, project_id) if not row.locked]
    if len(rows) < 2:
        raise DatasetError("A map needs two pictures at least.")
    network = create_backbone(backbone, project_dir=workspace.project_dir(project_id))
    table = result_of(
        extract_features(
            network,
            backbone,
            without_labels(workspace, project_id, rows),
            workspace=workspace,
            project_id=project_id,
        )
    )
    points = positions(table.last, method=method)
    return PictureMap(table.digests, tuple(points[:, 0].tolist()), tuple(points[:, 1].tolist()))


def place_change(known: Known, pictures: Sequence[tuple[str, bytes]] | None) -> PlaceChange | None:
    """Return how far new pictures are from learnt ones of the classes that the model gives them.

    Args:
        known: With a model.
        pictures: Name and content of each; None for the project's pictures without a class.

    Returns:
        None if there are too few to compare; pictures that cannot be read are left out.
    """
    model, features, snapshot = known.model, known.features, known.snapshot
    random = np.random.default_rng(0)
    learnt = [snapshot.learnable[i] for i in random.permutation(len(snapshot.learnable))[:LEARNT]]
    unlabelled = [row for row in snapshot.pictures if not row.class_name and not row.locked]
    new = [row for row in unlabelled if not features.missing([row])] if pictures is None else []
    new = [new[i] for i in random.permutation(len(new))[:COMPARED]]
    values = [result_of(features.table(new)).values] if new else []
    for _name, content in pictures or ():
        with suppress(ImageFileError):
            values.append(features.of_content(content))
    if sum(map(len, values)) < LEAST or features.missing(learnt):
        return None
    table, values = result_of(features.table(learnt)), np.concatenate(values)
    index = {name: label for label, name in enumerate(model.class_names)}
    distance = place_distance(
        table.last,
        np.array([index.get(row.class_name, -1) for row in learnt]),
        values[:, -table.blocks["last"] :],
        model.probe.logits(values).argmax(axis=1),
        learnt_groups=group_numbers([row.group for row in learnt]),
        new_groups=group_numbers([row.group for row in new]) if new else None,
    )
    return None if distance is None else PlaceChange(n=len(values), distance=distance)


def next_labels(known: Known, count: int) -> tuple[str, ...]:
    """Return digests of pictures without a class, those first whose labels teach the model most.

    Without a model those that are typical of many come first.
    """
    rows = [row for row in known.snapshot.pictures if not row.class_name and not row.locked]
    rows = [row for row in rows if not known.features.missing([row])]
    learnt = [row for row in known.snapshot.learnable if not known.features.missing([row])]
    last, said = [], []
    for start in range(0, len(rows), CHUNK):
        table = result_of(known.features.table(rows[start : start + CHUNK]))
        last.append(table.last.copy())
        if known.model:
            said.append(softmax(known.model.probe.logits(table.values)))
    if not rows:
        return ()
    order = worth_labelling(
        np.concatenate(last),
        np.concatenate(said) if said else None,
        result_of(known.features.table(learnt)).last if learnt else None,
        count=count,
    )
    return tuple(rows[row].digest for row in order)


def growth(known: Known) -> LabelCurve | None:
    """Return what labels have brought and may bring; None without a measured model."""
    model, snapshot = known.model, known.snapshot
    row_of = {row.digest: row for row in snapshot.pictures}
    rows = [row_of[digest] for digest in model.digests if digest in row_of] if model else []
    if not rows or len(rows) < len(model.digests) or known.features.missing(rows):
        return None
    right = np.full(len(rows), np.nan)
    right[model.measured] = model.right[model.measured]
    tests = {row.digest for row in snapshot.test}
    return label_curve(
        result_of(known.features.table(rows)).features,
        model.labels,
        group_numbers([row.group for row in rows]),
        right,
        learnt=sum(row.digest not in tests for row in rows),
        balanced=snapshot.balanced,
    )


def measure_new(root: str, project_id: str, run_id: str, _asked: int = 0) -> NewPictures:
    """Return what a run's model says of pictures that were added or labelled since.

    Of many, `MOST_NEW` are drawn at random.

    Raises:
        PredictionError: If the run has no model.
    """
    from tl_core.export.predictor import Predictor

    workspace = open_workspace(Path(root))
    since = changes_since(workspace, project_id, run_id)
    digests = sorted({*since.added, *since.labelled}) if since else []
    digests = np.random.default_rng(0).permutation(digests)[:MOST_NEW].tolist()
    model = Predictor.load(workspace.run_dir(project_id, run_id))
    records = get_images(workspace, project_id, digests)
    paths = [image_path(workspace, project_id, record) for record in records]
    answers = dict(zip([one.digest for one in records], model.predict(paths), strict=True))
    known = {
        digest: answers[digest].class_name == name
        for digest, name in (since.labelled if since else {}).items()
        if digest in answers and name in model.class_names
    }
    tells = any(one.unlike_score is not None for one in answers.values())
    return NewPictures(
        n=len(answers),
        unlike=sum(one.unlike for one in answers.values()) if tells else None,
        labelled=len(known),
        correct=sum(known.values()),
    )


def find_few_shot(root: str, project_id: str, number: int = 0) -> FewShot:
    """Return how far one, two and five pictures of each class go; `number` draws the episode.

    Raises:
        DatasetError: If no backbone is chosen, or two classes lack pictures for an episode.
    """
    workspace, backbone = _opened(root, project_id)
    rows = [
        row
        for row in picture_rows(workspace, project_id)
        if row.class_name and not row.locked and not row.tests
    ]
    classes, labels = np.unique([row.class_name for row in rows], return_inverse=True)
    groups = group_numbers([row.group for row in rows])
    if not playable(labels, groups, GAME_SHOTS):
        each = GAME_SHOTS + ASKED
        raise DatasetError(f"The game takes two classes with {each} pictures each, no copies.")
    images = without_labels(workspace, project_id, rows)
    network = create_backbone(backbone, project_dir=workspace.project_dir(project_id))
    place = {"workspace": workspace, "project_id": project_id}
    table = result_of(extract_features(network, backbone, images, **place))
    unit, digests = unit_features(table.last), np.array(table.digests)
    game = play(unit, labels, groups, shots=GAME_SHOTS, seed=(number,))
    shots = [n for n in SHOTS if playable(labels, groups, n)]
    every = [accuracies(unit, labels, groups, shots=n) for n in shots]
    names = classes[game.classes].tolist()
    return FewShot(
        ways=len(names),
        accuracies=tuple(
            (n, float(some.mean()), *np.quantile(some, (0.025, 0.975)).tolist())
            for n, some in zip(shots, every, strict=True)
        ),
        shown=tuple(zip(names, map(tuple, digests[game.shown].tolist()), strict=True)),
        asked=tuple(
            (digest, name, names[said])
            for name, asked, answers in zip(names, digests[game.asked], game.said, strict=True)
            for digest, said in zip(asked.tolist(), answers, strict=True)
        ),
    )


def _opened(root: str, project_id: str) -> tuple[Workspace, Backbone]:
    workspace = open_workspace(Path(root))
    backbone = chosen_backbone(open_project(workspace, project_id))
    if backbone is None:
        raise DatasetError("Choose a backbone first: it is what compares the pictures.")
    return workspace, backbone

"""What a person asks for: groups and a map of pictures, and what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path

from tl_core.approaches.clustering import cluster_pictures
from tl_core.assessment.health.check import check_health
from tl_core.backbones import create_backbone
from tl_core.errors import DatasetError
from tl_core.evaluation.projection import positions
from tl_core.features.extraction import extract_features
from tl_core.images import picture_rows, without_labels
from tl_core.runs.catalogue import Backbone
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.events import result_of
from tl_core.runs.results.health import Health
from tl_core.runs.results.live import PictureMap, Piles
from tl_core.workspace import open_project, open_workspace
from tl_core.workspace.storage import Workspace


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


def find_health(root: str, project_id: str, _asked: int = 0) -> Health:
    """Return what is wrong with the pictures of now; `_asked` tells one question from the next.

    Raises:
        DatasetError: If no backbone is chosen, or there are no pictures.
    """
    workspace, backbone = _opened(root, project_id)
    return result_of(check_health(workspace, project_id, backbone))


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


def _opened(root: str, project_id: str) -> tuple[Workspace, Backbone]:
    workspace = open_workspace(Path(root))
    backbone = chosen_backbone(open_project(workspace, project_id))
    if backbone is None:
        raise DatasetError("Choose a backbone first: it is what compares the pictures.")
    return workspace, backbone

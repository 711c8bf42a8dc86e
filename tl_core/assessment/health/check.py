"""The health check of a project: features, copies, the live model's answers, traits; findings.

Nothing is changed but that copies are kept together, as every training does.
"""

from collections.abc import Generator, Mapping

import numpy as np

from tl_core.approaches.probing.probe import Basis
from tl_core.assessment.health import findings
from tl_core.assessment.health.suspects import Credibility, credibility
from tl_core.assessment.health.traits import traits_of
from tl_core.backbones import create_backbone
from tl_core.errors import DatasetError
from tl_core.evaluation.folds import group_numbers
from tl_core.features.copies import group_copies
from tl_core.features.device import suited_threads
from tl_core.features.extraction import FeatureTable, extract_features
from tl_core.images import (
    PictureRow,
    get_images,
    list_groups,
    list_skipped,
    picture_rows,
    test_overlap,
    without_labels,
)
from tl_core.images.groups.joining import COPIES
from tl_core.runs.catalogue import Backbone
from tl_core.runs.events import Event, PhaseStarted
from tl_core.runs.results.health import Finding, Health
from tl_core.workspace.storage import Workspace

LEAST = 2  # pictures

Ready = tuple[Mapping[str, str | None], Basis]  # groups of pictures by digest, in its order


def check_health(
    workspace: Workspace,
    project_id: str,
    backbone: Backbone,
    *,
    balanced: bool = True,
    ready: Ready | None = None,
) -> Generator[Event, None, Health]:
    """Return what is wrong with a project's pictures; the locked test part is not looked at.

    `ready` is a basis that is there already, made of the features of this backbone; it is used if
    it is about just the labelled pictures and their groups.

    Raises:
        DatasetError: If there are no pictures.
        WeightsUnavailable: If the weights are not on this machine.
    """
    rows = tuple(row for row in picture_rows(workspace, project_id) if not row.locked)
    if len(rows) < LEAST:
        raise DatasetError("There are no pictures to check yet. Add some first.")
    yield PhaseStarted("features")
    images = without_labels(workspace, project_id, rows)
    table: FeatureTable = yield from extract_features(
        create_backbone(backbone, project_dir=workspace.project_dir(project_id)),
        backbone,
        images,
        workspace=workspace,
        project_id=project_id,
    )
    yield PhaseStarted("health")
    group_copies(workspace, project_id, images, table.last)
    known = {row.digest: row for row in picture_rows(workspace, project_id)}
    kept = [index for index, row in enumerate(rows) if row.digest in known]
    rows = tuple(known[rows[index].digest] for index in kept)
    values = table.values if len(kept) == len(images) else table.values[kept]
    found = Checked(workspace, project_id, rows, FeatureTable(table.digests, values, table.blocks))
    return found.health(balanced=balanced, ready=ready)


class Checked:
    """N pictures of a project with their features, and what is asked of them."""

    def __init__(
        self,
        workspace: Workspace,
        project_id: str,
        rows: tuple[PictureRow, ...],
        table: FeatureTable,
    ) -> None:
        self._place = (workspace, project_id)
        self.rows, self.table = rows, table
        self.class_names = tuple(sorted({row.class_name for row in rows if row.class_name}))
        index = {name: label for label, name in enumerate(self.class_names)}
        self.labels = np.array([index.get(row.class_name, -1) for row in rows], np.int64)
        self.groups = group_numbers([row.group for row in rows])

    def health(self, *, balanced: bool, ready: Ready | None = None) -> Health:
        digests = {row.digest: place for place, row in enumerate(self.rows)}
        records = get_images(*self._place, digests)
        traits = traits_of(*self._place, records)
        copies = [one for one in list_skipped(*self._place) if one.copy_of in digests]
        said = self._credibility(balanced=balanced, ready=ready)
        pictures = findings.Pictures(self.rows, self.class_names, self.labels, said, copies)
        groups = [
            [digests[one.digest] for one in group.images if one.digest in digests]
            for group in list_groups(*self._place)
            if group.kind == COPIES and (not group.accepted or len(group.class_names) > 1)
        ]
        found: list[Finding] = [
            *findings.on_copies(pictures, groups),
            *findings.on_overlap(pictures, test_overlap(*self._place)),
            *findings.on_labels(pictures),
            *findings.on_balance(pictures),
            *findings.on_giveaways(pictures, traits, self.groups),
            *findings.on_classes(pictures, self.table.last, self.groups),
            *findings.on_quality(pictures, traits),
            *findings.on_outliers(pictures, self.table.last, self.groups),
        ]
        ordered = sorted(found, key=lambda one: -one.severity)
        return Health(tuple(ordered), tuple(pictures.by_suspicion()))

    def _credibility(self, *, balanced: bool, ready: Ready | None) -> Credibility | None:
        """Return what is said of the labels; None with fewer than two classes."""
        if len(self.class_names) < 2:
            return None
        some = np.flatnonzero(self.labels >= 0)
        features, groups = (
            self.table.features,
            {self.rows[i].digest: self.rows[i].group for i in some},
        )
        with suited_threads(len(some)):
            if ready and list(ready[0].items()) == list(groups.items()):
                basis = ready[1]
            else:
                if len(some) < len(self.labels):
                    features = {name: block[some] for name, block in features.items()}
                basis = Basis(features, self.groups[some])
            found = credibility(basis, self.labels[some], len(self.class_names), balanced=balanced)
        return found.spread(some, len(self.labels))

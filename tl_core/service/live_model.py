"""A project's live model: what can be prepared without labels, and the fit for the labels of now.

Preparing takes seconds and depends on the pictures and their groups only; fitting takes
milliseconds, so that it is done anew after every change of a label or a class.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tl_core.approaches.probing.probe import Basis, LinearProbe
from tl_core.backbones.unlike import Unlike, fit_unlike
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.folds import group_numbers
from tl_core.features.device import suited_threads
from tl_core.features.extraction import blocks_of
from tl_core.images import PictureRow, picture_rows
from tl_core.images.sets import LEAST_PER_CLASS
from tl_core.runs.catalogue import Backbone
from tl_core.runs.draft import chosen_backbone, drafted_config
from tl_core.runs.results.answers import Prediction
from tl_core.runs.results.intervals import independent_pictures
from tl_core.runs.results.live import LiveAnswer
from tl_core.service.live_features import LiveFeatures
from tl_core.workspace import open_project
from tl_core.workspace.storage import Workspace


@dataclass(frozen=True)
class Snapshot:
    """What the database says of a project at one moment; pictures that are not excluded."""

    backbone: Backbone | None
    balanced: bool
    pictures: tuple[PictureRow, ...]

    @classmethod
    def of(cls, workspace: Workspace, project_id: str) -> "Snapshot":
        """Raises: WorkspaceError: If the project is gone."""
        project = open_project(workspace, project_id)
        draft = drafted_config(project)
        balanced = draft.balanced if draft else True
        return cls(chosen_backbone(project), balanced, picture_rows(workspace, project_id))

    @cached_property
    def learnable(self) -> tuple[PictureRow, ...]:
        """The labelled pictures to learn from: of classes that have enough of them.

        As long as no two classes have, one picture is enough: such a model answers, unmeasured.
        """
        labelled = [
            row for row in self.pictures if row.class_name and not row.locked and not row.tests
        ]
        counts = Counter(row.class_name for row in labelled)
        enough = {name for name, count in counts.items() if count >= LEAST_PER_CLASS}
        return tuple(row for row in labelled if row.class_name in enough or len(enough) < 2)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The classes of the `learnable` pictures, sorted."""
        return tuple(sorted({row.class_name for row in self.learnable}))

    @cached_property
    def test(self) -> tuple[PictureRow, ...]:
        """The test part that the person brought, of the classes that can be learnt."""
        known = set(self.class_names)
        return tuple(row for row in self.pictures if row.tests and row.class_name in known)


@dataclass(frozen=True, eq=False)
class Prepared:
    """All of a live model that does not depend on labels.

    `groups` holds the group of each of the pictures that `basis` is made of, by their digests, in
    its order; `test` the features, float32 (D,), of the person's test part by digest; `numbers`
    the index of the group of each of both, int64 (N + T,).
    """

    backbone: Backbone
    groups: Mapping[str, str | None]
    basis: Basis
    test: Mapping[str, np.ndarray]
    numbers: np.ndarray
    unlike: Unlike | None

    @classmethod
    def of(cls, snapshot: Snapshot, values: np.ndarray, sizes: Mapping[str, int]) -> "Prepared":
        """Prepare for a snapshot.

        Args:
            snapshot: With a backbone, and two classes at least.
            values: Features of its `learnable` pictures, then of its `test` pictures, (N + T, D).
            sizes: Of the blocks of the columns.
        """
        groups = {row.digest: row.group for row in snapshot.learnable}
        numbers = group_numbers([*groups.values(), *(row.group for row in snapshot.test)])
        learnt = numbers[: len(groups)]
        blocks = blocks_of(values[: len(groups)], sizes)
        tested = zip(snapshot.test, values[len(groups) :], strict=True)
        return cls(
            backbone=snapshot.backbone,
            groups=groups,
            basis=Basis(blocks, learnt),
            test={row.digest: one.copy() for row, one in tested},
            numbers=numbers,
            unlike=fit_unlike(blocks["last"], learnt),
        )

    def suits(self, snapshot: Snapshot) -> bool:
        """Whether a fit for this snapshot is about just these pictures and groups."""
        return (
            self.backbone == snapshot.backbone
            and self.groups == {row.digest: row.group for row in snapshot.learnable}
            and self.test.keys() == {row.digest for row in snapshot.test}
        )

    def fit(self, snapshot: Snapshot, *, version: str) -> "LiveModel":
        """Fit to the labels of a snapshot that it `suits`."""
        index = {name: label for label, name in enumerate(snapshot.class_names)}
        label_of = {row.digest: index[row.class_name] for row in snapshot.learnable}
        labels = np.array([label_of[digest] for digest in self.groups], np.int64)
        with suited_threads(len(labels)):
            fitted = self.basis.fit(labels, len(index), balanced=snapshot.balanced)
        digests, logits, measured = tuple(self.groups), fitted.out_of_group, fitted.measured
        if np.bincount(labels).min() < LEAST_PER_CLASS:
            measured = measured[:0]  # of its class nothing would be left
        if snapshot.test:
            measured = len(digests) + np.arange(len(snapshot.test))
            digests += tuple(row.digest for row in snapshot.test)
            values = np.stack([self.test[row.digest] for row in snapshot.test])
            logits = np.concatenate([logits, fitted.probe.logits(values)])
            labels = np.append(labels, [index[row.class_name] for row in snapshot.test])
        groups = 1 if snapshot.test else fitted.groups
        right = (logits.argmax(axis=1) == labels)[measured]
        return LiveModel(
            version=version,
            class_names=snapshot.class_names,
            digests=digests,
            labels=labels,
            logits=logits,
            measured=measured,
            groups=groups,
            independent=independent_pictures(right, self.numbers[measured]),
            probe=fitted.probe,
            unlike=self.unlike,
        )


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A fitted model, and what it says of labelled pictures: N of K classes.

    Each answer comes from a model that was fitted without the picture's group. With a test part
    that the person brought only that part is measured.
    """

    version: str
    class_names: tuple[str, ...]
    digests: tuple[str, ...]
    labels: np.ndarray  # int64 (N,)
    logits: np.ndarray  # float32 (N, K)
    measured: np.ndarray  # rows, int64 (n,)
    groups: int  # left out in turn
    independent: float  # pictures, that the measured ones count as
    probe: LinearProbe
    unlike: Unlike | None

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each picture's label is the answer, bool (N,)."""
        return self.logits.argmax(axis=1) == self.labels

    @property
    def missing(self) -> str | None:
        """Why nothing is measured, see `LiveState`; None where something is."""
        if len(self.measured):
            return None
        return "second" if np.bincount(self.labels).min() < LEAST_PER_CLASS else "groups"

    @cached_property
    def correct(self) -> int:
        """How many of the measured pictures are answered right."""
        return int(self.right[self.measured].sum())

    @cached_property
    def unmeasured(self) -> tuple[str, ...]:
        """The classes of which no picture is measured."""
        missing = set(range(len(self.class_names))) - set(self.labels[self.measured].tolist())
        return tuple(self.class_names[label] for label in sorted(missing))

    @cached_property
    def answers(self) -> dict[str, LiveAnswer]:
        """What it says of each labelled picture, by digest."""
        best, highest = self._probabilities.argmax(axis=1), self._probabilities.max(axis=1)
        columns = (self.digests, best.tolist(), highest.tolist(), self._own.tolist())
        return {
            digest: LiveAnswer(class_name=self.class_names[label], probability=sure, own=own)
            for digest, label, sure, own in zip(*columns, strict=True)
        }

    @cached_property
    def contradicted(self) -> tuple[str, ...]:
        """The measured pictures whose label it does not give, the least probable label first."""
        rows = self.measured[~self.right[self.measured]]
        return tuple(self.digests[row] for row in rows[np.argsort(self._own[rows], kind="stable")])

    def predictions(self, features: np.ndarray) -> list[Prediction]:
        """Return what it says of pictures without a label, from raw features, float32 (n, D)."""
        rows = softmax(self.probe.logits(features)).tolist()
        scores = self.unlike.scores(features).tolist() if self.unlike else [None] * len(rows)
        return [
            Prediction(self.class_names, tuple(row), score)
            for row, score in zip(rows, scores, strict=True)
        ]

    def answers_for(self, features: np.ndarray) -> list[LiveAnswer]:
        """Return the same without the probabilities of other classes."""
        return [
            LiveAnswer(class_name=one.class_name, probability=one.probability, unlike=one.unlike)
            for one in self.predictions(features)
        ]

    @cached_property
    def _probabilities(self) -> np.ndarray:
        return softmax(self.logits)

    @property
    def _own(self) -> np.ndarray:
        """The probability of each picture's label, (N,)."""
        return self._probabilities[np.arange(len(self.labels)), self.labels]


@dataclass(frozen=True)
class Known:
    """What a live model knows at one moment; no model while there is none."""

    snapshot: Snapshot
    features: LiveFeatures
    prepared: Prepared | None
    model: LiveModel | None

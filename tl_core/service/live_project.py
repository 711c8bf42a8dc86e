"""One project with its live model: what is known, what is to be done, what is answered.

`check` and `work` belong to one thread each (see `live`). What they find is put in place at once,
so that questions in other threads see the old or the new.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tl_core.errors import ImageFileError, PredictionError, TLCoreError, WorkspaceError
from tl_core.features import copies
from tl_core.images import PictureRow, without_labels
from tl_core.runs.events import result_of
from tl_core.runs.results.answers import Answer
from tl_core.runs.results.live import LiveAnswer, LiveState
from tl_core.service.live_features import LiveFeatures
from tl_core.service.live_model import Known, LiveModel, Prepared, Snapshot
from tl_core.workspace.opening import deletion_marker
from tl_core.workspace.storage import Workspace

CHUNK = 512  # unlabelled pictures whose features are in memory at once
MANY = 2000  # pictures; two bases of so many would take much memory at once
RETRY_SECONDS = 30.0  # after trouble, if nothing changes meanwhile
UNEXPECTED = "Unexpected error while the pictures were being processed; the log has the details."


class LiveProject:
    """What the live model of one project knows now.

    Attributes:
        asked: How often somebody has asked, and `checked` up to which of these `check` has seen.
        asked_at: When that was last, on the monotonic clock.
        workspace: Where the project lives.
    """

    def __init__(self, workspace: Workspace, project_id: str) -> None:
        self.workspace = workspace
        self.project_id = project_id
        self.asked = self.checked = 0
        self.asked_at = 0.0
        self._checking = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._features: LiveFeatures | None = None
        self._prepared: Prepared | None = None
        self._model: LiveModel | None = None
        self._fitted_for: tuple[Snapshot, Prepared] | None = None
        self._others: tuple[LiveModel, tuple[str, ...], dict[str, LiveAnswer]] | None = None
        self._released = False
        self._failed: tuple[str, float] | None = None

    def ask(self) -> int:
        self.asked += 1
        self.asked_at = time.monotonic()
        self._released = False
        return self.asked

    @property
    def unchecked(self) -> bool:
        return self.asked > self.checked

    @property
    def gone(self) -> bool:
        """Whether the project was deleted."""
        return deletion_marker(self.workspace, self.project_id).exists()

    @property
    def size(self) -> int:
        """How many pictures are held in memory."""
        return len(self._prepared.groups) if self._prepared else 0

    @property
    def trouble(self) -> str | None:
        """What went wrong lately; after a while it is tried again."""
        failed = self._failed
        return failed[0] if failed and time.monotonic() - failed[1] < RETRY_SECONDS else None

    @property
    def has_work(self) -> bool:
        """Whether something is to be computed before the model is up to date."""
        snapshot, features = self._snapshot, self._features
        if self.gone or self._released or self.trouble or snapshot is None or features is None:
            return False
        return (
            features.missing(snapshot.pictures)
            or (len(snapshot.class_names) > 1 and not self._suits(snapshot))
            or (bool(snapshot.pictures) and not features.ready)
        )

    def check(self) -> None:
        """See what the database says now, and fit anew if that changes anything.

        Raises:
            WorkspaceError: If the project is gone.
        """
        with self._checking:
            snapshot, before = Snapshot.of(self.workspace, self.project_id), self._snapshot
            if snapshot != before:
                self._snapshot, self._failed = snapshot, None
            if before is None or snapshot.backbone != before.backbone:
                self._start_anew(snapshot)
            self._fit()

    def fail(self, error: TLCoreError | None) -> None:
        """Take note of trouble, for whoever asks; None if it was not foreseen."""
        self._failed = (str(error) if error else UNEXPECTED, time.monotonic())

    def tidy(self) -> None:
        """Remove what was written after somebody deleted the project."""
        if self.gone:
            shutil.rmtree(self.workspace.project_dir(self.project_id), ignore_errors=True)

    def release(self) -> None:
        """Forget the model; it is made again when somebody asks for it."""
        with self._checking:
            self._released = True
            self._prepared = self._model = self._fitted_for = self._others = None

    def work(self) -> Iterator[None]:
        """Look at the pictures, find copies, prepare; may be left off at any step."""
        features, snapshot = self._features, self._snapshot
        if features is None:
            return
        yield from features.load()
        labelled = [row for row in snapshot.pictures if row.class_name]
        rest = [row for row in snapshot.pictures if not row.class_name]
        if len(snapshot.class_names) > 1 and not self._suits(snapshot):
            yield from self._prepare(features, labelled)
        for rows in (labelled, rest):
            for start in range(0, len(rows), CHUNK):
                if features.missing(chunk := rows[start : start + CHUNK]):
                    yield from features.table(chunk)
        yield from features.make_engine(snapshot.pictures)

    def state(self, *, up_to_date: bool) -> LiveState:
        """Return how things stand.

        Raises:
            WorkspaceError: If the project is gone.
        """
        snapshot, features, model = self._snapshot, self._features, self._model
        if self.gone or (snapshot is None and self.trouble):
            raise WorkspaceError(self.trouble or "This project no longer exists.")
        if snapshot is None:
            return LiveState(version="", seen=0, total=0, missing="features", pending=True)
        learnable, fitted_for = len(snapshot.class_names) > 1, self._fitted_for
        behind = features and learnable and not (fitted_for and fitted_for[0] is snapshot)
        state = LiveState(
            version=model.version if model else "",
            seen=features.seen(snapshot.pictures) if features else 0,
            total=len(snapshot.pictures),
            ready=model is not None,
            pending=not self.trouble and bool(behind or not up_to_date),
            trouble=self.trouble,
        )
        if model is not None and len(model.measured):
            return replace(
                state,
                correct=model.correct,
                n=len(model.measured),
                groups=model.groups,
                independent=model.independent,
                unmeasured=model.unmeasured,
            )
        missing = model.missing if model else "features" if learnable else "classes"
        return replace(state, missing=missing if features else "backbone")

    def answers(self, digests: Sequence[str] | None) -> dict[str, LiveAnswer]:
        """Return what the model says of these pictures, or of all that were looked at."""
        model = self._model
        if model is None:
            return {}
        if digests is not None and all(digest in model.answers for digest in digests):
            return {digest: model.answers[digest] for digest in digests}
        found = {**self._of_others(model), **model.answers}
        if digests is None:
            return found
        return {digest: found[digest] for digest in digests if digest in found}

    def order(self, by: str) -> tuple[str, ...]:
        """Return digests: the "least sure" first, or those that the model "disagrees" with.

        Of the latter, the label that the model finds least probable comes first.
        """
        model = self._model
        if model is None:
            return ()
        if by == "least sure":
            found = self.answers(None)
            return tuple(sorted(found, key=lambda digest: found[digest].probability))
        if by == "disagrees":
            return model.contradicted
        raise ValueError(f"by is {by!r}; expected 'least sure' or 'disagrees'")

    def predict(self, pictures: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """Return an answer for each (name, content): a prediction, or why there is none.

        Raises:
            PredictionError: If there is no model yet.
        """
        model, features = self._model, self._features
        if model is None or features is None:
            needs = "two classes with a picture each; wait until they have been processed"
            raise PredictionError(f"There is no model yet. It takes {needs}.")
        found = []
        for name, content in pictures:
            try:
                (prediction,) = model.predictions(features.of_content(content))
                found.append(Answer(name, prediction))
            except ImageFileError as error:
                found.append(Answer(name, None, str(error)))
        return found

    @property
    def known(self) -> Known | None:
        """What the model knows; None without a backbone."""
        known = Known(self._snapshot, self._features, self._prepared, self._model)
        return known if known.snapshot and known.features else None

    def _prepare(self, features: LiveFeatures, labelled: Sequence[PictureRow]) -> Iterator[None]:
        """Keep copies together as trainings do, then prepare for pictures as grouped then."""
        table = yield from features.table(labelled)
        images = without_labels(self.workspace, self.project_id, labelled)
        copies.group_copies(self.workspace, self.project_id, images, table.last)
        yield
        self.check()
        snapshot, row_of = self._snapshot, {name: row for row, name in enumerate(table.digests)}
        rows = [row_of.get(picture.digest) for picture in snapshot.learnable + snapshot.test]
        if features is not self._features or len(snapshot.class_names) < 2 or None in rows:
            return  # by now there is something else to do
        if self.size > MANY:
            self._prepared = None
        as_they_are = rows == list(range(len(table.digests)))  # saves a copy of all
        values = table.values if as_they_are else table.values[rows]
        prepared = Prepared.of(snapshot, values, table.blocks)
        if features is self._features:
            self._prepared = prepared
            self.check()

    def _start_anew(self, snapshot: Snapshot) -> None:
        """Forget what another backbone has found."""
        self._prepared = self._model = self._fitted_for = self._others = self._features = None
        if snapshot.backbone is not None:
            self._features = LiveFeatures(self.workspace, self.project_id, snapshot.backbone)

    def _suits(self, snapshot: Snapshot) -> bool:
        return self._prepared is not None and self._prepared.suits(snapshot)

    def _fit(self) -> None:
        snapshot, prepared = self._snapshot, self._prepared
        if len(snapshot.class_names) < 2:
            self._model = self._fitted_for = None
        elif self._suits(snapshot) and self._fitted_for != (snapshot, prepared):
            self._model = prepared.fit(snapshot, version=f"{os.getpid()}-{time.time_ns()}")
            self._fitted_for = (snapshot, prepared)

    def _of_others(self, model: LiveModel) -> dict[str, LiveAnswer]:
        """Return what the model says of pictures that it did not learn from, as far as looked at.

        Those of the locked test part are left out: nothing is to be chosen by them.
        """
        snapshot, features = self._snapshot, self._features
        others = [
            row
            for row in snapshot.pictures
            if not row.locked and row.digest not in model.answers and not features.missing([row])
        ]
        digests = tuple(row.digest for row in others)
        if self._others is None or self._others[0] is not model or self._others[1] != digests:
            found: dict[str, LiveAnswer] = {}
            for start in range(0, len(others), CHUNK):
                chunk = others[start : start + CHUNK]
                table = result_of(features.table(chunk))
                found |= zip(table.digests, model.answers_for(table.values), strict=True)
            self._others = (model, digests, found)
        return self._others[2]

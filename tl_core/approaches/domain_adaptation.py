"""Domain adaptation: labelled pictures of one place, unlabelled ones of the place of use.

What is tried, and what was measured of it, stands in `probing.adapting`. Labels that are known
there choose and judge; they are learnt from only if the person says so.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.linear_probe import network_of
from tl_core.approaches.probing import adapting
from tl_core.approaches.probing.adapting import LEAST_TO_CHOOSE, UNADAPTED, Adaptation, adapt
from tl_core.approaches.task import Extracted, Task
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import Unlike, fit_unlike
from tl_core.errors import DatasetError
from tl_core.evaluation.calibration import softmax
from tl_core.evaluation.measuring import evaluation_of
from tl_core.features.engine import EngineChoice
from tl_core.features.extraction import extract_features
from tl_core.images import ImageSet, picture_rows, without_labels
from tl_core.runs.approach import LABELS, LEAST_TARGET, TARGET, Option
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted
from tl_core.runs.results.intervals import paired_interval
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.storage import Workspace

NAMED = 5  # classes that a sentence names
TO_LABEL = 40  # pictures that are proposed


def train(task: Task) -> Steps:
    yield PhaseStarted("features")
    options = APPROACH.options_of(task.config)
    table = yield from extract_features(
        task.backbone,
        task.config.backbone,
        task.images.images,
        workspace=task.workspace,
        project_id=task.project_id,
    )
    extracted = Extracted(table.values[None], table.blocks, table.engine)
    yield from _say_what_is_unknown(task)
    yield PhaseStarted("probe")
    source, target = task.rows("train"), task.rows("target", "test of the target")
    known = np.array([image.label for image in task.images.images])[target]
    known[np.isin(target, task.rows("test of the target"))] = -1  # these only measure
    found = adapt(
        extracted.features(source),
        task.labels[source],
        extracted.features(target),
        task.num_classes,
        groups=task.groups[source],
        balanced=task.config.balanced,
        known=known,
        learn_known=bool(options["learn_target_labels"]),
    )
    yield Note(
        f"The places differ by {found.distance:.2f} of 2 (proxy A-distance); "
        + (
            f"“{found.chosen}” was chosen, which changes {found.candidates[found.chosen].moved} of "
            f"{len(target)} answers there."
            if found.chosen != UNADAPTED
            else "leaving the model as it is was chosen."
        )
    )
    yield Fitted(AdaptedModel(task, extracted, found, known))


def _say_what_is_unknown(task: Task) -> Iterator[Event]:
    """Say how many pictures are of classes that the first place lacks, as far as that is known."""
    names = task.images.class_names
    rows = picture_rows(task.workspace, task.project_id, places=True)
    unknown = [row.class_name for row in rows if row.class_name not in (None, *names)]
    if unknown:
        listed = ", ".join(f"'{name}'" for name in sorted(set(unknown))[:NAMED])
        yield Note(
            f"{len(unknown)} pictures are of classes that the first place lacks ({listed}). They "
            "are not measured; the model answers with one of its own classes for such pictures."
        )


@dataclass(frozen=True)
class AdaptedModel:
    """The chosen classifier; `known` are the labels, -1 for none, of the pictures there."""

    task: Task
    extracted: Extracted
    adaptation: Adaptation
    known: np.ndarray
    strategy_used: str = "domain_adaptation"
    trial_gain: float | None = None
    trial_kept: bool = False
    learning_seconds: float = 0.0

    @property
    def engine(self) -> EngineChoice | None:
        return self.extracted.engine

    def network(self) -> TransferNetwork:
        chosen = self.adaptation.candidates[self.adaptation.chosen].probe
        return network_of(self.task, self.extracted.reads, chosen)

    def unlike(self) -> Unlike | None:
        rows = self.task.rows("target", "test of the target")
        return fit_unlike(self.extracted.values[0, rows, -self.extracted.blocks["last"] :])

    @property
    def measured(self) -> np.ndarray:
        """The pictures, int64 (n,), to measure on: test, else labelled ones there, else none."""
        tested = self.task.rows("test", "test of the target")
        if len(tested):
            return tested
        return self.task.rows("target")[self.known >= 0] if (self.known >= 0).any() else tested

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure at the place of use if labels are known there; they may have chosen as well."""
        rows, names = self.measured, self.task.images.class_names
        images = self.task.images.images
        if not len(rows):
            yield Note(
                "No picture of the new place has a label, so the accuracy there is not known: the "
                "number is that of the unadapted model where it learnt. Label some pictures of the "
                "new place to measure it."
            )
            fit, source = self.adaptation.at_source, self.task.rows("train")
            return evaluation_of(
                names,
                [images[row] for row in source[fit.measured]],
                softmax(fit.out_of_group[fit.measured]),
                measured_on="source",
                folds=fit.groups,
            )
        on = "test" if self.task.images.test_given else "target"
        if on == "target" and len(rows) >= LEAST_TO_CHOOSE:
            yield Note("The labelled pictures of the new place also chose the method.")
        return evaluation_of(
            names,
            [images[row] for row in rows],
            softmax(self._logits(self.adaptation.chosen, rows)),
            measured_on=on,
        )

    def findings(self, evaluation: Evaluation) -> dict:
        """Return what a report says of it beside the usual."""
        found = self.adaptation
        facts = {
            "place": APPROACH.options_of(self.task.config)["target"],
            "method_used": found.chosen,
            "to_label": self._to_label(),
            "chosen_by_labels": int((self.known >= 0).sum()) >= LEAST_TO_CHOOSE,
            "proxy_a_distance": found.distance,
            **self._seen_there(),
            "target_pictures": len(self.known),
            "target_labels": int((self.known >= 0).sum()),
            "candidates": {
                name: {"risk": one.risk, "moved": one.moved, "correct_of_known": one.correct}
                for name, one in found.candidates.items()
            },
        }
        if not len(self.measured):
            return facts | {"accuracy_unadapted": None}
        right = {
            name: self._logits(name, self.measured).argmax(axis=1) == evaluation.labels
            for name in found.candidates
        }
        for name, hits in right.items():
            facts["candidates"][name]["accuracy"] = float(hits.mean())
        low, high = paired_interval(right[UNADAPTED], right[found.chosen])
        gain = float(right[found.chosen].mean() - right[UNADAPTED].mean())
        return facts | {
            "accuracy_unadapted": float(right[UNADAPTED].mean()),
            "gain": gain,
            "gain_interval": [low, high],
            "verdict": "helped" if low > 0 else "hurt" if high < 0 else "no clear difference",
        }

    def _seen_there(self) -> dict:
        """Return how frequent classes are there, and how many pictures look like none of them.

        Unadapted answers say neither of another place: there most pictures are unlike.
        """
        found, count, names = self.adaptation, self.task.num_classes, self.task.images.class_names
        source, rows = self.task.rows("train"), self.task.rows("target", "test of the target")
        alike, facts = (
            found.distance < adapting.ALIKE,
            {"class_shares": None, "unlike_pictures": None},
        )
        if alike or found.chosen != UNADAPTED:
            learnt = np.bincount(self.task.labels[source], minlength=count) / len(source)
            assumed = np.full(count, 1 / count) if self.task.config.balanced else learnt
            there = adapting.class_shares(softmax(self._logits(found.chosen, rows)), assumed)
            facts["class_shares"] = dict(zip(names, np.c_[learnt, there].tolist(), strict=True))
        last = self.extracted.values[0, :, -self.extracted.blocks["last"] :]
        if alike and (unlike := fit_unlike(last[source], self.task.groups[source])):
            facts["unlike_pictures"] = int((unlike.scores(last[rows]) > 1).sum())
        return facts

    def _to_label(self) -> list[list]:
        """Return the pictures there whose labels would tell most, changed answers first.

        Each with its digest, what the unadapted and the chosen model say, and how probable the
        latter is.
        """
        task, found = self.task, self.adaptation
        there = task.rows("target", "test of the target")
        rows = there[(self.known < 0) & np.isin(there, task.rows("target"))]
        if not len(rows):
            return []
        before = self._logits(UNADAPTED, rows).argmax(axis=1)
        said = softmax(self._logits(found.chosen, rows))
        after, sure = said.argmax(axis=1), said.max(axis=1)
        names = task.images.class_names
        return [
            [task.images.images[rows[i]].digest, names[before[i]], names[after[i]], float(sure[i])]
            for i in np.lexsort((sure, before == after))[:TO_LABEL]
        ]

    def _logits(self, name: str, rows: np.ndarray) -> np.ndarray:
        return self.adaptation.candidates[name].probe.logits(self.extracted.values[0, rows])


def both_places(workspace: Workspace, project_id: str, config: TrainingConfig) -> ImageSet:
    """Return labelled pictures of the source as "train", those of the place of use as "target".

    Test pictures are "test", or "test of the target" where adapting sees them too, unlabelled.

    Raises:
        DatasetError: If there are too few pictures of the place of use, or too few labelled ones.
    """
    place = str(APPROACH.options_of(config)["target"])
    rows = [row for row in picture_rows(workspace, project_id, places=True) if not row.locked]
    places = {row.place for row in rows} - {None}
    if not place and len(places) == 1:
        (place,) = places
    rows = [row for row in rows if row.place in (None, place)]
    there = {row.digest for row in rows if row.place}
    learnt = {
        row.class_name
        for row in rows
        if row.class_name and row.digest not in there and row.split_given != "test"
    }
    names = tuple(sorted(learnt))
    if len(names) < 2:
        raise DatasetError("Adaptation needs labelled pictures of two classes of the first place.")
    index = {name: label for label, name in enumerate(names)}
    given = any(row.split_given == "test" for row in rows)
    images = []
    for row, image in zip(rows, without_labels(workspace, project_id, rows), strict=True):
        tests = row.split_given == "test"
        if row.class_name not in index and (tests or row.digest not in there):
            continue  # no label, or a class that cannot be learnt
        split = "train"
        if row.digest in there:
            split = "test of the target" if tests else "target"
        elif tests:
            split = "test"
        images.append(replace(image, label=index.get(row.class_name, -1), split=split))
    count = sum(image.split in ("target", "test of the target") for image in images)
    if count < LEAST_TARGET:
        raise DatasetError(
            f"There are {count} pictures of the new place that are not among the others already; "
            f"adaptation needs at least {LEAST_TARGET}, and 50 or more are better. Pictures that "
            "are in both folders count as the source's."
        )
    return ImageSet(class_names=names, images=tuple(images), test_given=given)


APPROACH = Approach(
    name="domain_adaptation",
    needs=(LABELS, TARGET),
    options=(Option("target", "", kind="place"), Option("learn_target_labels", False)),
    image_set=both_places,
    train=train,
)

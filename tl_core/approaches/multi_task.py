"""Several questions at once: one frozen backbone, one network, a linear classifier per question.

Pictures are looked at once; a picture without an answer to a question takes no part in that one.
The classes, if there are any, are the first question. Classifiers on frozen features have nothing
in common that one question could spoil for another. Whether a picture has a label is a question
with the answers no and yes; the threshold of yes is where answers out of fold have the largest F1.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tl_core.approaches import linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.linear_probe import ProbeModel
from tl_core.approaches.probing.heads import (
    at_half,
    label_facts,
    side_by_side,
    threshold_of,
)
from tl_core.approaches.task import Extracted, Task, regroup
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.unlike import Unlike
from tl_core.errors import DatasetError
from tl_core.features.engine import EngineChoice
from tl_core.features.extraction import extract_features
from tl_core.images import (
    ImageSet,
    LabelledImage,
    PictureRow,
    answers_of,
    picture_rows,
    without_labels,
)
from tl_core.images.labels.questions import Answers, is_tag
from tl_core.runs.approach import LEAST_LABELLED, QUESTIONS
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted, Progress, result_of
from tl_core.runs.results.questions import CLASS_QUESTION
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.storage import Workspace

MISTAKES = 24  # of a question that are kept


def train(task: Task) -> Steps:
    rows = _rows(task.workspace, task.project_id)
    asked = _asked(task.workspace, task.project_id, rows)
    images = _pictures(task, rows, asked)
    yield PhaseStarted("features")
    table = yield from extract_features(
        task.backbone,
        task.config.backbone,
        images,
        workspace=task.workspace,
        project_id=task.project_id,
    )
    if (yield from regroup(task, images, table.last)):
        rows = _rows(task.workspace, task.project_id)
        images = _pictures(task, rows, asked)
    place = {digest: row for row, digest in enumerate(table.digests)}
    values = table.values[None, [place[image.digest] for image in images]]
    extracted = Extracted(values, table.blocks, table.engine)
    yield PhaseStarted("probe")
    models: dict[str, ProbeModel] = {}
    unusable: dict[str, str] = {}
    alike: dict[tuple[int, ...], list[tuple[str, Task]]] = defaultdict(list)
    for name, answers in asked.items():
        try:
            own = replace(task, images=_image_set(rows, images, answers))
            alike[tuple(own.learnt_rows())].append((name, own))
        except DatasetError as error:
            unusable[name] = str(error)
    began, done = time.perf_counter(), 0
    for learnt, tasks in alike.items():
        basis = linear_probe.basis_of(tasks[0][1], extracted, np.array(learnt))
        for name, own in tasks:
            model = linear_probe.fitted_on(own, extracted, np.array(learnt), basis)
            try:
                yield from linear_probe.say_what_is_not_measured(model)
                models[name] = model
            except DatasetError as error:
                unusable[name] = str(error)
            done += 1
            to_come = len(asked) - len(unusable) - len(models)
            left = (time.perf_counter() - began) / done * to_come
            yield Progress("probe", done, done + to_come, left)
    for name, reason in unusable.items():
        yield Note(f"“{name}” is left out. {reason}")
    if not models:
        raise DatasetError(_none_is_usable(unusable))
    models = {name: models[name] for name in asked if name in models}
    yield Fitted(ManyModels(task, models, unusable))


@dataclass(frozen=True)
class ManyModels:
    """A classifier for each question; what a run has one of, is that of the first."""

    task: Task
    models: Mapping[str, ProbeModel]
    unusable: Mapping[str, str]
    strategy_used: str = "multi_task"
    trial_gain: float | None = None
    trial_kept: bool = False
    learning_seconds: float = 0.0

    @property
    def engine(self) -> EngineChoice | None:
        return self._widest.engine

    @property
    def _widest(self) -> ProbeModel:
        return max(self.models.values(), key=lambda model: len(model.rows))

    def network(self) -> TransferNetwork:
        """Return one network whose logits are those of all questions, side by side."""
        probe = side_by_side([model.fitted.probe for model in self.models.values()])
        return linear_probe.network_of(self.task, self._widest.extracted.reads, probe)

    def unlike(self) -> Unlike | None:
        return self._widest.unlike()

    @property
    def metadata(self) -> dict:
        """Return what the network's file says of its questions, in the order of the logits."""
        heads = [
            {
                "question": name,
                "class_names": list(model.task.images.class_names),
                "threshold": self.thresholds.get(name),
            }
            for name, model in self.models.items()
        ]
        return {"heads": heads, "class_names": heads[0]["class_names"]}

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The probability of yes from which on it is the answer, by question with a label."""
        return {
            name: threshold_of(model.fitted, model.task.labels[model.rows])
            for name, model in self.models.items()
            if is_tag(dict.fromkeys(model.task.images.class_names))
        }

    @cached_property
    def plain(self) -> dict[str, Evaluation]:
        """The answers to every question on pictures that were kept from its classifier."""
        return {name: result_of(model.evaluate()) for name, model in self.models.items()}

    @cached_property
    def measured(self) -> dict[str, Evaluation]:
        """The same with thresholds at one half; no picture helps to choose its own."""
        return {
            name: at_half(one, self.thresholds[name]) if name in self.thresholds else one
            for name, one in self.plain.items()
        }

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure the first question; the others are in `findings`."""
        yield from ()
        return next(iter(self.measured.values()))

    def findings(self, _evaluation: Evaluation) -> dict:
        """Return the numbers of every question, see `runs.results.questions`."""
        questions = {
            name: {
                "accuracy": one.accuracy,
                "correct": one.correct,
                "interval": list(one.interval),
                "macro_f1": one.macro_f1,
                "n_test": one.n,
                "measured_on": one.measured_on,
                "folds": one.folds,
                "class_names": list(one.class_names),
                "confusion": one.confusion.tolist(),
                "mistakes": [
                    _said(one, row, self.plain[name].probabilities)
                    for row in one.most_confident_mistakes(MISTAKES)
                ],
            }
            for name, one in self.measured.items()
        }
        mean = float(np.mean([one["accuracy"] for one in questions.values()]))
        facts = {"questions": questions, "unusable": dict(self.unusable), "mean_accuracy": mean}
        return facts | label_facts(self.plain, self.measured, self.thresholds)


def _said(found: Evaluation, row: int, probabilities: np.ndarray) -> list:
    """Return a picture's digest, the true and the predicted answer, and how probable the latter."""
    label, said = int(found.labels[row]), int(found.predicted[row])
    names = found.class_names
    return [found.digests[row], names[label], names[said], float(probabilities[row, said])]


def first_question(workspace: Workspace, project_id: str, _config: TrainingConfig) -> ImageSet:
    """Return the pictures of the first question that can be learnt.

    Raises:
        DatasetError: If none can.
    """
    rows = _rows(workspace, project_id)
    images, unusable = without_labels(workspace, project_id, rows), {}
    for name, answers in _asked(workspace, project_id, rows).items():
        try:
            return _image_set(rows, images, answers)
        except DatasetError as error:
            unusable[name] = str(error)
    raise DatasetError(_none_is_usable(unusable))


def _none_is_usable(unusable: Mapping[str, str]) -> str:
    reasons = [f"“{name}”: {reason}" for name, reason in unusable.items()]
    return "None of the questions can be learnt. " + " ".join(reasons[:3])


def _rows(workspace: Workspace, project_id: str) -> list[PictureRow]:
    return [row for row in picture_rows(workspace, project_id) if not row.locked]


def _asked(workspace: Workspace, project_id: str, rows: Sequence[PictureRow]) -> Answers:
    """Return the answers to all questions, that of the classes first.

    Raises:
        DatasetError: If there is none but that of the classes.
    """
    answers = answers_of(workspace, project_id)
    if not answers:
        raise DatasetError(
            "There are no further questions yet. Add one on the Images page, or give a table of "
            "labels with --labels."
        )
    classes = {row.digest: row.class_name for row in rows if row.class_name}
    return ({CLASS_QUESTION: classes} if len(set(classes.values())) > 1 else {}) | answers


def _pictures(task: Task, rows: Sequence[PictureRow], asked: Answers) -> tuple[LabelledImage, ...]:
    """Return the pictures with an answer to some question."""
    wanted = {digest for answers in asked.values() for digest in answers}
    some = [row for row in rows if row.digest in wanted]
    return without_labels(task.workspace, task.project_id, some)


def _image_set(
    rows: Sequence[PictureRow], images: Sequence[LabelledImage], answers: Mapping[str, str]
) -> ImageSet:
    """Return all pictures, those without an answer that can be learnt in no part of the set."""
    tests = {row.digest for row in rows if row.split_given == "test"}
    counts = Counter(answers[i.digest] for i in images if i.digest in answers.keys() - tests)
    names = sorted(name for name, count in counts.items() if count >= LEAST_LABELLED)
    if len(names) < 2:
        one = f"only '{names[0]}'" if names else "no answer"
        raise DatasetError(
            f"It needs two answers with {LEAST_LABELLED} pictures each; it has {one}."
        )
    chosen = tuple(
        replace(
            image,
            label=names.index(answers[image.digest]),
            split="test" if image.digest in tests else "train",
        )
        if answers.get(image.digest) in names
        else image
        for image in images
    )
    given = any(image.split == "test" for image in chosen)
    return ImageSet(class_names=tuple(names), images=chosen, test_given=given)


APPROACH = Approach(
    name="multi_task",
    needs=(QUESTIONS,),
    image_set=first_question,
    train=train,
)

"""Several questions at once: one frozen backbone, a linear classifier for each question.

Pictures are looked at once; a picture without an answer to a question takes no part in that one.
Classifiers on frozen features have nothing in common that one question could spoil for another.
With several labels per picture each label is a question with the answers no and yes, and the
threshold of yes is where the answers out of fold have the largest F1.
"""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from tl_core.approaches import linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.linear_probe import ProbeModel
from tl_core.approaches.probing.probe import Basis
from tl_core.approaches.task import Extracted, Task
from tl_core.backbones.network import TransferNetwork, save_network
from tl_core.backbones.unlike import Unlike
from tl_core.errors import DatasetError
from tl_core.evaluation.calibration import softmax
from tl_core.features.engine import EngineChoice
from tl_core.features.extraction import extract_features
from tl_core.images import ImageSet, LabelledImage, PictureRow, picture_rows, without_labels
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note, PhaseStarted, result_of
from tl_core.runs.results.report import Evaluation
from tl_core.workspace.json_values import read_json
from tl_core.workspace.names import printable
from tl_core.workspace.storage import Workspace

QUESTIONS_FILE = "questions.json"  # in a project's folder
NO, YES = "no", "yes"
MOST_MODELS = 20  # questions whose models are written; each holds the backbone
LEAST = 2  # pictures of an answer


@dataclass(frozen=True)
class Questions:
    """What is asked: by question, the answers by digest; `multilabel` when all are 0 or 1."""

    answers: dict[str, dict[str, str]]
    multilabel: bool = False
    unusable: dict[str, str] = field(default_factory=dict)


def train(task: Task) -> Steps:
    asked = questions_of(task.workspace, task.project_id)
    rows = picture_rows(task.workspace, task.project_id)
    wanted = {digest for answers in asked.answers.values() for digest in answers}
    images = without_labels(
        task.workspace, task.project_id, [row for row in rows if row.digest in wanted]
    )
    yield PhaseStarted("features")
    table = yield from extract_features(
        task.backbone,
        task.config.backbone,
        images,
        workspace=task.workspace,
        project_id=task.project_id,
    )
    place = {digest: row for row, digest in enumerate(table.digests)}
    yield PhaseStarted("probe")
    models: dict[str, ProbeModel] = {}
    prepared: dict[tuple, tuple[Extracted, Basis]] = {}  # many questions are about the same
    unusable: dict[str, str] = {}
    for name, answers in asked.answers.items():
        try:
            own = replace(task, images=_image_set(rows, images, answers))
        except DatasetError as error:
            unusable[name] = str(error)
            yield Note(f"“{name}” is left out. {error}")
            continue
        chosen = tuple((image.digest, image.split) for image in own.images.images)
        if chosen not in prepared:
            values = table.values[None, [place[digest] for digest, _ in chosen]]
            extracted = Extracted(values, table.blocks, table.engine)
            basis = linear_probe.basis_of(own, extracted, own.learnt_rows())
            prepared[chosen] = extracted, basis
        extracted, basis = prepared[chosen]
        models[name] = linear_probe.fitted_on(own, extracted, own.learnt_rows(), basis)
    yield Fitted(ManyModels(task, models, replace(asked, unusable=unusable)))


@dataclass(frozen=True)
class ManyModels:
    """A model for each question; what a run has one of, is that of the first."""

    task: Task
    models: Mapping[str, ProbeModel]
    asked: Questions
    strategy_used: str = "multi_task"
    trial_gain: float | None = None
    trial_kept: bool = False
    learning_seconds: float = 0.0

    @property
    def first(self) -> ProbeModel:
        return next(iter(self.models.values()))

    @property
    def engine(self) -> EngineChoice | None:
        return self.first.engine

    def network(self) -> TransferNetwork:
        return self.first.network()

    def unlike(self) -> Unlike | None:
        return self.first.unlike()

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        """Measure the first question, and write the model of each."""
        for name, model in list(self.models.items())[:MOST_MODELS]:
            network = model.network()
            network.unlike = model.unlike()
            folder = self.task.run_dir / _folder(name)
            folder.mkdir(parents=True, exist_ok=True)
            metadata = {
                "class_names": list(model.task.images.class_names),
                "backbone": backbone_to_json(self.task.config.backbone),
                "preprocessing": self.task.preprocessing.to_json(),
            }
            save_network(folder / "model.safetensors", network, metadata)
        if len(self.models) > MOST_MODELS:
            yield Note(f"The models of the first {MOST_MODELS} questions were written.")
        return (yield from self.first.evaluate())

    def findings(self, _evaluation: Evaluation) -> dict:
        """Return the numbers of every question."""
        found = {name: result_of(model.evaluate()) for name, model in self.models.items()}
        questions = {
            name: {
                "accuracy": one.accuracy,
                "interval": list(one.interval),
                "macro_f1": one.macro_f1,
                "n_test": one.n,
                "measured_on": one.measured_on,
                "class_names": list(one.class_names),
                "confusion": one.confusion.tolist(),
                "model": _folder(name),
            }
            for name, one in found.items()
        }
        facts = {"questions": questions, "unusable": self.asked.unusable}
        if self.asked.multilabel:
            return facts | self._several_labels(found)
        mean = float(np.mean([one["accuracy"] for one in questions.values()]))
        return facts | {"mean_accuracy": mean}

    def _several_labels(self, found: Mapping[str, Evaluation]) -> dict:
        """Return average precision and threshold of each label, and how often all are right."""
        labels, said, truth = {}, {}, {}
        for name, one in found.items():
            out = self.models[name].fitted.out_of_group[self.models[name].fitted.measured]
            known = self.models[name].task.labels[self.models[name].rows]
            threshold = best_threshold(known[self.models[name].fitted.measured], _yes(softmax(out)))
            yes = _yes(one.probabilities)
            precision = average_precision_score(one.labels, yes) if one.labels.any() else None
            labels[name] = {
                "average_precision": None if precision is None else float(precision),
                "threshold": threshold,
                "pictures": int(one.labels.sum()),
            }
            for digest, share, label in zip(one.digests, yes, one.labels, strict=True):
                said.setdefault(digest, []).append(share >= threshold)
                truth.setdefault(digest, []).append(bool(label))
        whole = [digest for digest in said if len(said[digest]) == len(found)]
        measured = [
            one["average_precision"]
            for one in labels.values()
            if one["average_precision"] is not None
        ]
        exact = [said[digest] == truth[digest] for digest in whole]
        return {
            "map": float(np.mean(measured)) if measured else None,
            "labels": labels,
            "exact_match": float(np.mean(exact)) if exact else None,
            "exact_match_pictures": len(exact),
        }


def best_threshold(labels: np.ndarray, yes: np.ndarray) -> float:
    """Return the probability from which on yes has the largest F1; labels bool, both (n,)."""
    if not labels.any():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(labels, yes)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    below = yes[yes < thresholds[best]]
    lower = float(below.max()) if len(below) else 0.0
    return float((thresholds[best] + lower) / 2)  # between two pictures, not on one


def questions_of(workspace: Workspace, project_id: str) -> Questions:
    """Return what is asked in a project.

    Raises:
        DatasetError: If nothing is.
    """
    stored = read_json(workspace.project_dir(project_id) / QUESTIONS_FILE, dict)
    if not stored:
        raise DatasetError("No questions yet: give a table of labels with --labels.")
    return Questions(stored["answers"], stored["multilabel"])


def first_question(workspace: Workspace, project_id: str, _config: TrainingConfig) -> ImageSet:
    """Return the pictures of the first question that can be learnt.

    Raises:
        DatasetError: If none can.
    """
    asked, rows = questions_of(workspace, project_id), picture_rows(workspace, project_id)
    images = without_labels(workspace, project_id, rows)
    reasons = []
    for name, answers in asked.answers.items():
        try:
            return _image_set(rows, images, answers)
        except DatasetError as error:
            reasons.append(f"“{name}”: {error}")
    raise DatasetError("None of the columns can be learnt. " + " ".join(reasons[:3]))


def _image_set(
    rows: Sequence[PictureRow], images: Sequence[LabelledImage], answers: Mapping[str, str]
) -> ImageSet:
    """Return the pictures that have an answer; those to test on need one that can be learnt."""
    tests = {row.digest for row in rows if row.split_given == "test"}
    counts = Counter(answers[i.digest] for i in images if i.digest in answers.keys() - tests)
    names = sorted(name for name, count in counts.items() if count >= LEAST)
    if len(names) < 2:
        one = f"only '{names[0]}'" if names else "no answer"
        raise DatasetError(f"It needs two answers with {LEAST} pictures each; it has {one}.")
    chosen = tuple(
        replace(
            image,
            label=names.index(answers[image.digest]),
            split="test" if image.digest in tests else "train",
        )
        for image in images
        if answers.get(image.digest) in names
    )
    given = any(image.split == "test" for image in chosen)
    return ImageSet(class_names=tuple(names), images=chosen, test_given=given)


def _folder(question: str) -> str:
    """Return the name of a question's folder: letters, digits and blanks only."""
    kept = "".join(sign if sign.isalnum() or sign in " _-" else "_" for sign in printable(question))
    return kept.strip()[:60] or "question"


def _yes(probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, 1]  # of "no" and "yes", sorted


APPROACH = Approach(
    name="multi_task",
    needs=("table of labels",),
    image_set=first_question,
    train=train,
)

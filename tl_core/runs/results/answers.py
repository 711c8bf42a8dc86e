"""What a model says about pictures, as values that travel to pages and into tables."""

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tl_core.workspace.json_values import read_json, write_json
from tl_core.workspace.names import without_formula

UNLIKE_ABOVE = 1.0  # scores are fractions of the distance at which 5 % are false alarms
SURE_FROM = 0.5  # below it another answer is more probable, all together
_THRESHOLD = "threshold.json"  # in a project's folder
_TRIED = "tried"  # an empty file in a run's folder


@dataclass(frozen=True)
class Head:
    """One of several questions that a model answers, with its answers in order.

    With a `threshold` the second answer is given from that probability on.
    """

    question: str
    class_names: tuple[str, ...]
    threshold: float | None = None


@dataclass(frozen=True)
class QuestionAnswer:
    """What a model answers to one of several questions about a picture."""

    head: Head
    probabilities: tuple[float, ...]

    @property
    def index(self) -> int:
        if self.head.threshold is not None:
            return int(self.probabilities[1] >= self.head.threshold)
        return self.probabilities.index(max(self.probabilities))

    @property
    def answer(self) -> str:
        return self.head.class_names[self.index]

    @property
    def probability(self) -> float:
        return self.probabilities[self.index]


@dataclass(frozen=True)
class Prediction:
    """Probabilities of one picture, fractions that add up to 1, in the order of `class_names`.

    `unlike_score` says how far the picture is from those that the model learnt from: above 1 lie
    about 5 % of pictures of the same kind. None if the model cannot tell.

    `answers` are those of a model that answers several questions; the first is the same as above.
    """

    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    unlike_score: float | None = None
    answers: tuple[QuestionAnswer, ...] = ()

    @property
    def unlike(self) -> bool:
        """Whether the picture is unlike anything that the model learnt from."""
        return self.unlike_score is not None and self.unlike_score > UNLIKE_ABOVE

    @property
    def class_name(self) -> str:
        """The class with the highest probability."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        return max(self.probabilities)

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Classes with their probabilities, the highest first."""
        pairs = zip(self.class_names, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Answer:
    """One file's prediction, or the reason why there is none."""

    name: str
    prediction: Prediction | None
    reason: str | None = None


def answers_csv(answers: Iterable[Answer], class_names: Sequence[str]) -> bytes:
    """Return a table as CSV in UTF-8, marked as such for spreadsheets.

    Columns: file, predicted, probability, one probability per class, unlike (0 or 1),
    unlike_score, problem; of a model that answers several questions two for each, the answer and
    its probability. Names that a spreadsheet would take for a formula get an apostrophe in front.
    """
    answers = list(answers)
    heads = next((a.prediction.answers for a in answers if a.prediction), ())
    questions = [without_formula(one.head.question) for one in heads]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    classes = map(without_formula, class_names)
    head = ["file", "predicted", "probability", *classes, "unlike", "unlike_score", "problem"]
    writer.writerow([*head, *(name for one in questions for name in (one, f"{one}: probability"))])
    for answer in answers:
        found = answer.prediction
        values = [""] * (4 + len(class_names))
        if found:
            numbers = (found.probability, *found.probabilities)
            values = [without_formula(found.class_name), *(f"{value:.6f}" for value in numbers)]
            score = found.unlike_score
            values += ["", ""] if score is None else [str(int(found.unlike)), f"{score:.4f}"]
        problem = without_formula(answer.reason or "")
        said = [
            cell
            for one in (found.answers if found else ())
            for cell in (without_formula(one.answer), f"{one.probability:.6f}")
        ]
        writer.writerow([without_formula(answer.name), *values, problem, *said])
    return text.getvalue().encode("utf-8-sig", errors="replace")


def mark_tried(run_dir: Path) -> None:
    """Note that this run's model has answered for a new picture."""
    with suppress(OSError):  # a full disk keeps no answer back
        (run_dir / _TRIED).touch()


def was_tried(run_dir: Path) -> bool:
    return (run_dir / _TRIED).exists()


@dataclass(frozen=True)
class _Threshold:
    sure_from: float


def sure_from(project_dir: Path) -> float:
    """Return the probability below which this project's models answer “not sure”."""
    found = read_json(project_dir / _THRESHOLD, _Threshold)
    return found.sure_from if found else SURE_FROM


def save_sure_from(project_dir: Path, value: float) -> None:
    write_json(project_dir / _THRESHOLD, _Threshold(value))

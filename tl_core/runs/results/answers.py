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
class Prediction:
    """Probabilities of one picture, fractions that add up to 1, in the order of `class_names`.

    `unlike_score` says how far the picture is from those that the model learnt from: above 1 lie
    about 5 % of pictures of the same kind. None if the model cannot tell.
    """

    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    unlike_score: float | None = None

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
    unlike_score, problem. Names that a spreadsheet would take for a formula get an apostrophe in
    front.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    classes = map(without_formula, class_names)
    writer.writerow(
        ["file", "predicted", "probability", *classes, "unlike", "unlike_score", "problem"]
    )
    for answer in answers:
        found = answer.prediction
        values = [""] * (4 + len(class_names))
        if found:
            numbers = (found.probability, *found.probabilities)
            values = [without_formula(found.class_name), *(f"{value:.6f}" for value in numbers)]
            score = found.unlike_score
            values += ["", ""] if score is None else [str(int(found.unlike)), f"{score:.4f}"]
        problem = without_formula(answer.reason or "")
        writer.writerow([without_formula(answer.name), *values, problem])
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

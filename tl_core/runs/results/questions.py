"""What a training on several questions found: how well it answers each."""

from dataclasses import dataclass

import numpy as np

from tl_core.runs.results.report import Report

CLASS_QUESTION = "class"  # what the classes answer


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A picture that was answered wrongly; `probability` is of what was said."""

    digest: str
    true: str
    said: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """The answers to one question on pictures that its classifier did not learn from.

    Args:
        name: The question.
        class_names: K answers.
        correct, n: Right answers, and pictures asked about.
        interval: 95 % interval of the accuracy, fractions.
        measured_on, folds: As in `Evaluation`.
        confusion: Counts, int64 (K, K): rows are true answers.
        threshold: Of a label that a picture has or has not: the probability from which on it has
            it; None for other questions.
        average_precision: Of such a label; None if no picture measured has it.
        mistakes: Some, the surest first.
    """

    name: str
    class_names: tuple[str, ...]
    correct: int
    n: int
    interval: tuple[float, float]
    measured_on: str
    folds: int
    confusion: np.ndarray
    threshold: float | None = None
    average_precision: float | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def most_frequent(self) -> tuple[str, float]:
        """The most frequent answer, and how often it is right, a fraction."""
        support = self.confusion.sum(axis=1)
        return self.class_names[int(support.argmax())], float(support.max() / max(1, self.n))


@dataclass(frozen=True, kw_only=True)
class QuestionsResult:
    """All questions, in order.

    Args:
        questions: Those that were learnt.
        unusable: By name, why the others were not.
        mean_accuracy: Of the questions, a fraction.
        mean_precision: Mean average precision of the labels; None without one.
        exact_match: The share of pictures with every label right, of `exact_match_pictures`.
    """

    questions: tuple[QuestionResult, ...]
    unusable: dict[str, str]
    mean_accuracy: float
    mean_precision: float | None
    exact_match: float | None
    exact_match_pictures: int

    @property
    def labels(self) -> list[QuestionResult]:
        return [one for one in self.questions if one.threshold is not None]


def questions_result(report: Report | None) -> QuestionsResult | None:
    """Return what a training on several questions found; None for any other."""
    if report is None or "questions" not in report.findings:
        return None
    facts = report.findings
    labels = facts.get("labels", {})
    return QuestionsResult(
        questions=tuple(
            QuestionResult(
                name=name,
                class_names=tuple(one["class_names"]),
                correct=one.get("correct", round(one["accuracy"] * one["n_test"])),
                n=one["n_test"],
                interval=tuple(one["interval"]),
                measured_on=one["measured_on"],
                folds=one.get("folds", 1),
                confusion=np.array(one["confusion"], np.int64),
                threshold=labels.get(name, {}).get("threshold"),
                average_precision=labels.get(name, {}).get("average_precision"),
                mistakes=tuple(
                    Mistake(digest=digest, true=true, said=said, probability=sure)
                    for digest, true, said, sure in one.get("mistakes", ())
                ),
            )
            for name, one in facts["questions"].items()
        ),
        unusable=facts["unusable"],
        mean_accuracy=facts.get("mean_accuracy", float("nan")),
        mean_precision=facts.get("map"),
        exact_match=facts.get("exact_match"),
        exact_match_pictures=facts.get("exact_match_pictures", 0),
    )

"""How good a model is: the one way in which the app states a number of right answers.

How many of how many, how sure that is, which pictures, against what.
"""

from dataclasses import dataclass

from pages.shared import state
from pages.shared.elements import number_card
from pages.shared.text import percent
from tl_core.runs import Run
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.report import Evaluation, Report, read_report

FEW_GROUPS = 3  # of a class: the models that answer for one of them learnt from two at most
MUCH_TOGETHER = 0.9  # of the pictures, as how many independent ones they count
PICTURES = {
    "test": "test pictures that the model never saw",
    "validation": "validation pictures, which also chose the epoch to keep",
    "target": "labelled pictures of the new place",
    "source": "pictures of the first place; the accuracy at the new place is not known",
}


def pictures_text(measured_on: str, folds: int = 1) -> str:
    """Return which pictures an accuracy is about, as it reads after their number."""
    if folds > 1 and measured_on != "source":
        return "pictures, each predicted by a model fitted without it"
    return PICTURES.get(measured_on, measured_on)


@dataclass(frozen=True, kw_only=True)
class HonestNumber:
    """A share of right answers with all that is needed to judge it.

    Args:
        correct: Right answers.
        n: Pictures asked about.
        measured_on: Which pictures, as it reads after their number.
        split: How it was made sure that the model had not learned from them; a sentence.
        baseline: What to compare it with; a sentence.
        interval: 95 % interval, fractions in [0, 1]; Wilson's where None.
    """

    correct: int
    n: int
    measured_on: str
    split: str = ""
    baseline: str = ""
    interval: tuple[float, float] | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        return self.interval or wilson_interval(self.correct, self.n)

    @property
    def headline(self) -> str:
        """The result in a few words; every answer right is no proof of 100 %."""
        if not self.n:
            return "not measured"
        if self.correct == self.n:
            return f"{self.n} of {self.n} right"
        return f"{self.correct} of {self.n}: {percent(self.correct / self.n)}"

    @property
    def certainty(self) -> str:
        """What so many pictures allow to say about the true accuracy."""
        low, high = self.bounds
        if self.correct == self.n:
            return f"with so few pictures the true rate may be as low as {percent(low)}"
        return f"95 % [[confidence interval]] {100 * low:.0f} to {percent(high)}"

    @property
    def facts(self) -> tuple[str, ...]:
        """All that belongs under the number, a sentence each."""
        where = f"{self.certainty}; measured on {self.n:,} {self.measured_on}"
        return tuple(text for text in (where, self.split, self.baseline) if text)


def honest_number(label: str, number: HonestNumber) -> None:
    """Draw the number as a card, with everything that it rests on below it."""
    number_card(*honest_card(label, number))


def honest_card(label: str, number: HonestNumber) -> tuple[str, str, str]:
    """Return the same for `layout.number_cards`."""
    return label, number.headline, "\n".join(number.facts)


def number_of(evaluation: Evaluation) -> HonestNumber:
    """Return what an evaluation says, against always giving its most frequent class."""
    return HonestNumber(
        correct=evaluation.correct,
        n=evaluation.n,
        measured_on=pictures_text(evaluation.measured_on, evaluation.folds),
        split=together_text(evaluation),
        baseline=_baseline(evaluation),
        interval=evaluation.interval,
    )


def together_text(evaluation: Evaluation) -> str:
    """Return what groups of pictures that show the same thing do to the certainty; "" if nothing.

    A class of few groups is measured by models that saw next to nothing of it.
    """
    text = ""
    if evaluation.independent <= MUCH_TOGETHER * evaluation.n:
        text = (
            "Pictures of one group are right or wrong together: this is as certain as about "
            f"{evaluation.independent:.0f} independent pictures."
        )
    if evaluation.folds > 1 and evaluation.fewest_groups <= FEW_GROUPS:
        text += (
            f" One class has only {evaluation.fewest_groups} groups to hold out in turn, so its "
            "models learned from few others: the number says little."
        )
    return text.strip()


def result_text(
    correct: int,
    n: int,
    *,
    interval: tuple[float, float] | None = None,
    at_least: float | None = None,
) -> str:
    """Return an honest result: "20 of 20 right (at least 84 %)", "18 of 20: 90 % (70 to 97 %)".

    Without its 95 % interval, fractions, "18 of 20: 90 %"; `at_least` is its lower end alone.
    """
    bounds = interval if at_least is None else (at_least, 1.0)
    number = HonestNumber(correct=correct, n=n, measured_on="", interval=bounds)
    if correct == n and n:
        return f"{number.headline} (at least {percent(number.bounds[0])})"
    if not interval:
        return number.headline
    low, high = interval
    return f"{number.headline} ({100 * low:.0f} to {percent(high)})"


def _baseline(evaluation: Evaluation) -> str:
    if not evaluation.n:
        return ""
    support = evaluation.confusion.sum(axis=1)
    name = evaluation.class_names[int(support.argmax())]
    return (
        f"Always answering “{name}” would be right for "
        f"{percent(support.max() / evaluation.n)} of them."
    )


def report_of(run: Run) -> Report | None:
    """Return the run's result, or None while there is none."""
    return read_report(state.current_workspace().run_dir(run.project_id, run.id))

"""What pages, command line and estimates know of a way to transfer, without loading it.

The ways themselves are modules of `tl_core.approaches`; each states these facts of itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tl_core.errors import RunError
from tl_core.images import ClassSummary
from tl_core.runs.configuration import TrainingConfig

Value = bool | int | float | str
LABELS, NORMAL, TARGET = "labels", "normal pictures", "target pictures"
QUESTIONS = "questions"  # further ones, beside the classes
UNLABELLED = "pictures without labels"
LEAST_LABELLED, LEAST_NORMAL = 2, 5  # pictures of a class
LEAST_TARGET = 5  # of the place of use
LEAST_UNLABELLED = 20


def unmet_need(
    needs: Sequence[str],
    classes: Iterable[ClassSummary],
    places: Iterable[int] = (),
    questions: Iterable[Mapping[str, int]] = (),
    *,
    unlabelled: int = 0,
) -> str | None:
    """Return the first of an approach's needs that a project lacks, None if it has all.

    `places` are the numbers of pictures of other places, `questions` those of each answer to each
    further question, `unlabelled` the number of pictures without a label.
    """
    sizes = [one.images - one.excluded for one in classes]
    met = {
        LABELS: sum(size >= LEAST_LABELLED for size in sizes) >= 2,
        NORMAL: max(sizes, default=0) >= LEAST_NORMAL,
        TARGET: max(places, default=0) >= LEAST_TARGET,
        QUESTIONS: any(
            sum(count >= LEAST_LABELLED for count in answers.values()) >= 2 for answers in questions
        ),
        UNLABELLED: unlabelled >= LEAST_UNLABELLED,
    }
    return next((need for need in needs if not met.get(need)), None)


@dataclass(frozen=True)
class StepPlan:
    """How long layers are trained: so many epochs, but at least and at most so many steps.

    Steps rather than epochs for small sets: Kolesnikov et al. (2020), "Big Transfer",
    arXiv:1912.11370.
    """

    epochs: int
    least: int
    most: int

    def epochs_and_steps(self, config: TrainingConfig, pictures: int) -> tuple[int, int]:
        """Return epochs and steps per epoch for so many pictures to learn from."""
        per_epoch = max(1, pictures // config.batch_size)
        steps = config.steps or min(self.most, max(self.least, self.epochs * per_epoch))
        return -(-steps // per_epoch), per_epoch


@dataclass(frozen=True)
class Option:
    """A setting of one approach alone, given as ``--set name=value`` or in `config.options`.

    `kind` says what a value stands for: "class" and "place", the name of one; "share", a fraction;
    "" itself. `choices` are all values that there are; none: any.
    """

    name: str
    default: Value
    least: float | None = None
    most: float | None = None
    kind: str = ""
    choices: tuple[str, ...] = ()

    def checked(self, value: Value | str) -> Value:
        """Return the value in the type of the default.

        Raises:
            RunError: If it is of another type or out of range.
        """
        kind = type(self.default)
        try:
            given = _truth(value) if kind is bool else kind(value)
        except (TypeError, ValueError) as error:
            raise RunError(f"{self.name} is {value!r}; expected {kind.__name__}.") from error
        if self.choices and given not in self.choices:
            there = ", ".join(self.choices)
            raise RunError(f"{self.name} is {given!r}; expected one of {there}.")
        low = self.least is not None and given < self.least
        if low or (self.most is not None and given > self.most):
            raise RunError(f"{self.name} is {given}; expected {self.least} to {self.most}.")
        return given


@dataclass(frozen=True, kw_only=True)
class ApproachFacts:
    """One way to transfer.

    Args:
        name: As configurations and the command line write it.
        needs: What has to be there: `LABELS`, `NORMAL`, `TARGET`, `UNLABELLED` pictures,
            `QUESTIONS`.
        pretrained: Whether it starts from pretrained weights.
        trained_groups: How many of the last layer groups are trained by default, the classifier
            included; None for all of them.
        step_plan: How long layers are trained step by step; None if only a classifier is fitted.
        settings: The fields of `TrainingConfig` that it heeds, beside backbone and seed.
        options: Settings that it alone has.
    """

    name: str
    needs: tuple[str, ...] = (LABELS,)
    pretrained: bool = True
    trained_groups: int | None = 1
    step_plan: StepPlan | None = None
    settings: tuple[str, ...] = ("balanced",)
    options: tuple[Option, ...] = ()

    def frozen_groups(self, config: TrainingConfig, total: int) -> int:
        """Return how many of `total` layer groups stay frozen; the classifier never does."""
        if "frozen_groups" in self.settings and config.frozen_groups is not None:
            return min(config.frozen_groups, total - 1)
        return max(0, total - (self.trained_groups or total))

    def options_of(self, config: TrainingConfig) -> dict[str, Value]:
        """Return every option with its value.

        Raises:
            RunError: If the configuration has an option that is unknown here or out of range.
        """
        known = {option.name: option for option in self.options}
        for name in config.options:
            if name not in known:
                there = ", ".join(known) or "none"
                raise RunError(f"“{self.name}” has no option {name!r}; it has {there}.")
        given = {option.name: option.default for option in self.options} | dict(config.options)
        return {name: known[name].checked(value) for name, value in given.items()}


def _truth(value: Value | str) -> bool:
    if str(value).lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError
    return str(value).lower() in ("true", "1", "yes")

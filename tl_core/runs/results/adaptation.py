"""What pictures without labels did for a model: adapted to another place, or learnt from, too."""

from collections.abc import Mapping
from dataclasses import dataclass

from tl_core.runs.results.report import Report

UNADAPTED = "unadapted"  # always one of the candidates


@dataclass(frozen=True, kw_only=True)
class AdaptationCandidate:
    """One method: `moved` answers differ from the unadapted; `risk` without labels, low is good.

    `correct` of the labelled pictures there; `accuracy` a fraction of those measured on.
    """

    name: str
    risk: float
    moved: int
    correct: int | None
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class PictureToLabel:
    """A picture of the other place whose label would tell much; `probability` is of `after`."""

    digest: str
    before: str
    after: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class AdaptationResult:
    """What was found of the other place.

    Args:
        chosen: Name of the candidate that is the model; `chosen_by_labels`, those there.
        distance: Proxy A-distance of the places, in [0, 2].
        pictures, labelled: Of the other place, and how many of them have a label.
        candidates: All that was tried.
        to_label: Pictures whose labels would tell most, the first the most.
        gain: Accuracy against the unadapted model there, a fraction, with its 95 % interval and
            verdict, "helped", "hurt" or "no clear difference"; None where nothing has a label.
        class_shares: Of each class in training, and an estimate of it there; None if it is none.
        unlike_pictures: How many there look like no known class; None where that cannot be told.
    """

    chosen: str
    chosen_by_labels: bool
    distance: float
    pictures: int
    labelled: int
    candidates: tuple[AdaptationCandidate, ...]
    to_label: tuple[PictureToLabel, ...]
    gain: float | None
    gain_interval: tuple[float, float] | None
    verdict: str | None
    class_shares: Mapping[str, tuple[float, float]] | None = None
    unlike_pictures: int | None = None

    @property
    def measured_there(self) -> bool:
        """Whether the accuracy at the other place is known."""
        return self.gain is not None

    @property
    def moved(self) -> int:
        """How many answers the chosen method changes."""
        return next(one.moved for one in self.candidates if one.name == self.chosen)

    @property
    def adapted(self) -> bool:
        return self.chosen != UNADAPTED


def adaptation_result(report: Report | None) -> AdaptationResult | None:
    """Return what a training that adapts found; None for any other."""
    if report is None or "method_used" not in report.findings:
        return None
    facts = report.findings
    interval = facts.get("gain_interval")
    return AdaptationResult(
        chosen=facts["method_used"],
        chosen_by_labels=facts.get("chosen_by_labels", False),
        distance=facts["proxy_a_distance"],
        pictures=facts["target_pictures"],
        labelled=facts["target_labels"],
        candidates=tuple(
            AdaptationCandidate(
                name=name,
                risk=one["risk"],
                moved=one["moved"],
                correct=one["correct_of_known"],
                accuracy=one.get("accuracy"),
            )
            for name, one in facts["candidates"].items()
        ),
        to_label=tuple(
            PictureToLabel(digest=digest, before=before, after=after, probability=probability)
            for digest, before, after, probability in facts.get("to_label", ())
        ),
        gain=facts.get("gain"),
        gain_interval=None if interval is None else (interval[0], interval[1]),
        verdict=facts.get("verdict"),
        class_shares=facts.get("class_shares"),
        unlike_pictures=facts.get("unlike_pictures"),
    )


@dataclass(frozen=True, kw_only=True)
class RetrainingResult:
    """A model that learnt from pictures without labels as well, against the plain probe.

    Args:
        pictures: Without labels, that it learnt from.
        used: Whether the re-trained network is the model; the labelled pictures that both were
            fitted on decide that.
        before, after: Accuracy of the plain and of the re-trained one on the same pictures;
            `after` is None where nothing was re-trained.
        gain_interval: 95 % interval of the difference.
    """

    pictures: int
    used: bool
    before: float
    after: float | None
    gain_interval: tuple[float, float] | None


def retraining_result(report: Report | None) -> RetrainingResult | None:
    """Return what a training on pictures without labels found; None for any other."""
    if report is None or "unlabelled_pictures" not in report.findings:
        return None
    facts = report.findings
    interval = facts.get("gain_interval")
    return RetrainingResult(
        pictures=facts["unlabelled_pictures"],
        used=facts.get("used", False),
        before=facts["accuracy_before"],
        after=facts.get("accuracy_retrained"),
        gain_interval=None if interval is None else (interval[0], interval[1]),
    )

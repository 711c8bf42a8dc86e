"""What a project's live model knows now, as values that travel to pages.

The live model is a linear classifier on kept features, fitted anew after every change. What it
says of a labelled picture is always the answer of a model fitted without that picture's group.
"""

from dataclasses import dataclass

from tl_core.runs.results.intervals import out_of_fold_interval

SWEEP = 20  # pictures that are labelled in one go
HARDLY = 0.005  # accuracy; more labels that add less in a sweep hardly help
ELSEWHERE = 1.0  # proxy A-distance: a linear classifier is right about three pictures of four
MISSING = ("backbone", "classes", "features", "second", "groups")  # why there is no number yet


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """How far the pictures have been looked at, and how good the model is.

    Args:
        version: Changes whenever an answer may have changed.
        seen: Pictures whose features are kept.
        total: Pictures of the project that are not excluded.
        correct: Right answers, each by a model fitted without the picture's group; None while
            there is no number.
        n: Labelled pictures that were measured.
        groups: How many groups were left out in turn.
        independent: As how many independent pictures the measured ones count.
        missing: Why there is no number, one of `MISSING`: no backbone is chosen, fewer than two
            classes have a picture, pictures have not been looked at, a class has only one, or fewer
            than two classes have two groups, so that nothing can be held out.
        unmeasured: Classes that the number leaves out, because all their pictures are one group.
        ready: Whether there is a model that answers for pictures, be it measured or not.
        pending: A change is not in this yet; the state is worth asking for again soon.
        trouble: Why pictures cannot be looked at, a sentence for the person.
    """

    version: str
    seen: int
    total: int
    correct: int | None = None
    n: int = 0
    groups: int = 0
    independent: float | None = None
    missing: str | None = None
    unmeasured: tuple[str, ...] = ()
    ready: bool = False
    pending: bool = False
    trouble: str | None = None

    @property
    def all_seen(self) -> bool:
        """Whether there are pictures, and features of all of them."""
        return 0 < self.total <= self.seen

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.n if self.correct is not None and self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy, fractions."""
        if self.correct is None:
            return None
        return out_of_fold_interval(
            self.correct, self.n, folds=self.groups, independent=self.independent
        )


@dataclass(frozen=True, kw_only=True)
class LiveAnswer:
    """What the model says of one of the project's pictures.

    `probability` is that of `class_name`, the most probable class; `own` is the probability of the
    picture's own label, None if it has none or the model does not know its class. `unlike` says
    whether the picture is unlike those that the model learnt from.
    """

    class_name: str
    probability: float
    own: float | None = None
    unlike: bool = False


@dataclass(frozen=True, kw_only=True)
class PlaceChange:
    """How far new pictures are from those that the model learnt from.

    `distance` is a proxy A-distance, 0 (cannot be told apart) to 2, of `n` new pictures against as
    many learnt ones of the same classes.
    """

    n: int
    distance: float

    @property
    def elsewhere(self) -> bool:
        """Whether the new pictures come from another place, so that the accuracy need not hold."""
        return self.distance >= ELSEWHERE


@dataclass(frozen=True)
class LabelCurve:
    """Accuracy by number of labels, and what the next `SWEEP` of them may add.

    `points` holds the number of labelled pictures that models learnt from and their accuracy on
    the pictures that the live model is measured by, the fewest first; the last point is that
    model. `gain` is what the next sweep would add, a fraction, `gain_high` the upper end of its
    95 % interval.
    """

    points: tuple[tuple[int, float], ...]
    gain: float
    gain_high: float

    @property
    def hardly(self) -> bool:
        """Whether more labels will hardly help."""
        return self.gain_high < HARDLY


@dataclass(frozen=True)
class Piles:
    """Pictures in groups that look alike: digests, the largest group and the most typical first.

    `proposed` is how many groups are separated best, whatever number was asked for.
    """

    groups: tuple[tuple[str, ...], ...]
    proposed: int


@dataclass(frozen=True)
class PictureMap:
    """Pictures by digest as points of a plane, alike ones near each other; from -1 to 1."""

    digests: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """How far a few pictures of each class go, by the mean of their features.

    Args:
        ways: Classes of an episode.
        accuracies: Pictures of each class, accuracy, and the range of 19 of 20 episodes.
        shown: Classes of one episode, and the digests of the pictures that stand for them.
        asked: Digest, class and answer of its fresh pictures.
    """

    ways: int
    accuracies: tuple[tuple[int, float, float, float], ...]
    shown: tuple[tuple[str, tuple[str, ...]], ...]
    asked: tuple[tuple[str, str, str], ...]

"""What was measured on "did the pretrained model help?", as values that pages read.

Light. `assessment` computes these parts one after the other and rewrites `assessment.json`
after each, so a reader sees what is there so far and None for the rest.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_core.images import ImageSet, label_facts
from tl_core.workspace.json_values import value_of
from tl_core.workspace.storage import Workspace, write_atomic

FILE = "assessment.json"
ANSWERS = ("helped", "no clear difference", "hurt")
# In the order in which the page shows them; not all have to be there.
MEASURED = ("majority", "colours", "random", "small", "scratch", "transferred")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One bar: a way to classify, measured on pictures that it was not fitted on.

    `name` is one of `MEASURED`, `title` is for people, `budget` says what it was allowed.
    `accuracy` and `interval` (95 %) are fractions. `correct_per_image` says of each picture
    whether it was right, in the order of `Assessment.digests`; None where it was measured on
    other pictures, which `measured_on` names.
    """

    name: str
    title: str
    accuracy: float
    interval: tuple[float, float]
    correct: int
    n: int
    budget: str
    seconds: float
    measured_on: str
    correct_per_image: tuple[bool, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer. `points` = accuracy with the pretrained model minus `against`'s, times 100.

    `interval_points` is its 95 % interval, paired over the same pictures and folds; `against`
    names the best baseline without pretraining that was there (a `Measured.name`).
    """

    answer: str  # one of `ANSWERS`
    points: float
    interval_points: tuple[float, float]
    against: str
    sentence: str
    n: int


@dataclass(frozen=True, kw_only=True)
class LayerPoint:
    """A classifier on what layer group `group_index` hands on; fractions."""

    group_index: int
    group_name: str
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class LayerCurve:
    """`suggested_frozen`: freeze this many layer groups, as the Layers page counts them."""

    points: tuple[LayerPoint, ...]
    sentence: str
    suggested_frozen: int


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How far two parts of the pictures are from each other.

    `proxy_a_distance` is 0 (cannot be told apart) to 2 (always told apart). `frechet` is the
    Fréchet distance of their features, None with too few pictures, `frechet_chance` what two
    parts of these sizes get when the pictures are dealt out at random. `asked` are the parts as
    the person named them (see `parts`), None for those that are always compared.
    """

    a: str
    b: str
    n_a: int
    n_b: int
    proxy_a_distance: float
    frechet: float | None
    frechet_chance: float | None
    confidence: str
    reading: str
    asked: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Home:
    """How far these pictures are from what the backbone saw.

    `distance` compares the activations with the statistics kept in BatchNorm layers, in standard
    deviations; None, and a `reading` that says why, where the weights keep none. `seen_classes`
    are the classes of the backbone's own classifier with the share of pictures that it
    gives them, the most frequent first; empty, with `seen_note` saying why, without classifier.
    """

    distance: float | None
    reading: str
    seen_classes: tuple[tuple[str, float], ...]
    seen_note: str


@dataclass(frozen=True, kw_only=True)
class LearningPoint:
    per_class: int  # pictures per class that were learnt from
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """`extrapolated`: (pictures per class, low, middle, high), fractions; empty if too unsure."""

    points: tuple[LearningPoint, ...]
    extrapolated: tuple[tuple[int, float, float, float], ...]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Conformal:
    """Sets of classes that hold the true one with probability `target`.

    `achieved` is the share of sets that did (out of fold), `expected` the 95 % range of what a
    new calibration of this size would achieve, `threshold` the least probability that a class
    needs to be in a set.
    """

    target: float
    achieved: float
    expected: tuple[float, float]
    mean_size: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether probabilities mean what they say, after dividing logits by `temperature`.

    `reliability`: (mean confidence, accuracy, pictures) per bin; `coverage`: (threshold, accuracy
    of the answers given, share of pictures answered); everything is measured on pictures that
    neither classifier nor temperature was fitted on.
    """

    temperature: float
    error: float  # expected calibration error, a fraction
    reliability: tuple[tuple[float, float, int], ...]
    coverage: tuple[tuple[float, float | None, float], ...]
    conformal: tuple[Conformal, ...]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """All parts that are there so far.

    `labels_digest` says on which pictures, labels and groups: where it differs from
    `labels_digest(image_set(...))`, the results are as of the old labels. `done` and `total`
    list the parts by name; `notes` are sentences on what was left out and why.
    """

    project_id: str
    backbone: str
    labels_digest: str
    digests: tuple[str, ...]
    how: str  # how the pictures were divided: "5 folds, repeated 3 times"
    total: tuple[str, ...]
    seed: int = 0  # of the folds
    done: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()
    verdict: Verdict | None = None
    layers: LayerCurve | None = None
    similarities: tuple[Similarity, ...] = ()
    home: Home | None = None
    learning: LearningCurve | None = None
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts_done(self) -> int:
        return len(self.done)

    @property
    def parts_total(self) -> int:
        return len(self.total)

    def of(self, name: str) -> Measured | None:
        """Return the bar of this name if it is there."""
        return next((bar for bar in self.measured if bar.name == name), None)


def labels_digest(images: ImageSet) -> str:
    """Return a number that changes with the pictures that take part, their labels and groups."""
    return _digest((one.digest, images.class_names[one.label], one.group) for one in images.images)


def current_labels_digest(workspace: Workspace, project_id: str) -> str:
    """Return `labels_digest` of the project as it is now; cheap, and draws no splits."""
    return _digest(label_facts(workspace, project_id))


def _digest(facts: Iterable[tuple[str, str, str | None]]) -> str:
    return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()[:24]


def write_assessment(run_dir: Path, assessment: Assessment) -> None:
    """Store it, replacing what was there at once; raises StorageFull."""
    write_atomic(run_dir / FILE, json.dumps(asdict(assessment), ensure_ascii=False).encode())


def read_assessment(run_dir: Path) -> Assessment | None:
    """Return what is there so far; None before the first part, or for another version's file."""
    try:
        return value_of(Assessment, json.loads((run_dir / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None

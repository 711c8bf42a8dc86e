"""What was measured on "did the pretrained model help?", as values that pages read.

Light. `assessment` computes these parts one after the other and rewrites `assessment.json`
after each, so a reader sees what is there so far and None for the rest.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tl_core.images import ImageSet, label_facts
from tl_core.workspace.json_values import is_damaged, read_json, write_json
from tl_core.workspace.storage import Workspace

FILE = "assessment.json"
ANSWERS = ("helped", "no clear difference", "hurt")
# In the order in which the page shows them; not all have to be there.
MEASURED = ("majority", "colours", "random", "small", "scratch", "transferred")
NEARNESS = ("near", "apart", "far")
VERSION = 2  # of the way of measuring: what an earlier one has found is shown, but not gone on with


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One bar: a way to classify, measured on pictures that it was not fitted on.

    `name` is one of `MEASURED`; `accuracy` and `interval` (95 %) are fractions. `measured_on` is
    "compared" for the pictures of `Assessment.digests`, else the part of the image set ("test"
    or "validation"). `correct_per_image` says of each compared picture whether it was right;
    None on other pictures. Networks that were trained have `steps` of `batch_size` pictures.
    """

    name: str
    accuracy: float
    interval: tuple[float, float]
    correct: int
    n: int
    seconds: float
    measured_on: str = "compared"
    correct_per_image: tuple[bool, ...] | None = None
    steps: int | None = None
    batch_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer. `points` = accuracy with the pretrained model minus `against`'s, times 100.

    Both learnt from the same folds, so that `points` compares the bars and nothing else.
    `interval_points` is its 95 % interval, paired over the same pictures; `against`
    names the best baseline without pretraining that was there (a `Measured.name`).
    """

    answer: str  # one of `ANSWERS`
    points: float
    interval_points: tuple[float, float]
    against: str
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
    """`suggested_frozen`: freeze this many layer groups, as the Layers page counts them.

    That is all of them unless another group does clearly better than the last on the same
    pictures; None if no group differs clearly from the last.
    """

    points: tuple[LayerPoint, ...]
    suggested_frozen: int | None


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How far two parts of the pictures, `a` and `b`, are from each other.

    Both are written as `subsets.parse_subset` reads them; `asked` where the person named them, not
    for the parts that are always compared, and `drawn` where those were drawn at random.
    `proxy_a_distance` is 0 (cannot be told apart) to 2 (always told apart). `frechet` is the
    Fréchet distance of their features, None with too few pictures, `frechet_chance` what two
    parts of these sizes get when the pictures are dealt out at random.
    """

    a: str
    b: str
    n_a: int
    n_b: int
    proxy_a_distance: float
    frechet: float | None
    frechet_chance: float | None
    asked: bool = False
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class PretrainingDistance:
    """How far these pictures are from the ones that the backbone was trained on.

    `distance` compares activations with the statistics kept in BatchNorm layers, in standard
    deviations; None where the weights keep none. `nearness` is one of `NEARNESS`, by limits that
    were set with another backbone unless `limits_known`.

    `seen_classes` are classes of the backbone's own classifier with the share of the pictures that
    it gives them, the most frequent first, of `class_count`; `seen_pictures` the digest of the
    picture that it gives each with the highest probability; `sureness` is its typical
    probability for its first answer. Without them `missing` is "classifier" or "names".
    """

    distance: float | None
    nearness: str | None
    limits_known: bool
    seen_classes: tuple[tuple[str, float], ...] = ()
    seen_pictures: tuple[str, ...] = ()
    class_count: int | None = None
    sureness: float | None = None
    missing: str | None = None


@dataclass(frozen=True, kw_only=True)
class LearningPoint:
    per_class: int  # pictures per class that were learnt from
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """`extrapolated`: (pictures per class, low, middle, high), fractions.

    The first is for twice as many pictures; empty where there are too few to look ahead.
    """

    points: tuple[LearningPoint, ...]
    extrapolated: tuple[tuple[int, float, float, float], ...]


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
    confidence: float  # mean probability of the first answer
    accuracy: float
    reliability: tuple[tuple[float, float, int], ...]
    coverage: tuple[tuple[float, float | None, float], ...]
    conformal: tuple[Conformal, ...]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """All parts that are there so far.

    `labels_digest` says on which pictures, labels and groups: where it differs from
    `labels_digest(image_set(...))`, the results are as of the old labels. `digests` are the
    pictures that are measured, by cross-validation in `folds`, or on a part held out (1).
    `done` and `total` list the parts by name, `seconds` what each took, and "features"
    and "second pass" before them; `notes` are sentences
    on what was left out and why.
    """

    project_id: str
    backbone: str
    labels_digest: str
    digests: tuple[str, ...]
    folds: int
    total: tuple[str, ...]
    seed: int = 0  # of the folds
    version: int = 1
    done: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    measured: tuple[Measured, ...] = ()
    verdict: Verdict | None = None
    layers: LayerCurve | None = None
    similarities: tuple[Similarity, ...] = ()
    distance: PretrainingDistance | None = None
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
    write_json(run_dir / FILE, assessment)


def read_assessment(run_dir: Path) -> Assessment | None:
    """Return what is there so far; None before the first part, or for another version's file."""
    return read_json(run_dir / FILE, Assessment)


def has_damaged_assessment(run_dir: Path) -> bool:
    return is_damaged(run_dir / FILE, Assessment)

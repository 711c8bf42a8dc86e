"""Traits that tell a class without looking at what the pictures show.

Each kind of trait alone predicts the class: numbers that follow the light in one direction, others
by a forest out of bag. A class is given away if pictures of it are told from all others nearly
always; this share is the area under the ROC curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from tl_core.assessment.health.traits import Traits

AREA = 0.9  # from which on a class is given away; by colour, which belongs to things, `COLOUR`
BRIGHTNESS, COLOUR = 0.88, 0.95
SURE = 4.5  # deviations from chance
MOST_PICTURES = 1000
LEAST_PICTURES = 5  # of a class
TREES = 60
FORESTS = {
    "frame": ("step red", "step green", "step blue"),
    "file format": ("format", "mode"),
    "camera": ("camera", "software"),
    "date": ("day",),
    "size": ("width", "height"),
    "aspect": ("aspect",),
    "compression": ("quality",),
    "background": ("ring red", "ring green", "ring blue"),
    "file name": ("file name",),
}
# What follows from another trait of the same class is not said again.
FOLLOWS = {
    "camera": ("file format",),
    "date": ("file format", "camera"),
    "compression": ("file format", "camera", "brightness", "frame"),
    "aspect": ("size",),
    "colour": ("frame", "brightness"),
    "background": ("frame", "brightness", "colour"),
    "frame": ("brightness",),
}


@dataclass(frozen=True)
class Giveaway:
    """A trait that tells `classes` (indices) from all others; `values` says how, by class.

    `accuracy` is the mean over classes of what is predicted right from the trait alone.
    """

    trait: str
    classes: tuple[int, ...]
    values: tuple[str, ...]
    area: float
    accuracy: float


def giveaways(
    traits: Traits, labels: np.ndarray, groups: np.ndarray, num_classes: int
) -> list[Giveaway]:
    """Return the traits that give classes away, those that tell most first.

    Args:
        traits: Of N pictures.
        labels: Class index, int64 (N,).
        groups: Of pictures that show the same thing, (N,): one of each is asked.
        num_classes: K.
    """
    rows = np.unique(groups, return_index=True)[1]
    rows = np.random.default_rng(0).permutation(rows)[:MOST_PICTURES]
    counts = np.bincount(labels[rows], minlength=num_classes)
    rows = np.sort(rows[counts[labels[rows]] >= LEAST_PICTURES])
    known = np.unique(labels[rows])
    if len(known) < 2:
        return []
    some = labels[rows]
    numbers = {name: np.nan_to_num(one[rows], nan=-1.0) for name, one in traits.numbers.items()}
    texts = {name: one[rows] for name, one in traits.texts.items()}
    red, green, blue = (numbers[name] for name in ("red", "green", "blue"))
    mean = (red + green + blue) / 3
    light = {
        "brightness": (mean, numbers["brightest"], mean * numbers["brightest"]),
        "colour": (red - blue, green - (red + blue) / 2, numbers["saturation"]),
    }
    areas: dict[str, dict[int, float]] = {}
    accuracy: dict[str, float] = {}
    for name, values in light.items():
        areas[name] = {c: max(_either(some == c, one) for one in values) for c in known}
        accuracy[name] = _forest(np.stack(values, axis=1), some)[1] if areas[name] else 0.0
    for name, columns in FORESTS.items():
        values = np.stack([_column(numbers, texts, one) for one in columns], axis=1)
        if (values != values[0]).any():
            answers, accuracy[name] = _forest(values, some)
            areas[name] = {
                c: float(roc_auc_score(some == c, answers[:, i])) for i, c in enumerate(known)
            }
    least = {"brightness": BRIGHTNESS, "colour": COLOUR}
    told = {
        name: {
            c
            for c, area in found.items()
            if area >= least.get(name, AREA) and _deviations(area, some == c) >= SURE
        }
        for name, found in areas.items()
    }
    found = []
    for name, classes in told.items():
        if name == "frame":  # a darker picture has a darker frame, too, but less than what it shows
            before = {c for c in told["brightness"] if areas["brightness"][c] >= areas[name][c]}
        elif name == "brightness":
            before = {c for c in told.get("frame", ()) if areas["frame"][c] > areas[name][c]}
        else:
            before = set().union(*(told.get(other, ()) for other in FOLLOWS.get(name, ())))
        if left := sorted(classes - before):
            values = tuple(_value(name, mean, texts, some == c) for c in left)
            area = max(areas[name][c] for c in left)
            found.append(Giveaway(name, tuple(map(int, left)), values, area, accuracy[name]))
    return sorted(found, key=lambda one: -one.accuracy)


def _column(numbers: dict, texts: dict, name: str) -> np.ndarray:
    if name in numbers:
        return numbers[name]
    return np.unique(texts[name], return_inverse=True)[1].astype(np.float32)


def _forest(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Return probabilities out of bag, (N, K), and the mean over classes of what is right."""
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=3, class_weight="balanced", oob_score=True, random_state=0
    )
    found = np.nan_to_num(forest.fit(values, labels).oob_decision_function_)
    right = forest.classes_[found.argmax(axis=1)] == labels
    return found, float(np.mean([right[labels == c].mean() for c in forest.classes_]))


def _either(mine: np.ndarray, values: np.ndarray) -> float:
    area = float(roc_auc_score(mine, values))
    return max(area, 1 - area)


def _deviations(area: float, mine: np.ndarray) -> float:
    """Return how far an area is from chance (Mann & Whitney 1947)."""
    a, b = int(mine.sum()), int((~mine).sum())
    return (area - 0.5) / np.sqrt((a + b + 1) / (12 * a * b))


def _value(trait: str, mean: np.ndarray, texts: dict, mine: np.ndarray) -> str:
    """Return how the pictures of a class differ from the others, as far as a word says it."""
    if trait == "brightness":
        return "darker" if mean[mine].mean() < mean[~mine].mean() else "brighter"
    column = {"file format": "format", "camera": "camera", "file name": "file name"}.get(trait)
    if column is None:
        return ""
    return _commonest(texts[column][mine])


def _commonest(values: Sequence[str]) -> str:
    names, counts = np.unique(values, return_counts=True)
    return str(names[counts.argmax()]) or "none"

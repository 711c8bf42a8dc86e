"""How many labels it takes to come near the full accuracy, asked for in sweeps or at random.

Of every set a third tests and the rest waits for labels: 20 at first, 20 more in each sweep. Full
is the accuracy with all labels; what is told is when a mean over draws reaches 95 % of it.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring.projects import features_of, has_pictures
from benchmarks.measuring.table import GOALS, Measured, Table, goal
from tl_core.approaches.probing.active_learning import label_curve, worth_labelling
from tl_core.approaches.probing.probe import Basis, ProbeFit
from tl_core.evaluation.calibration import softmax
from tl_core.features.extraction import FeatureTable
from tl_core.images import image_set
from tl_core.runs.results.live import SWEEP
from tl_core.service.headless.folders import project_of_folder
from tl_core.workspace import open_workspace

SETS, SEEDS, TOLD = ("trashnet6", "sign_digits"), 10, 3
ENOUGH, WANTED = 0.95, 0.7  # of the full accuracy; of the labels at random


def measure(data: Path) -> Measured | None:
    if not has_pictures(data, *SETS):
        return None
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        for name in SETS:
            project, _ = project_of_folder(workspace, data / name, None)
            images = image_set(workspace, project).images
            table = features_of(workspace, project, images)
            found[name] = _needed(table, np.array([image.label for image in images]))
    rows = [
        (name, f"{one['full']:.3f}", f"{one['random']:.0f}", f"{one['sweeps']:.0f}",
         f"{one['ratio']:.2f}", one["stopped"] or "never")
        for name, one in found.items()
    ]  # fmt: skip
    columns = ("set", "full accuracy", "at random", "in sweeps", "ratio", "hardly helps at")
    goals = [
        goal(f"{name}, labels needed, of those at random", one["ratio"], most=WANTED)
        for name, one in found.items()
    ]
    title = f"Labels for {ENOUGH:.0%} of the full accuracy, mean of {SEEDS} draws"
    return Measured([Table(title, columns, rows), Table("Goals", GOALS, goals)], found)


def _needed(table: FeatureTable, labels: np.ndarray) -> dict[str, float]:
    """Return labels needed at random and in sweeps, and when the curve says that it is enough."""
    curves = {"random": [], "sweeps": []}
    stopped = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(labels))
        test, pool = order[: len(order) // 3], order[len(order) // 3 :]
        for way, some in curves.items():
            curve, enough = _labelled(
                table, labels, pool, test, at_random=way == "random", told=seed < TOLD
            )
            some.append(curve)
            stopped += [enough] if enough else []
    counts = np.minimum(SWEEP * np.arange(1, len(curves["random"][0]) + 1), len(pool))
    means = {way: np.mean(some, axis=0) for way, some in curves.items()}
    full = float(means["random"][-1])
    labels_needed = {way: _reached(counts, one, ENOUGH * full) for way, one in means.items()}
    return {
        "full": full,
        **labels_needed,
        "ratio": labels_needed["sweeps"] / labels_needed["random"],
        "stopped": round(np.median(stopped)) if 2 * len(stopped) > TOLD else None,
    }


def _labelled(
    table: FeatureTable,
    labels: np.ndarray,
    pool: np.ndarray,
    test: np.ndarray,
    *,
    at_random: bool,
    told: bool,
) -> tuple[list[float], int | None]:
    """Return the accuracy after each sweep, and after how many labels more hardly help."""
    known, curve, enough, fit = pool[:0], [], None, None
    while len(known) < len(pool):
        rest = np.setdiff1d(pool, known, assume_unique=True)
        chosen = pool[len(known) :][:SWEEP] if at_random else rest[_asked(table, rest, known, fit)]
        known = np.concatenate([known, chosen])
        some = {name: block[known] for name, block in table.features.items()}
        fit = Basis(some).fit(labels[known], int(labels.max()) + 1)
        curve.append((fit.probe.logits(table.values[test]).argmax(axis=1) == labels[test]).mean())
        if told and not at_random and enough is None:
            right = (fit.out_of_group.argmax(axis=1) == labels[known]).astype(float)
            growth = label_curve(
                some, labels[known], np.arange(len(known)), right, learnt=len(known)
            )
            enough = len(known) if growth and growth.hardly else None
    return curve, enough


def _asked(
    table: FeatureTable, rest: np.ndarray, known: np.ndarray, fit: ProbeFit | None
) -> np.ndarray:
    said = softmax(fit.probe.logits(table.values[rest])) if fit else None
    learnt = table.last[known] if len(known) else None
    return worth_labelling(table.last[rest], said, learnt, count=SWEEP)


def _reached(counts: np.ndarray, accuracy: np.ndarray, wanted: float) -> float:
    """Return after how many labels the accuracy is reached first, between two sweeps in line."""
    place = int(np.argmax(accuracy >= wanted))
    if not place:
        return float(counts[0])
    return float(np.interp(wanted, accuracy[place - 1 : place + 1], counts[place - 1 : place + 1]))

"""The probe measured honestly: chosen and fitted inside each fold, kept on disk, computed once.

A training reports this result, its trial of fine-tuning goes on from these classifiers, and the
assessment and the ranking compare with it.
"""

import hashlib
import json
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tl_core.approaches.probe import LinearProbe, Method, all_views, fit_probe
from tl_core.approaches.probe_choice import ProbeChoice, choose_probe
from tl_core.evaluation.out_of_fold import Division, OutOfFold, Predict
from tl_core.features.device import suited_threads
from tl_core.runs.events import Event, Progress, passed_on
from tl_core.workspace.storage import storage_errors, write_atomic

FORMAT = 1  # raise it when the same features would give another result
SHELF = "cross_validated"  # in the project's `features` folder
MOST_KEPT = 12  # results; the oldest go first


@dataclass(frozen=True)
class FoldFit:
    """A classifier chosen and fitted on the rows `train`, int64 (n,); `test` it has never seen."""

    train: np.ndarray
    test: np.ndarray
    choice: ProbeChoice
    probe: LinearProbe


@dataclass(frozen=True)
class CrossValidated:
    """A classifier for each fold of a division, and what they predict for the measured rows.

    `seconds` is what choosing and fitting takes, whether or not the choices were kept.
    """

    fits: tuple[FoldFit, ...]
    answers: OutOfFold
    seconds: float


def cross_validated_probe(
    views: dict[str, np.ndarray],
    division: Division,
    *,
    phase: str,
    balanced: bool = True,
    folder: Path | None = None,
) -> Generator[Progress, None, CrossValidated]:
    """Fit the recommended classifier in each fold: features, method, temperature chosen inside.

    Args:
        views: Raw features by name ("last", perhaps "all"), each (V, N, D): V views of the N
            pictures, the plain one first. All are fitted on, plain ones are measured.
        division: Of the N pictures.
        phase: Of the progress, in classifiers tried.
        balanced: Whether every class counts equally in fitting.
        folder: The project's `features` folder, where the result is looked for and kept; None
            computes it anew.

    Raises:
        StorageFull: If there is no space to keep the result.
    """
    file = folder / SHELF / f"{_key(views, division, balanced)}.json" if folder else None
    known = _load(file) if file else None
    if known is None:
        began = time.perf_counter()
        choices = yield from _choose(views, division, phase, balanced)
        known = choices, time.perf_counter() - began
        if file:
            _store(file, *known)
    choices, seconds = known
    began = time.perf_counter()
    fits, k = [], division.num_classes
    logits = np.zeros((len(division.labels), k), np.float32)
    for choice, (train, test) in zip(choices, division.folds, strict=True):
        view = views[choice.features]
        with suited_threads(len(division.labels)):
            learnt = all_views(view, division.labels, train)
            probe = choice.fit(*learnt, k, balanced=balanced)
        logits[test] = probe.logits(view[0, test])
        fits.append(FoldFit(train, test, choice, probe))
    seconds += time.perf_counter() - began
    return CrossValidated(tuple(fits), division.measured(logits), seconds)


def _choose(
    views: dict[str, np.ndarray], division: Division, phase: str, balanced: bool
) -> Generator[Progress, None, list[ProbeChoice]]:
    labels, count = division.labels, len(division.folds)
    began, choices = time.perf_counter(), []

    def among_all_folds(event: Event) -> Event | None:
        if not isinstance(event, Progress):
            return None  # a candidate's score in one fold is nobody's result
        done, total = len(choices) * event.total + event.done, count * event.total
        left = (time.perf_counter() - began) / done * (total - done)
        return Progress(phase, done, total, left)

    for train, _ in division.folds:
        with suited_threads(len(labels)):
            choosing = choose_probe(
                {name: view[:, train] for name, view in views.items()},
                labels[train],
                division.num_classes,
                folds=division.inner_folds(train),
                balanced=balanced,
            )
            choices.append((yield from passed_on(choosing, among_all_folds)))
    return choices


def fixed_probe(matrix: np.ndarray, division: Division, *, method: Method) -> Predict:
    """Return a classifier on raw features (N, D), fitted in a given way: nothing is chosen."""

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        labels, k = division.labels[train], division.num_classes
        with suited_threads(len(division.labels)):
            return fit_probe(matrix[train], labels, k, method=method).logits(matrix[test])

    return predict


def _key(views: dict[str, np.ndarray], division: Division, balanced: bool) -> str:
    """Return a name that changes with everything that the result depends on."""
    facts = [FORMAT, division.num_classes, division.seed, balanced, sorted(views)]
    key = hashlib.sha256(json.dumps(facts).encode())
    groups = [] if division.groups is None else [division.groups]
    rows = [part for fold in division.folds for part in fold]
    for array in (division.labels, *groups, *rows, *(views[name] for name in sorted(views))):
        key.update(f"{array.shape} {array.dtype}".encode())
        key.update(np.ascontiguousarray(array))
    return key.hexdigest()[:32]


def _store(file: Path, choices: list[ProbeChoice], seconds: float) -> None:
    facts = [
        {
            "features": choice.features,
            "method": asdict(choice.method),
            "temperature": choice.temperature,
            "scores": [[name, asdict(one), score] for (name, one), score in choice.scores.items()],
        }
        for choice in choices
    ]
    with storage_errors("keeping what was measured"):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps({"seconds": seconds, "choices": facts}).encode())
    kept = sorted(file.parent.iterdir(), key=lambda one: one.stat().st_mtime)
    for old in kept[:-MOST_KEPT]:
        old.unlink(missing_ok=True)


def _load(file: Path) -> tuple[list[ProbeChoice], float] | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        choices = [
            ProbeChoice(
                features=one["features"],
                method=Method(**one["method"]),
                temperature=one["temperature"],
                scores={(name, Method(**how)): score for name, how, score in one["scores"]},
            )
            for one in kept["choices"]
        ]
        return choices, kept["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

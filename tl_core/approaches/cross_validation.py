"""The probe measured honestly: chosen and fitted inside each fold, kept on disk, computed once.

A training reports this result, its trial of fine-tuning goes on from these classifiers, and the
assessment and the ranking compare with it.
"""

import hashlib
import io
import json
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

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
_ARRAYS = ("mean", "scale", "weight", "bias")


@dataclass(frozen=True)
class FoldFit:
    """A classifier chosen and fitted on the rows `train`, int64 (n,); `test` it has never seen."""

    train: np.ndarray
    test: np.ndarray
    choice: ProbeChoice
    probe: LinearProbe


@dataclass(frozen=True)
class CrossValidated:
    """A classifier for each fold of a division, and what they predict for the measured rows."""

    fits: tuple[FoldFit, ...]
    answers: OutOfFold


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
    file = folder / SHELF / f"{_key(views, division, balanced)}.npz" if folder else None
    fits = _load(file, division) if file else None
    if fits is None:
        fits = yield from _fit(views, division, phase, balanced)
        if file:
            _store(file, fits)
    logits = np.zeros((len(division.labels), division.num_classes), np.float32)
    for fit in fits:
        logits[fit.test] = fit.probe.logits(views[fit.choice.features][0, fit.test])
    return CrossValidated(fits, division.measured(logits))


def _fit(
    views: dict[str, np.ndarray], division: Division, phase: str, balanced: bool
) -> Generator[Progress, None, tuple[FoldFit, ...]]:
    labels, k, count = division.labels, division.num_classes, len(division.folds)
    began = time.perf_counter()
    fits = []
    for number, (train, test) in enumerate(division.folds):
        with suited_threads(len(labels)):
            choosing = choose_probe(
                {name: view[:, train] for name, view in views.items()},
                labels[train],
                k,
                folds=division.inner_folds(train),
                balanced=balanced,
            )
            choice = yield from passed_on(
                choosing, partial(_among_all, number, count, phase, began)
            )
            view = views[choice.features]
            probe = choice.fit(*all_views(view, labels, train), k, balanced=balanced)
        fits.append(FoldFit(train, test, choice, probe))
    return tuple(fits)


def _among_all(number: int, count: int, phase: str, began: float, event: Event) -> Event | None:
    """Turn a fold's progress into that of all folds; its candidates' scores are nobody's result."""
    if not isinstance(event, Progress):
        return None
    done, total = number * event.total + event.done, count * event.total
    left = (time.perf_counter() - began) / done * (total - done)
    return Progress(phase, done, total, left)


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


def _store(file: Path, fits: tuple[FoldFit, ...]) -> None:
    arrays, facts = {}, []
    for number, fit in enumerate(fits):
        arrays |= {f"{name}{number}": getattr(fit.probe, name) for name in _ARRAYS}
        choice = fit.choice
        facts.append(
            {
                "features": choice.features,
                "method": asdict(choice.method),
                "temperature": choice.temperature,
                "scores": [
                    [name, asdict(one), score] for (name, one), score in choice.scores.items()
                ],
                "unit_length": fit.probe.unit_length,
            }
        )
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(facts)), **arrays)
    with storage_errors("keeping what was measured"):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, content.getvalue())
    kept = sorted(file.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)
    for old in kept[:-MOST_KEPT]:
        old.unlink(missing_ok=True)


def _load(file: Path, division: Division) -> tuple[FoldFit, ...] | None:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            probes = [
                LinearProbe(*(arrays[f"{name}{i}"] for name in _ARRAYS), one["unit_length"])
                for i, one in enumerate(facts)
            ]
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
    return tuple(
        FoldFit(train, test, _choice(one), probe)
        for (train, test), one, probe in zip(division.folds, facts, probes, strict=True)
    )


def _choice(facts: dict) -> ProbeChoice:
    return ProbeChoice(
        features=facts["features"],
        method=Method(**facts["method"]),
        temperature=facts["temperature"],
        scores={(name, Method(**one)): score for name, one, score in facts["scores"]},
    )

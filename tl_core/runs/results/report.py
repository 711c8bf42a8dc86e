"""What a finished run found out, as values that pages read."""

import io
import json
import math
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tl_core.runs.configuration import TrainingConfig, config_from_json, config_to_json
from tl_core.runs.results.intervals import independent_pictures, out_of_fold_interval
from tl_core.workspace.json_values import UNREADABLE, write_json
from tl_core.workspace.storage import checksum, write_atomic

REPORT, PREDICTIONS = "report.json", "predictions.npz"
OLD_FOLDS = {"out-of-fold": 5}  # by method, in reports that do not name their folds


@dataclass(frozen=True)
class ClassReport:
    """One class: fractions in [0, 1], nan where nothing was predicted or nothing is there."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """Predictions for pictures that the model did not train on.

    Args:
        class_names: K names; their order is the labels' order.
        digests: Content hash of each picture.
        labels: True class index, int64, shape (N,).
        probabilities: float32, shape (N, K).
        measured_on: Which pictures: "all" (out of fold), "test" or "validation"; older reports
            have words for it.
        folds: Of the cross-validation that answered every picture out of fold; 1 if the
            pictures were held out.
        groups: Group of each picture, int64 (N,); None, in older reports, if every picture is its
            own.
    """

    class_names: tuple[str, ...]
    digests: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    measured_on: str
    folds: int = 1
    groups: np.ndarray | None = None

    @cached_property
    def predicted(self) -> np.ndarray:
        """Class index with the highest probability, int64, shape (N,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def correct(self) -> int:
        return int((self.predicted == self.labels).sum())

    @property
    def accuracy(self) -> float:
        return self.correct / self.n if self.n else math.nan

    @property
    def method(self) -> str:
        """How the pictures were kept from the model: "held-out" or "out-of-fold"."""
        return "out-of-fold" if self.folds > 1 else "held-out"

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, fractions."""
        return out_of_fold_interval(
            self.correct, self.n, folds=self.folds, independent=self.independent
        )

    @cached_property
    def independent(self) -> float:
        """As how many pictures these count that are independent of one another."""
        if self.groups is None:
            return float(self.n)
        return independent_pictures(self.predicted == self.labels, self.groups)

    @cached_property
    def fewest_groups(self) -> int:
        """How many groups, or pictures without one, the class with the fewest has."""
        groups = np.arange(self.n) if self.groups is None else self.groups
        found = (len(np.unique(groups[self.labels == label])) for label in np.unique(self.labels))
        return min(found, default=0)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts, int64, shape (K, K): rows are true classes, columns predicted ones."""
        k = len(self.class_names)
        cells = np.bincount(self.labels * k + self.predicted, minlength=k * k)
        return cells.reshape(k, k)

    @cached_property
    def per_class(self) -> list[ClassReport]:
        hits = np.diag(self.confusion)
        predicted, support = self.confusion.sum(axis=0), self.confusion.sum(axis=1)
        return [
            ClassReport(
                name=name,
                precision=_share(hits[i], predicted[i]),
                recall=_share(hits[i], support[i]),
                f1=_share(2 * hits[i], predicted[i] + support[i]),
                support=int(support[i]),
            )
            for i, name in enumerate(self.class_names)
        ]

    @property
    def macro_f1(self) -> float:
        """Mean F1 over classes that occur among the labels or the predictions."""
        scores = [entry.f1 for entry in self.per_class if not math.isnan(entry.f1)]
        return float(np.mean(scores)) if scores else math.nan

    def at(self, true: int, predicted: int) -> np.ndarray:
        """Return indices of the pictures in one cell of the confusion matrix."""
        return np.flatnonzero((self.labels == true) & (self.predicted == predicted))

    def most_confident_mistakes(self, limit: int = 20) -> np.ndarray:
        """Return indices of wrong predictions, the surest first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        confidence = self.probabilities[wrong].max(axis=1) if len(wrong) else np.empty(0)
        return wrong[np.argsort(-confidence, kind="stable")][:limit]


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one run: what was asked, what was done, how good it is.

    `seconds` has `features`, `probe`, `fine_tune`, `evaluate` and `total`; `engine` says what
    computed and how closely it agrees with plain float32; `trial_gain` what fine-tuning on trial
    gained over the probe, a fraction of the same pictures, None if it was not tried to the end,
    and `trial_kept` whether its network is the model; `notes` are plain sentences. Of a linear
    probe, `optimism` is how much of its accuracy comes of choosing by the same answers, and
    `candidates` are features, amount of regularisation and accuracy of all that was tried.
    `findings` is what one approach alone finds, JSON-able.
    """

    config: TrainingConfig
    strategy_used: str
    features: str
    evaluation: Evaluation
    seconds: dict[str, float]
    trial_gain: float | None = None
    trial_kept: bool = False
    engine: dict = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    optimism: float | None = None
    candidates: tuple[tuple[str, float, float], ...] = ()
    findings: dict = field(default_factory=dict)

    def summary(self) -> dict:
        """Return the JSON-able part: everything but the single predictions."""
        return {
            "accuracy": self.evaluation.accuracy,
            "macro_f1": self.evaluation.macro_f1,
            "n_test": self.evaluation.n,
            "correct": self.evaluation.correct,
            "interval": list(self.evaluation.interval),
            "measured_on": self.evaluation.measured_on,
            "method": self.evaluation.method,
            "folds": self.evaluation.folds,
            "strategy_used": self.strategy_used,
            "features": self.features,
            "trial_gain": self.trial_gain,
            "trial_kept": self.trial_kept,
            "optimism": self.optimism,
            "candidates": self.candidates,
            "findings": self.findings,
            "backbone": self.config.backbone.name,
            "seed": self.config.seed,
            "class_names": list(self.evaluation.class_names),
            "seconds": self.seconds,
            "engine": self.engine,
            "versions": self.versions,
            "notes": list(self.notes),
            "config": config_to_json(self.config),
        }


def write_report(run_dir: Path, report: Report) -> None:
    """Store both files; the JSON comes last and makes both count."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        digests=np.array(report.evaluation.digests, dtype="U64"),
        labels=report.evaluation.labels,
        probabilities=report.evaluation.probabilities.astype(np.float32),
        **({} if report.evaluation.groups is None else {"groups": report.evaluation.groups}),
    )
    write_atomic(run_dir / PREDICTIONS, content.getvalue())
    seal = {"predictions_checksum": checksum(content.getvalue())}
    write_json(run_dir / REPORT, {**report.summary(), **seal})


def read_report(run_dir: Path) -> Report | None:
    """Return the run's result, None while there is none or if its files are damaged."""
    try:
        data = json.loads((run_dir / REPORT).read_text(encoding="utf-8"))
        return _report(data, (run_dir / PREDICTIONS).read_bytes())
    except (OSError, AttributeError, BadZipFile, EOFError, zlib.error, *UNREADABLE):
        return None


def has_damaged_report(run_dir: Path) -> bool:
    """Whether a run that has ended wrote a result that cannot be read any more."""
    return (run_dir / REPORT).exists() and read_report(run_dir) is None


def _report(data: dict, predictions: bytes) -> Report:
    """Return the report, or raise what damaged files make json and numpy raise."""
    if data.get("predictions_checksum", checksum(predictions)) != checksum(predictions):
        raise ValueError(f"{PREDICTIONS} is damaged")
    with np.load(io.BytesIO(predictions), allow_pickle=False) as arrays:
        found = dict(arrays)
    digests, labels, probabilities = (found[n] for n in ("digests", "labels", "probabilities"))
    shape = (len(labels), len(data["class_names"]))
    if probabilities.shape != shape or len(digests) != len(labels):
        raise ValueError(f"{PREDICTIONS} does not fit {REPORT}")
    return Report(
        config=config_from_json(data["config"]),
        strategy_used=data["strategy_used"],
        features=data["features"],
        trial_gain=data.get("trial_gain"),
        trial_kept=data.get("trial_kept", (data.get("trial_gain") or 0) > 0),
        seconds=data["seconds"],
        engine=data["engine"],
        versions=data["versions"],
        notes=tuple(data["notes"]),
        optimism=data.get("optimism"),
        candidates=tuple((a, b, c) for a, b, c in data.get("candidates", ())),
        findings=data.get("findings", {}),
        evaluation=Evaluation(
            class_names=tuple(data["class_names"]),
            digests=tuple(digests.tolist()),
            labels=labels,
            probabilities=probabilities,
            measured_on=data["measured_on"],
            folds=data.get("folds", OLD_FOLDS.get(data["method"], 1)),
            groups=found.get("groups"),
        ),
    )

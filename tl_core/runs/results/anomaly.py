"""What a model of normal pictures found: how often it errs, and how odd a picture is to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.report import Evaluation, Report

SHARPNESS = 2.0  # of probabilities: logits per spread of the normal pictures


@dataclass(frozen=True, kw_only=True)
class AnomalyResult:
    """Counts of the pictures that were not learnt from.

    Args:
        threshold: The score above which a picture is anomalous, in spreads of normal pictures.
        promised: The share of normal pictures that was allowed to be above it.
        normal, false_alarms: Normal pictures, and how many of them are above it.
        anomalous, found: Pictures known to be anomalous, and how many of them are above it.
        auroc: Area under the ROC curve; None without both kinds.
    """

    threshold: float
    promised: float
    normal: int
    false_alarms: int
    anomalous: int
    found: int
    auroc: float | None

    @property
    def false_alarm_interval(self) -> tuple[float, float]:
        return wilson_interval(self.false_alarms, self.normal)

    def score(self, probabilities: Sequence[float]) -> float:
        """Return how odd a picture with these probabilities of (normal, anomalous) is."""
        normal, odd = (max(float(value), 1e-38) for value in probabilities)
        return self.threshold + math.log(odd / normal) / SHARPNESS


def anomaly_result(report: Report | None) -> AnomalyResult | None:
    """Return what a training on normal pictures found; None for any other."""
    if report is None or "false_alarms_promised" not in report.findings:
        return None
    facts, tested = report.findings, report.evaluation
    odd, alarm = tested.labels == 1, tested.predicted == 1
    return AnomalyResult(
        threshold=facts["threshold"],
        promised=facts["false_alarms_promised"],
        normal=int((~odd).sum()),
        false_alarms=int((~odd & alarm).sum()),
        anomalous=int(odd.sum()),
        found=int((odd & alarm).sum()),
        auroc=facts["auroc"],
    )


def oddest_first(evaluation: Evaluation) -> np.ndarray:
    """Return the indices of all pictures, the oddest first."""
    return np.argsort(-evaluation.probabilities[:, 1], kind="stable")

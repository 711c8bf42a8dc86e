"""The recommended training: a linear probe, then fine-tuning on trial, kept only if it pays.

The last layer groups go on learning from the fitted probe (LP-FT) in each fold that the probe was
measured in, and answer the same pictures. Only a gain of more than one standard error is kept; then
they learn from all pictures. Whoever stops meanwhile has the probe.
"""

import copy
import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch

from tl_core.approaches import fine_tuning, linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.batches import batches_for
from tl_core.approaches.cross_validation import FoldFit
from tl_core.approaches.fine_tuning import TunedModel
from tl_core.approaches.linear_probe import (
    ProbeModel,
    evaluation_on,
    measured_division,
    network_of,
)
from tl_core.approaches.optimisation import Optimisation, optimise, start
from tl_core.approaches.probe import CENTROIDS, LinearProbe
from tl_core.approaches.probe_choice import ProbeChoice
from tl_core.approaches.task import Task, extract
from tl_core.backbones.layer_groups import layer_groups
from tl_core.evaluation.calibration import fit_temperature
from tl_core.evaluation.out_of_fold import divide
from tl_core.runs.events import EpochResult, Event, Note, PhaseStarted, Progress, passed_on
from tl_core.runs.results.intervals import paired_gain
from tl_core.runs.results.report import Evaluation

SURE_AFTER = 3  # steps, or pictures: earlier the time left is a guess
TOLERATED = 1.25  # times the seconds that a trial may take: a busy moment ends none


def train(task: Task) -> Steps:
    task, extracted = yield from extract(task, augmented=True)
    model = yield from linear_probe.fit(task, extracted)
    yield Fitted(model)
    if task.config.tuning_seconds > 0:
        yield from _try_fine_tuning(model)


def _try_fine_tuning(model: ProbeModel) -> Steps:
    """Fine-tune in every fold of the probe, and on all pictures if that pays."""
    task, rows = model.task, _learnt_rows(model.task)
    pictures = [task.images.images[row] for row in rows]
    division = divide(pictures, task.num_classes, seed=task.config.seed)
    if model.choice.method == CENTROIDS or division is None:
        yield Note("Fine-tuning was not tried: with so few pictures in a class it would overfit.")
        return
    found = yield from linear_probe.cross_validate(task, model.extracted, division, "probe", rows)
    right = found.answers.correct
    if right.all():
        yield Note("The linear probe made no mistake, so fine-tuning was not tried.")
        return
    folds = tuple(replace(fit, train=rows[fit.train], test=rows[fit.test]) for fit in found.fits)
    measured, labels = rows[division.rows], found.answers.labels
    yield PhaseStarted("trial")
    limit = _Limit(task.config.tuning_seconds, time.perf_counter())
    try:
        logits = yield from _tuned_logits(task, folds, limit)
    except _TooLong as reason:
        yield Note(
            f"The fine-tuning trial was not completed: it would take about {reason.seconds:.0f} "
            f"seconds, and the limit is {limit.seconds}. Raise the limit on the Layers page."
        )
        return
    gain, error = paired_gain(right, logits[measured].argmax(axis=1) == labels)
    points = f"{100 * gain:+.1f} points on the same {len(measured)} pictures"
    points += f" (standard error {100 * error:.1f})"
    if gain <= error:
        yield Note(f"Fine-tuning the last stage did not pay, {points}: the linear probe was kept.")
        yield Fitted(replace(model, trial_gain=gain))
        return
    tuned = yield from _keep(model, folds, logits, limit)
    yield Note(f"Fine-tuning the last stage gained {points} over the linear probe, so it was kept.")
    yield Fitted(replace(tuned, trial_gain=gain, trial_kept=True))


def _tuned_logits(
    task: Task, folds: tuple[FoldFit, ...], limit: "_Limit"
) -> Generator[Event, None, np.ndarray]:
    """Return logits, (N, K), of the pictures that the folds test; zeros for the others."""
    logits = np.zeros((len(task.images.images), task.num_classes), np.float32)
    for number, fold in enumerate(folds):
        steps = _tune(task, fold.train, fold.test, fold.choice, fold.probe)
        tuned = yield from _watched(steps, number, len(folds) + 1, limit)
        logits[fold.test] = tuned.answers
    return logits


def _learnt_rows(task: Task) -> np.ndarray:
    """Return the pictures, int64 (n,), that are not held out to report on."""
    return task.rows("train", "validation", *(["test"] if task.cross_validates else []))


def _keep(
    model: ProbeModel, folds: tuple[FoldFit, ...], logits: np.ndarray, limit: "_Limit"
) -> Generator[Event, None, "TrialModel"]:
    """Fine-tune on all pictures; probabilities are made to mean what they say, as for a probe."""
    task, nothing = model.task, np.array([], np.int64)
    steps = _tune(task, _learnt_rows(task), nothing, model.choice, model.probe)
    limit = replace(limit, seconds=math.inf)
    tuned = yield from _watched(steps, len(folds), len(folds) + 1, limit)
    tested, labels = np.concatenate([fold.test for fold in folds]), task.labels

    def temperature(rows: np.ndarray) -> float:
        return fit_temperature(logits[rows], labels[rows], unsure=1.0)

    answers = np.zeros_like(logits)
    for fold in folds:  # each fold's temperature comes from the others
        others = np.setdiff1d(tested, fold.test) if len(folds) > 1 else fold.test
        answers[fold.test] = logits[fold.test] / temperature(others)
    classifier = tuned.state.network.classifier
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter /= temperature(tested)
    tuned.state.best = {name: value.clone() for name, value in tuned.state.learnt().items()}
    return TrialModel(task, tuned.state, "fine-tune", model, answers=answers)


@dataclass(frozen=True)
class TrialModel(TunedModel):
    """A fine-tuned network that was measured out of fold; `answers` are the logits, (N, K)."""

    answers: np.ndarray | None = None

    @property
    def learnt(self) -> np.ndarray:
        return _learnt_rows(self.task)

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        if not self.task.cross_validates:
            return (yield from super().evaluate())
        division = yield from measured_division(self.task)
        return evaluation_on(self.task, division, division.measured(self.answers))


@dataclass(frozen=True)
class _Tuned:
    state: Optimisation
    answers: np.ndarray  # logits, (n, K), of the measured pictures


def _tune(
    task: Task,
    learnt: np.ndarray,
    measured: np.ndarray,
    choice: ProbeChoice,
    probe: LinearProbe,
) -> Generator[Event, None, _Tuned]:
    """Fine-tune a network of its own on the rows `learnt`; nothing is chosen by `measured`."""
    images, approach = task.images.images, fine_tuning.APPROACH
    parts = tuple(replace(images[row], split="train") for row in learnt)
    parts += tuple(replace(images[row], split="validation") for row in measured)
    task = replace(
        task,
        config=replace(task.config, frozen_groups=None),
        images=replace(task.images, images=parts),
        backbone=copy.deepcopy(task.backbone),
    )
    network = network_of(task, choice.features, probe)
    frozen = approach.frozen_groups(task.config, len(layer_groups(network)))
    state = start(network, task.config, frozen_groups=frozen, from_scratch=False)
    train, validation = yield from batches_for(task, network, from_scratch=False)
    yield from optimise(
        state,
        task.config,
        approach.step_plan,
        train,
        validation,
        class_weights=task.class_weights(),
    )
    network.eval()
    with torch.inference_mode():
        answers = [validation.logits(inputs).cpu().numpy() for inputs in validation.in_order()]
    return _Tuned(state, np.concatenate(answers) if answers else np.zeros((0, 0), np.float32))


@dataclass(frozen=True)
class _Limit:
    """What trying may take, since `began` (of `time.perf_counter`)."""

    seconds: float
    began: float

    def check(self, left: float) -> None:
        """Raise `_TooLong` if that many seconds more are clearly too many."""
        expected = time.perf_counter() - self.began + left
        if expected > TOLERATED * self.seconds:
            raise _TooLong(expected)


class _TooLong(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"would take {seconds:.0f} seconds")
        self.seconds = seconds


def _watched(
    events: Generator[Event, None, _Tuned], turn: int, turns: int, limit: _Limit
) -> Generator[Event, None, _Tuned]:
    """Pass on how far this turn is among all of them, and the first turn's epochs for the curve.

    Raises:
        _TooLong: If the whole would take longer than allowed.
    """

    def look(event: Event) -> Event | None:
        if isinstance(event, EpochResult):
            return event if turn == 0 else None
        if not isinstance(event, Progress):
            return None
        left = event.seconds_left
        if event.phase == "fine_tune" and left is not None and event.done < event.total:
            whole = left * event.total / (event.total - event.done)
            left += whole * (turns - turn - 1)
        if left is not None and event.done >= SURE_AFTER:
            limit.check(left)
        done, total = event.done, event.total
        if event.phase == "fine_tune":
            done, total = turn * total + done, turns * total
        phase = "trial" if event.phase == "fine_tune" else event.phase
        return Progress(phase, done, total, left)

    return passed_on(events, look)


APPROACH = Approach(
    name="recommended",
    settings=("balanced", "augmentations", "views", "tuning_seconds"),
    train=train,
)

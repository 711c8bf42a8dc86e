"""Fine-tuning on trial: the linear probe, then fine-tuning in folds, kept only if it pays.

In each fold the last layer groups go on learning from a probe fitted there (LP-FT) and answer the
pictures that both have not seen. Only a gain of more than one standard error is kept; then they
learn from all pictures. Whoever stops meanwhile has the probe.
"""

import copy
import math
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from tl_core.approaches import fine_tuning, linear_probe
from tl_core.approaches.approach import Approach, Fitted, Steps
from tl_core.approaches.fine_tuning import TunedModel
from tl_core.approaches.linear_probe import ProbeModel, network_of
from tl_core.approaches.optimising.batches import batches_for
from tl_core.approaches.optimising.optimisation import Optimisation, optimise, start
from tl_core.approaches.task import Task, extract
from tl_core.backbones.layer_groups import layer_groups
from tl_core.evaluation.calibration import fit_temperature, softmax
from tl_core.evaluation.measuring import evaluation_of
from tl_core.evaluation.out_of_fold import Division, divide
from tl_core.runs.events import EpochResult, Event, Note, PhaseStarted, Progress, passed_on
from tl_core.runs.results.intervals import paired_gain
from tl_core.runs.results.report import Evaluation

SURE_AFTER = 20  # steps: the first ones are slow, so that earlier the time left is a guess
TOLERATED = 1.25  # times the seconds that a trial may take: a busy moment ends none
LEAST_PER_CLASS = 5  # fewer pictures of a class are learnt by heart


def train(task: Task) -> Steps:
    task, extracted = yield from extract(task, augmented=True)
    model = yield from linear_probe.fit(task, extracted)
    yield from linear_probe.say_what_is_not_measured(model)
    yield Fitted(model)
    if task.config.tuning_seconds > 0:
        yield from _try_fine_tuning(model)


def _try_fine_tuning(model: ProbeModel) -> Steps:
    """Fine-tune in every fold, and on all pictures if that pays."""
    task, rows = model.task, model.rows
    pictures = [task.images.images[row] for row in rows]
    division = divide(pictures, task.num_classes, seed=task.config.seed)
    labels = task.labels[rows]
    if division is None or np.bincount(labels)[np.unique(labels)].min() < LEAST_PER_CLASS:
        yield Note("Fine-tuning was not tried: with so few pictures in a class it would overfit.")
        return
    if (model.fitted.out_of_group.argmax(axis=1) == labels)[model.fitted.measured].all():
        yield Note("The linear probe made no mistake, so fine-tuning was not tried.")
        return
    yield PhaseStarted("trial")
    watch = _Watch(task.config.tuning_seconds, len(division.folds) + 1, len(rows))
    probes = [
        linear_probe.fitted_on(task, model.extracted, rows[learnt]) for learnt, _ in division.folds
    ]
    before = np.zeros((len(rows), task.num_classes), np.float32)
    for probe, (_, tested) in zip(probes, division.folds, strict=True):
        before[tested] = probe.logits(rows[tested])
    try:
        after = yield from _tuned_logits(model, division, probes, watch)
    except _TooLong as reason:
        yield Note(
            f"The fine-tuning trial was not completed: it would take about {reason.seconds:.0f} "
            f"seconds, and the limit is {watch.seconds}. Raise the limit on the Layers page."
        )
        return
    first, now = (division.measured(logits) for logits in (before, after))
    gain, error = paired_gain(first.correct, now.correct, first.groups)
    points = f"{100 * gain:+.1f} points on the same {len(division.rows)} pictures"
    points += f" (standard error {100 * error:.1f})"
    if gain <= error:
        yield Note(f"Fine-tuning the last stage did not pay, {points}: the linear probe was kept.")
        yield Fitted(replace(model, trial_gain=gain))
        return
    tuned = yield from _keep(model, division, after, watch)
    yield Note(f"Fine-tuning the last stage gained {points} over the linear probe, so it was kept.")
    yield Fitted(replace(tuned, trial_gain=gain, trial_kept=True))


def _tuned_logits(
    model: ProbeModel, division: Division, probes: list[ProbeModel], watch: "_Watch"
) -> Generator[Event, None, np.ndarray]:
    """Return logits, (n, K), of the pictures that the folds test; zeros for the others."""
    logits = np.zeros((len(model.rows), model.task.num_classes), np.float32)
    for number, (probe, (_, tested)) in enumerate(zip(probes, division.folds, strict=True)):
        steps = _tune(probe, model.rows[tested])
        tuned = yield from watch.turn(number, steps)
        logits[tested] = tuned.answers
    return logits


def _keep(
    model: ProbeModel, division: Division, logits: np.ndarray, watch: "_Watch"
) -> Generator[Event, None, "TrialModel"]:
    """Fine-tune on all pictures; probabilities are made to mean what they say, as for a probe."""
    folds, labels = division.folds, division.labels
    watch.seconds = math.inf  # it pays, so it is done
    tuned = yield from watch.turn(len(folds), _tune(model, np.array([], np.int64)))

    def temperature(rows: np.ndarray) -> float:
        return fit_temperature(logits[rows], labels[rows], unsure=1.0)

    answers = np.zeros_like(logits)
    for _, tested in folds:  # each fold's temperature comes from the others
        others = np.setdiff1d(division.rows, tested) if len(folds) > 1 else tested
        answers[tested] = logits[tested] / temperature(others)
    classifier = tuned.state.network.classifier
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter /= temperature(division.rows)
    tuned.state.best = {name: value.clone() for name, value in tuned.state.learnt().items()}
    return TrialModel(
        task=model.task,
        state=tuned.state,
        strategy_used="fine-tune",
        before=model,
        division=division,
        answers=answers,
    )


@dataclass(frozen=True, kw_only=True)
class TrialModel(TunedModel):
    """A fine-tuned network, measured in folds; `answers` are the logits there, (n, K)."""

    division: Division
    answers: np.ndarray

    @property
    def learnt(self) -> np.ndarray:
        return self.before.rows

    def evaluate(self) -> Generator[Event, None, Evaluation]:
        if self.task.images.test_given:
            return (yield from super().evaluate())
        rows = self.before.rows[self.division.rows]
        return evaluation_of(
            self.task.images.class_names,
            [self.task.images.images[row] for row in rows],
            softmax(self.division.measured(self.answers).logits),
            measured_on="all",
            folds=len(self.division.folds),
        )


@dataclass(frozen=True)
class _Tuned:
    state: Optimisation
    answers: np.ndarray  # logits, (n, K), of the measured pictures


def _tune(probe: ProbeModel, measured: np.ndarray) -> Generator[Event, None, _Tuned]:
    """Fine-tune a network of its own on what a probe learnt; nothing is chosen by `measured`."""
    task, approach = probe.task, fine_tuning.APPROACH
    images = task.images.images
    parts = tuple(replace(images[row], split="train") for row in probe.rows)
    parts += tuple(replace(images[row], split="validation") for row in measured)
    task = replace(
        task,
        config=replace(task.config, frozen_groups=None),
        images=replace(task.images, images=parts),
        backbone=copy.deepcopy(task.backbone),
    )
    network = network_of(task, probe.extracted.reads, probe.fitted.probe)
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


@dataclass
class _Watch:
    """How far a trial is, and what it may take.

    Args:
        seconds: That it may take.
        turns: Networks that learn one after the other.
        pictures: That each of them is given.
        began: When it began, of `time.perf_counter`, and when the present turn did.
    """

    seconds: float
    turns: int
    pictures: int
    began: float = field(default_factory=time.perf_counter)
    turn_began: float = 0.0

    def turn(
        self, number: int, events: Generator[Event, None, _Tuned]
    ) -> Generator[Event, None, _Tuned]:
        """Pass on how far all turns are, and the first one's epochs for the curve.

        Raises:
            _TooLong: If the whole would take clearly longer than allowed.
        """
        self.turn_began = time.perf_counter()
        looked, preparing = 0, None  # pictures that are ready, seconds until the first step

        def look(event: Event) -> Event | None:
            nonlocal looked, preparing
            if isinstance(event, EpochResult):
                return event if number == 0 else None
            if not isinstance(event, Progress):
                return None
            if event.phase != "fine_tune":  # a part of the pictures after the other
                done = looked + event.done
                looked = done if event.done == event.total else looked
                return Progress(event.phase, done, max(done, self.pictures), event.seconds_left)
            if preparing is None:
                preparing = time.perf_counter() - self.turn_began
            left = event.seconds_left
            if left is not None and event.done < event.total:
                steps = left * event.total / (event.total - event.done)
                left += (preparing + steps) * (self.turns - number - 1)
            if left is not None and event.done >= SURE_AFTER:
                self._check(left)
            done = number * event.total + event.done
            return Progress("trial", done, self.turns * event.total, left)

        return passed_on(events, look)

    def _check(self, left: float) -> None:
        expected = time.perf_counter() - self.began + left
        if expected > TOLERATED * self.seconds:
            raise _TooLong(expected)


class _TooLong(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"would take {seconds:.0f} seconds")
        self.seconds = seconds


APPROACH = Approach(
    name="improve",
    settings=("balanced", "augmentations", "views", "tuning_seconds"),
    train=train,
)

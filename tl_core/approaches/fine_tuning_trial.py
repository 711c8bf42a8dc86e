"""The second level of a recommended training: is it worth fine-tuning after the probe?

The last layer groups go on learning from the fitted probe (LP-FT) in each fold that the probe was
fitted in, and answer the same pictures. Only a gain of more than one standard error is kept; then
they learn from all pictures. Whoever stops meanwhile has the probe.

Source: Kumar et al. (2022), "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution", arXiv:2202.10054.
"""

import copy
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from tl_core.approaches import fine_tuning, linear_probe
from tl_core.approaches.cross_validation import FoldFit
from tl_core.approaches.fine_tuning import TOLERATED, tuning_config
from tl_core.approaches.fine_tuning_batches import tuning_batches
from tl_core.approaches.jobs import TrainingJob, build_network, class_weights
from tl_core.approaches.probe import CENTROIDS, LinearProbe
from tl_core.approaches.probe_choice import ProbeChoice
from tl_core.backbones.layer_groups import layer_groups
from tl_core.evaluation.temperature import fit_temperature
from tl_core.features.device import device
from tl_core.runs.events import EpochResult, Event, PhaseStarted, Progress
from tl_core.runs.results.intervals import paired_gain

SURE_AFTER = 3  # steps, or pictures: earlier the time left is a guess


def try_fine_tuning(job: TrainingJob) -> Iterator[Event]:
    """Fine-tune on trial and keep what pays; a note says what came out.

    Args:
        job: With its probe fitted. Gets `trial_gain`; if fine-tuning pays, `tuning` and
            `tuned_logits`, too.
    """
    if job.config.tuning_seconds == 0:
        return
    division = linear_probe.learning_division(job)
    if job.choice.method == CENTROIDS or division is None:
        yield from job.note(
            "With so few pictures in a class fine-tuning was not tried: it would learn by heart."
        )
        return
    with job.timed("probe"):
        rows = job.fitted_rows
        found = yield from linear_probe.cross_validated(job, division, "probe", rows)
    if found.answers.correct.all():
        yield from job.note(
            "The classifier on frozen features made no mistake, so fine-tuning could not gain "
            "anything and was not tried."
        )
        return
    yield PhaseStarted("fine_tune")
    with job.timed("fine_tune"):
        fits = tuple(replace(fit, train=rows[fit.train], test=rows[fit.test]) for fit in found.fits)
        yield from _try(job, fits, rows[division.rows], found.answers.correct)


def _try(
    job: TrainingJob, fits: tuple[FoldFit, ...], rows: np.ndarray, right: np.ndarray
) -> Iterator[Event]:
    """Fine-tune in every fold; `right` says which of `rows` the probe answers correctly."""
    limit = _Limit(job.config.tuning_seconds, time.perf_counter())
    try:
        logits = yield from _tuned_logits(job, fits, limit)
    except _TooLong as reason:
        yield from job.note(
            f"Fine-tuning the last layers was not tried to the end: it would take about "
            f"{reason.seconds:.0f} seconds here, and {limit.seconds} are allowed. The Layers page "
            "lets you allow more."
        )
        return
    right_after = logits[rows].argmax(axis=1) == job.labels()[rows]
    gain, error = paired_gain(right, right_after)
    job.trial_gain = gain
    measured = f"on the same {len(rows)} pictures (standard error {100 * error:.1f})"
    if gain <= error:
        yield from job.note(
            f"Fine-tuning the last layers did not pay: {100 * gain:+.1f} points {measured}. The "
            "classifier on frozen features was kept."
        )
        return
    yield from _keep(job, fits, logits, limit)
    yield from job.note(
        f"Fine-tuning the last layers gained {100 * gain:.1f} points {measured} over the "
        "classifier on frozen features, so it was kept."
    )


def _tuned_logits(
    job: TrainingJob, fits: tuple[FoldFit, ...], limit: "_Limit"
) -> Generator[Event, None, np.ndarray]:
    """Return logits, (N, K), of the pictures that the folds test; zeros for the others."""
    logits = np.zeros((len(job.images.images), len(job.images.class_names)), np.float32)
    for number, fit in enumerate(fits):
        steps = _tune(job, fit.train, fit.test, fit.choice, fit.probe)
        tuned = yield from _watched(steps, number, len(fits) + 1, limit)
        logits[fit.test] = tuned.answers
    return logits


def _keep(
    job: TrainingJob, fits: tuple[FoldFit, ...], logits: np.ndarray, limit: "_Limit"
) -> Iterator[Event]:
    """Fine-tune on all pictures; probabilities are made to mean what they say, as for a probe."""
    nothing = np.array([], np.int64)
    steps = _tune(job, job.fitted_rows, nothing, job.choice, job.probe)
    tuned = yield from _watched(steps, len(fits), len(fits) + 1, replace(limit, seconds=math.inf))
    tested, labels = np.concatenate([fit.test for fit in fits]), job.labels()

    def temperature(rows: np.ndarray) -> float:
        return fit_temperature(logits[rows], labels[rows], unsure=1.0)

    answers = np.zeros_like(logits)
    for fit in fits:  # each fold's temperature comes from the others
        others = np.setdiff1d(tested, fit.test) if len(fits) > 1 else fit.test
        answers[fit.test] = logits[fit.test] / temperature(others)
    classifier = tuned.state.network.classifier
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter /= temperature(tested)
    tuned.state.best = {name: value.clone() for name, value in tuned.state.learnt().items()}
    job.tuning, job.tuned_logits = tuned.state, answers


@dataclass(frozen=True)
class _Tuned:
    state: fine_tuning.FineTuning
    answers: np.ndarray  # logits, (n, K), of the measured pictures


def _tune(
    job: TrainingJob,
    learnt: np.ndarray,
    measured: np.ndarray,
    choice: ProbeChoice,
    probe: LinearProbe,
) -> Generator[Event, None, _Tuned]:
    """Fine-tune a network of its own on the rows `learnt`; nothing is chosen by `measured`."""
    images = job.images.images
    parts = tuple(replace(images[row], split="train") for row in learnt)
    parts += tuple(replace(images[row], split="validation") for row in measured)
    part = replace(
        job,
        config=tuning_config(job.config, len(layer_groups(job.backbone))),
        images=replace(job.images, images=parts),
        backbone=copy.deepcopy(job.backbone),
        notes=[],
        seconds={},
    )
    network = build_network(part, features=choice.features, probe=probe).to(device())
    frozen = part.config.frozen_groups
    state = part.tuning = fine_tuning.start(network, part.config, frozen_groups=frozen)
    train, validation = yield from tuning_batches(part)
    yield from fine_tuning.fine_tune(
        state, part.config, train, validation, class_weights=class_weights(part)
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
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        if isinstance(event, Progress):
            left = event.seconds_left
            if event.phase == "fine_tune" and left is not None and event.done < event.total:
                whole = left * event.total / (event.total - event.done)
                left += whole * (turns - turn - 1)
            if left is not None and event.done >= SURE_AFTER:
                limit.check(left)
            done, total = event.done, event.total
            if event.phase == "fine_tune":
                done, total = turn * total + done, turns * total
            yield Progress(event.phase, done, total, left)
        elif isinstance(event, EpochResult) and turn == 0:
            yield event

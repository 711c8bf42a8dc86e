"""The whole architecture trained without pretraining, by the full recipe; it takes minutes."""

from collections.abc import Generator
from itertools import chain

import numpy as np

from tl_core.approaches.training import prepare_training
from tl_core.assessment.inputs import Inputs
from tl_core.assessment.stored import SCRATCH, Found
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Progress
from tl_core.runs.results.assessment import Measured
from tl_core.runs.results.report import Evaluation, read_report


def from_scratch(inputs: Inputs, found: Found) -> Generator[Progress, None, Found]:
    """Return what is there then, the bar and a note on the pictures that both were asked about."""
    request = inputs.request
    config = TrainingConfig(backbone=request.backbone, strategy="scratch", seed=request.seed)
    run_dir = request.run_dir / SCRATCH
    run_dir.mkdir(exist_ok=True)
    training = prepare_training(request.workspace, request.project_id, run_dir, config)
    for event in chain(training.events(), training.finish()):
        if isinstance(event, Progress):
            yield event
    report = read_report(run_dir)
    measured = report.evaluation
    pictures = len(training.task.images.train)
    epochs, per_epoch = training.approach.step_plan.epochs_and_steps(config, pictures)
    bar = Measured(
        name="scratch",
        accuracy=measured.accuracy,
        interval=measured.interval,
        correct=measured.correct,
        n=measured.n,
        seconds=round(report.seconds["fine_tune"], 1),
        measured_on=measured.measured_on,
        steps=epochs * per_epoch,
        batch_size=config.batch_size,
    )
    return found.measuring(bar).noting(_against(found, measured))


def _against(found: Found, measured: Evaluation) -> str:
    transferred = found.assessment.of("transferred").correct_per_image
    right = dict(zip(found.assessment.digests, transferred, strict=True))
    both = [row for row, digest in enumerate(measured.digests) if digest in right]
    if not both:
        return "The whole network from scratch was measured on your own test set."
    scratch = (measured.predicted == measured.labels)[both].mean()
    ours = np.mean([right[measured.digests[row]] for row in both])
    return (
        f"On the same {len(both)} pictures the whole network from scratch has an accuracy of "
        f"{100 * scratch:.0f} %, the pretrained model {100 * ours:.0f} %."
    )

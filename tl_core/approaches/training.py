"""One training from pictures to a stored model: what is computed, in which order.

`train` and `finish` are generators of events; they know nobody who watches. Stopping means to
stop asking `train` and to call `finish`, which evaluates and saves the best state so far.
"""

import platform
import time
from collections.abc import Iterator

import timm
import torch

from tl_core.approaches import checkpoints, extraction, fine_tuning, fine_tuning_trial, linear_probe
from tl_core.approaches.fine_tuning_batches import tuning_batches
from tl_core.approaches.jobs import TrainingJob, build_network, class_weights
from tl_core.backbones import create_backbone
from tl_core.backbones.layer_groups import layer_groups
from tl_core.backbones.network import TransferNetwork, save_network
from tl_core.backbones.preprocessing import preprocessing_for
from tl_core.errors import RunError
from tl_core.evaluation.measuring import (
    TEST_PICTURES,
    crop_batches,
    evaluation_of,
    logits_of,
)
from tl_core.evaluation.temperature import softmax
from tl_core.features.copies import unsearched_note
from tl_core.features.device import device
from tl_core.images import image_set
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import EpochResult, Event, Note, PhaseStarted
from tl_core.runs.results.intervals import paired_gain
from tl_core.runs.results.report import Evaluation, Report, write_report
from tl_core.workspace.storage import Workspace


def prepare_training(
    workspace: Workspace, project_id: str, run_id: str, config: TrainingConfig
) -> TrainingJob:
    """Collect what a training needs and check it before anything is computed.

    Raises:
        DatasetError: If the pictures and classes do not make a training set.
        WeightsUnavailable: If pretrained weights are asked for and are not on this machine.
    """
    began = time.perf_counter()
    images = image_set(workspace, project_id, seed=config.seed)
    torch.manual_seed(config.seed)  # from scratch, the weights are drawn here
    backbone = create_backbone(
        config.backbone,
        pretrained=config.strategy != "scratch",
        project_dir=workspace.project_dir(project_id),
    )
    return TrainingJob(
        workspace=workspace,
        project_id=project_id,
        run_dir=workspace.run_dir(project_id, run_id),
        config=config,
        images=images,
        backbone=backbone,
        preprocessing=preprocessing_for(backbone),
        began=began,
    )


def train(job: TrainingJob) -> Iterator[Event]:
    """Fit the model, yielding events; may be left off at any event and then finished."""
    if unsearched := unsearched_note(len(job.images.images) + len(job.images.locked)):
        yield from job.note(unsearched)
    if job.config.strategy == "scratch":
        yield from extraction.group_copies(job, job.images.images + job.images.locked, None)
        _start_fine_tuning(job, build_network(job, features="last"))
    else:
        yield from extraction.extract(job)
        yield from linear_probe.fit(job)
        if job.fine_tunes:
            network = build_network(job, features=job.choice.features, probe=job.probe)
            _start_fine_tuning(job, network)
        elif job.config.strategy == "recommended":
            yield from fine_tuning_trial.try_fine_tuning(job)
    if job.fine_tunes:
        yield from _fine_tune(job)
    job.completed = True


def finish(job: TrainingJob) -> Iterator[Event]:
    """Evaluate the best state so far and save model and report.

    Raises:
        RunError: If nothing was learnt yet.
    """
    if job.probe is None and (job.tuning is None or not job.tuning.best):
        raise RunError(
            "Stopped before anything was learnt, so there is no model yet. Resume to go on: what "
            "was computed so far is kept."
        )
    yield PhaseStarted("evaluate")
    with job.timed("evaluate"):
        if job.tuning is not None and job.tuning.best:
            network, features = job.tuning.network, job.tuning.network.features_read
            job.tuning.restore_best()
            if job.out_of_fold:
                evaluation = yield from linear_probe.evaluate(job, job.tuned_logits)
            else:
                evaluation = _evaluate_network(job, network)
            yield from _compare_with_probe(job, evaluation)
        else:
            features = job.choice.features
            network = build_network(job, features=features, probe=job.probe)
            evaluation = yield from linear_probe.evaluate(job)
    yield PhaseStarted("save")
    save_network(job.run_dir / "model.safetensors", network, _metadata(job))
    report = Report(
        config=job.config,
        strategy_used=_strategy_used(job),
        features=features,
        trial_gain=job.trial_gain,
        evaluation=evaluation,
        seconds=_all_seconds(job),
        engine=vars(job.table.engine) if job.table and job.table.engine else {},
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
        },
        notes=tuple(job.notes),
    )
    write_report(job.run_dir, report)
    if job.completed:  # a stopped run may be resumed
        job.checkpoint.unlink(missing_ok=True)


def _start_fine_tuning(job: TrainingJob, network: TransferNetwork) -> None:
    groups = len(layer_groups(network))
    frozen = job.config.frozen_groups
    if frozen is None:
        frozen = 0 if job.config.strategy == "scratch" else groups - 2
    network.to(device())
    job.tuning = fine_tuning.start(network, job.config, frozen_groups=min(frozen, groups - 1))


def _fine_tune(job: TrainingJob) -> Iterator[Event]:
    yield PhaseStarted("fine_tune")
    with job.timed("fine_tune"):
        train_batches, validation_batches = yield from tuning_batches(job)
    events = fine_tuning.fine_tune(
        job.tuning,
        job.config,
        train_batches,
        validation_batches,
        class_weights=class_weights(job),
    )
    if checkpoints.restore_checkpoint(job.checkpoint, job.tuning):
        yield Note(f"Going on after epoch {job.tuning.epoch}, where this run was interrupted.")
    with job.timed("fine_tune"):
        for event in events:
            if isinstance(event, EpochResult):
                checkpoints.write_checkpoint(job.checkpoint, job.tuning)
            yield event
    best = job.tuning.best_epoch
    yield from job.note(
        f"Kept the state after epoch {best}, the best on the validation pictures."
        if best
        else "No epoch was better on the validation pictures than the start, so that was kept.",
    )


def _evaluate_network(job: TrainingJob, network: TransferNetwork) -> Evaluation:
    """Measure on the test part; on the validation part, saying so, if that is all there is."""
    if images := job.images.test:
        measured_on = TEST_PICTURES
    else:
        images = job.images.validation
        measured_on = "validation pictures, which also chose the epoch to keep"
    crops = crop_batches(images, job.preprocessing)
    logits = torch.cat(list(logits_of(network, crops, job.preprocessing)))
    probabilities = softmax(logits.numpy())
    return evaluation_of(job.images.class_names, images, probabilities, measured_on=measured_on)


def _compare_with_probe(job: TrainingJob, evaluation: Evaluation) -> Iterator[Event]:
    """Say on the same pictures what fine-tuning added to the probe it started from."""
    if job.probe is None or not job.images.test or job.out_of_fold:
        return
    rows = job.rows("test")
    before = job.probe.logits(job.views[job.choice.features][0, rows]).argmax(axis=1)
    labels = evaluation.labels
    gain, error = paired_gain(before == labels, evaluation.predicted == labels)
    verdict = "gained" if gain > error else "did not pay: it changed"
    yield from job.note(
        f"Fine-tuning {verdict} {100 * gain:+.1f} points against the classifier it started from, "
        f"on the same {len(labels)} test pictures (standard error {100 * error:.1f}).",
    )


def _strategy_used(job: TrainingJob) -> str:
    if job.tuning is None:
        return "probe"
    return "scratch" if job.config.strategy == "scratch" else "fine-tune"


def _metadata(job: TrainingJob) -> dict:
    return {
        "class_names": list(job.images.class_names),
        "backbone": backbone_to_json(job.config.backbone),
        "preprocessing": job.preprocessing.to_json(),
    }


def _all_seconds(job: TrainingJob) -> dict[str, float]:
    phases = {name: 0.0 for name in ("features", "probe", "fine_tune", "evaluate")}
    phases |= job.seconds
    if job.tuning:
        phases["fine_tune"] = max(phases["fine_tune"], job.tuning.seconds)
    phases["total"] = time.perf_counter() - job.began
    return {name: round(value, 3) for name, value in phases.items()}

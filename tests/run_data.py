"""Runs with made-up results, and a stand-in for the compute process, for the tests of pages."""

import numpy as np

from tl_core import runs
from tl_core.images import image_set
from tl_core.runs import compute_client, events, workers
from tl_core.runs.catalogue import LayerBlock
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.results.report import Evaluation, Report, write_report
from tl_core.workspace import Project, open_workspace

SIZES = {"stem": 900, "stage 1": 5_000, "stage 2": 90_000, "stage 3": 900_000}
GROUPS = [LayerBlock(name, i, size) for i, (name, size) in enumerate(SIZES.items())]
GROUPS.append(LayerBlock("classifier", len(GROUPS), 2_562))


def stand_in_for_compute(monkeypatch) -> list[tuple]:
    """Answer `engines.call` at once and start no process; return the list of questions asked."""
    asked: list[tuple] = []
    answers = {
        "layer_groups": GROUPS,
        "estimate_seconds": {
            "features": 3.0, "probe": 1.0, "fine_tune": 0.0, "total": 12.0, "device": "this CPU",
        },
        "preview_augmentation": [b"RIFF-1", b"RIFF-2", b"RIFF-3"],
        "explain": None,
    }  # fmt: skip

    def call(function: str, *args: object, **_: object) -> object:
        asked.append((function, *args))
        return answers[function]

    monkeypatch.setattr(compute_client, "call", call)
    monkeypatch.setattr(compute_client, "warm", lambda: None)
    monkeypatch.setattr(workers, "ensure_workers", lambda workspace: None)
    return asked


def epochs(count: int, phase: str = "probe") -> list[events.EpochResult]:
    return [
        events.EpochResult(phase, i + 1, count, 1 / (i + 1), 0.9, 1.2 / (i + 1), 0.8, None, 0.1)
        for i in range(count)
    ]


def begun_run(project: Project, *, strategy: str = "recommended") -> runs.Run:
    """Make a run that this process is working on, with a few epochs in its log."""
    workspace = open_workspace()
    config = TrainingConfig(backbone=chosen_backbone(project), strategy=strategy)
    run = runs.start_run(workspace, project.id, config=config_to_json(config), claimed=True)
    run_dir = workspace.run_dir(project.id, run.id)
    told = [events.PhaseStarted("features"), events.Progress("features", 8, 10, 2.0)]
    told += [events.PhaseStarted("probe"), *epochs(4), events.Note("Chose the last layer.")]
    for event in told:
        runs.append_event(run_dir, event)
    return run


def finished_run(project: Project, *, wrong: int = 1) -> tuple[runs.Run, Evaluation]:
    """Make a finished run that got all but `wrong` of its test pictures right."""
    workspace = open_workspace()
    run = begun_run(project)
    images = image_set(workspace, project.id)
    tested = images.images
    labels = np.array([image.label for image in tested])
    predicted = labels.copy()
    predicted[:wrong] = (labels[:wrong] + 1) % len(images.class_names)
    probabilities = np.full((len(labels), len(images.class_names)), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    evaluation = Evaluation(
        class_names=images.class_names,
        digests=tuple(image.digest for image in tested),
        labels=labels,
        probabilities=probabilities,
        measured_on="test pictures that the model never saw",
        method="held-out",
    )
    report = Report(
        config=TrainingConfig(backbone=chosen_backbone(project)),
        strategy_used="probe",
        features="last",
        evaluation=evaluation,
        seconds={"features": 3.0, "total": 4.2},
        notes=("Chose the <b>last</b> layer.",),
    )
    write_report(workspace.run_dir(project.id, run.id), report)
    ended = runs.finish_run(
        workspace, run.id, "done", accuracy=evaluation.accuracy, n_test=evaluation.n
    )
    return ended, evaluation

"""Made-up results of runs: events, evaluations and comparisons that nothing has measured."""

from dataclasses import replace

import numpy as np

from tl_core import runs
from tl_core.images import image_set
from tl_core.runs import events
from tl_core.runs.catalogue import backbone_to_json
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.draft import chosen_backbone
from tl_core.runs.results.assessment import (
    Assessment,
    Calibration,
    Conformal,
    LayerCurve,
    LayerPoint,
    LearningCurve,
    LearningPoint,
    Measured,
    PretrainingDistance,
    Similarity,
    Verdict,
    labels_digest,
    write_assessment,
)
from tl_core.runs.results.intervals import wilson_interval
from tl_core.runs.results.report import Evaluation, Report, write_report
from tl_core.workspace import Project, open_workspace

PARTS = ("majority", "colours", "transferred", "random", "layers", "distance", "learning", "small")
BARS = {"majority": 20, "colours": 26, "random": 28, "small": 30, "transferred": 38}  # right of 40
LAYER_GROUPS = ("stem", "stage 1", "stage 2", "stage 3")


def epochs(count: int, phase: str = "fine_tune") -> list[events.EpochResult]:
    return [
        events.EpochResult(phase, i + 1, count, 1 / (i + 1), 0.9, 1.2 / (i + 1), 0.8, 1e-3, 0.1)
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


def finished_run(
    project: Project, *, wrong: int = 1, folds: int = 1
) -> tuple[runs.Run, Evaluation]:
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
        measured_on="test",
        folds=folds,
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


def measured(name: str, *, n: int = 40) -> Measured:
    correct = BARS[name]
    return Measured(
        name=name,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        correct=correct,
        n=n,
        seconds=2.5,
    )


def a_verdict(answer: str = "helped", points: float = 20.0) -> Verdict:
    return Verdict(
        answer=answer,
        points=points,
        interval_points=(points - 12, points + 12),
        against="small",
        n=40,
    )


def calibration() -> Calibration:
    return Calibration(
        temperature=1.4,
        error=0.04,
        confidence=0.9,
        accuracy=0.86,
        reliability=((0.6, 0.5, 10), (0.95, 0.93, 30)),
        coverage=((0.5, 0.95, 1.0), (0.8, 0.97, 0.8), (0.99, None, 0.0)),
        conformal=(
            Conformal(
                target=0.9, achieved=0.92, expected=(0.8, 0.97), mean_size=1.3, threshold=0.1
            ),
        ),
    )


def made_up(project: Project, *, bars: tuple[str, ...] = tuple(BARS), **parts) -> Assessment:
    """Return a complete comparison of the project as it is now; `parts` replace fields."""
    images = image_set(open_workspace(), project.id)
    points = tuple(
        LayerPoint(group_index=i, group_name=name, accuracy=0.6 + i / 10, interval=(0.5, 0.95))
        for i, name in enumerate(LAYER_GROUPS)
    )
    whole = Assessment(
        project_id=project.id,
        backbone=chosen_backbone(project).name,
        labels_digest=labels_digest(images),
        digests=tuple(image.digest for image in images.images),
        folds=5,
        total=PARTS,
        done=PARTS,
        measured=tuple(measured(name) for name in bars),
        verdict=a_verdict(),
        layers=LayerCurve(points=points, suggested_frozen=4),
        similarities=(
            Similarity(
                a="split:train", b="split:test", n_a=30, n_b=10, proxy_a_distance=0.3,
                frechet=12.0, frechet_chance=11.0, drawn=True,
            ),
        ),
        distance=PretrainingDistance(
            distance=0.2,
            nearness="near",
            limits_known=True,
            seen_classes=(("daisy", 0.4), ("leaf beetle", 0.2)),
            class_count=1000,
            sureness=0.5,
        ),
        learning=LearningCurve(
            points=(
                LearningPoint(per_class=2, accuracy=0.7, interval=(0.6, 0.8)),
                LearningPoint(per_class=10, accuracy=0.9, interval=(0.8, 0.95)),
            ),
            extrapolated=((20, 0.85, 0.92, 0.97),),
        ),
        calibration=calibration(),
        notes=("The <b>smallest</b> class has 20 pictures.",),
    )  # fmt: skip
    return replace(whole, **parts)


def assess_run(
    project: Project, found: Assessment | None, *, state: str | None = "done", **config
) -> runs.Run:
    """Make a run of the comparison that found this; `state` None leaves it at work."""
    workspace = open_workspace()
    config = {"backbone": backbone_to_json(chosen_backbone(project)), "scratch": False} | config
    run = runs.start_run(workspace, project.id, kind="assess", config=config, claimed=True)
    if found:
        write_assessment(workspace.run_dir(project.id, run.id), found)
    if state is None:
        return run
    return runs.finish_run(workspace, run.id, state, message=None if state == "done" else "Why.")

"""What the commands do (train, assess, check, cluster, predict, export), and say meanwhile.

Results go to the standard output or into files, everything else to the standard error.
"""

import argparse
import codecs
import json
import signal
import sys
import time
from pathlib import Path

from tl_core import runs
from tl_core.errors import RunError
from tl_core.images import Skipped
from tl_core.runs import Run
from tl_core.runs.approach import NORMAL, TARGET, UNLABELLED
from tl_core.runs.catalogue import Backbone, backbone_to_json, weights_state
from tl_core.runs.configuration import TrainingConfig, config_to_json
from tl_core.runs.events import PhaseStarted
from tl_core.runs.results.report import read_report
from tl_core.service.headless import folders, results
from tl_core.service.headless.terminal import list_skipped, say, show, write
from tl_core.workspace import open_workspace
from tl_core.workspace.storage import Workspace

FOLDER_FOR = {"--target": "domain_adaptation", "--unlabelled": "self_supervised"}


def train(options: argparse.Namespace) -> None:
    from tl_core.approaches.approach import approach_named

    workspace = open_workspace(options.workspace)
    backbone = folders.backbone_named(options.backbone)
    if options.labels:
        if approach_named(options.strategy).step_plan:
            raise RunError("Several questions (--labels) are answered by linear probing only.")
        options.strategy = "multi_task"
    try:
        config = TrainingConfig(
            backbone=backbone,
            strategy=options.strategy,
            options=dict(options.options),
            frozen_groups=options.freeze_to,
            tuning_seconds=options.tuning_seconds,
            seed=options.seed,
        )
    except ValueError as error:
        raise RunError(f"This training cannot be started: {error}.") from error
    if options.download and approach_named(options.strategy).pretrained:
        _download(backbone)
    needs = approach_named(options.strategy).needs
    target, unlabelled = options.target, options.unlabelled
    _check_folder(target, "--target", TARGET in needs, "pictures of the new place")
    _check_folder(unlabelled, "--unlabelled", UNLABELLED in needs, "pictures without labels")
    project_id, skipped = folders.project_of_folder(
        workspace,
        options.train_dir,
        options.test,
        one_class=NORMAL in needs,
        without_classes=bool(options.labels),
        target=target and folders.Target(target, options.target_labels, options.seed),
        unlabelled=unlabelled,
        leave_out_small=not (options.labels or NORMAL in needs),
    )
    list_skipped(skipped)
    if options.labels:
        _store_questions(workspace, project_id, options)
    run = _do(workspace, project_id, "train", config_to_json(config))
    run_dir = workspace.run_dir(project_id, run.id)
    report = read_report(run_dir) if run.state in ("done", "stopped") else None
    if report is None:
        raise RunError(run.message or "The training ended without a model.")
    say(run.message)
    if options.report:
        write(options.report, results.report_json(run, run_dir, report))
    if options.predictions:
        table = results.predictions_csv(workspace, project_id, report)
        write(options.predictions, table)
    found = report.evaluation
    if overlap := report.findings.get("test_overlap"):
        print(overlap["message"])
    low, high = found.interval
    measured_on = "out of fold" if found.folds > 1 else f"{found.measured_on} pictures"
    print(
        f"accuracy {found.accuracy:.3f} ({found.correct} of {found.n}, {measured_on}; 95 % "
        f"confidence interval {low:.3f} to {high:.3f})\nrun {run.id} in {run_dir}"
    )
    for name, facts in report.findings.get("questions", {}).items():
        print(f"  {name}: {facts['accuracy']:.3f} of {facts['n_test']}")
    for name, value in report.findings.items():
        if isinstance(value, int | float | str):
            print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")


def assess(options: argparse.Namespace) -> None:
    from tl_core.runs.results.assessment import read_assessment

    workspace = open_workspace(options.workspace)
    backbone = folders.backbone_named(options.backbone)
    project_id, skipped = folders.project_of_folder(
        workspace, options.directory, None, leave_out_small=True
    )
    list_skipped(skipped)
    config = {
        "backbone": backbone_to_json(backbone),
        "scratch": options.scratch,
        "patterns": options.compare,
        "seed": options.seed,
    }
    run = _do(workspace, project_id, "assess", config)
    found = read_assessment(workspace.run_dir(project_id, run.id))
    if found is None:
        raise RunError(run.message or "The comparison ended without a result.")
    say(run.message)
    if options.report:
        write(options.report, results.assessment_json(workspace, project_id, found))
    print(results.assessment_text(found))


def check(options: argparse.Namespace) -> None:
    from tl_core.assessment.health.check import check_health

    began, workspace = time.perf_counter(), open_workspace(options.workspace)
    backbone = folders.backbone_named(options.backbone)
    project_id, skipped = folders.project_of_folder(workspace, options.directory, options.test)
    list_skipped(skipped)
    found = show(check_health(workspace, project_id, backbone))
    if options.report:
        seconds = {"total": round(time.perf_counter() - began, 3)}
        write(options.report, results.health_json(found, seconds))
    if options.suspects:
        write(options.suspects, results.suspects_csv(found))
    for finding in found.findings:
        print(f"{finding.severity:.2f}  {finding.kind}: {finding.message}")
    if not found.findings:
        print("nothing found")


def cluster(options: argparse.Namespace) -> None:
    from tl_core.approaches.clustering import cluster_pictures
    from tl_core.images import picture_rows

    began, workspace = time.perf_counter(), open_workspace(options.workspace)
    backbone = folders.backbone_named(options.backbone)
    project_id, skipped = folders.project_of_folder(workspace, options.directory, None)
    list_skipped(skipped)
    rows = picture_rows(workspace, project_id)
    work = cluster_pictures(
        workspace, project_id, backbone, rows, count=options.clusters, seed=options.seed
    )
    show(iter([PhaseStarted("features")]))
    found = show(work)
    facts = results.clusters_json(rows, found)
    facts["seconds"] = {"total": round(time.perf_counter() - began, 3)}
    if options.report:
        write(options.report, json.dumps(facts, indent=1, ensure_ascii=False).encode())
    if options.assignments:
        write(options.assignments, results.assignments_csv(rows, found))
    print(f"{facts['clusters']} groups of {facts['pictures']} pictures, by size: {facts['sizes']}")
    if options.clusters and found.proposed != options.clusters:
        print(f"{found.proposed} groups would be separated best")
    if facts["ami"] is not None:
        print(f"adjusted mutual information with the folders' classes: {facts['ami']:.3f}")


def _do(workspace: Workspace, project_id: str, kind: str, config: dict) -> Run:
    """Do a run in this process and return it as it ended."""
    from tl_core.service.execution import execute

    run = runs.start_run(workspace, project_id, kind=kind, config=config, claimed=True)
    if not runs.is_mine(workspace, run.id):
        raise RunError(
            "These pictures are already in use, by the app or another command. Wait for it to "
            "finish, or use another --workspace."
        )

    def stop(*_signal: object) -> None:
        say("Stopping: results so far are kept. Press again to quit at once.")
        runs.request_stop(workspace, run.id)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        show(execute(workspace, run))
    finally:
        signal.signal(signal.SIGINT, before)
    return runs.get_run(workspace, run.id)


def predict(options: argparse.Namespace) -> None:
    from tl_core.export.predictor import Predictor
    from tl_core.runs.results.answers import answers_csv

    workspace = open_workspace(options.workspace)
    predictor = Predictor.load(folders.model_path(workspace, options.model))
    answers = list(predictor.answers(folders.files_at(options.paths)))
    list_skipped(Skipped(entry.name, entry.reason) for entry in answers if entry.reason)
    table = answers_csv(answers, predictor.class_names).removeprefix(codecs.BOM_UTF8)
    if options.output:
        write(options.output, table)
    else:
        sys.stdout.buffer.write(table)
        sys.stdout.flush()


def export(options: argparse.Namespace) -> None:
    from tl_core.export.bundle import export_run
    from tl_core.runs.results.onnx_check import LIMIT

    run_dir = folders.model_path(open_workspace(options.workspace), options.run)
    report = read_report(run_dir)
    pictures = run_dir.resolve().parents[1] / "images"
    digests = report.evaluation.digests if report else ()
    paths = [path for digest in digests for path in pictures.glob(f"{digest}.*")]
    parity = export_run(run_dir, options.out_dir, paths)
    say(f"Wrote the model to {options.out_dir}.")
    if parity.n:
        say(
            f"On {parity.n} pictures the ONNX file's probabilities differ from the app's by at "
            f"most {parity.max_difference:.1e}."
        )
    if parity.n and not parity.same:
        raise RunError(f"That is more than {LIMIT:g}: do not rely on the ONNX file.")


def _store_questions(workspace: Workspace, project_id: str, options: argparse.Namespace) -> None:
    from tl_core.service.headless.labels import store_questions

    missing = store_questions(
        workspace,
        project_id,
        options.labels,
        options.test_labels,
        multilabel=options.multilabel,
    )
    for name in missing:
        say(f"skipped {name}: it is not in the folder, or a copy of another picture")


def _check_folder(folder: Path | None, option: str, needed: bool, what: str) -> None:
    """Raise if a folder is given that the approach has no use for, or not given where it has."""
    if needed and folder is None:
        raise RunError(f"Name the folder with {what} with {option}.")
    if folder is not None and not needed:
        raise RunError(f"{option} is for --approach {FOLDER_FOR[option]}; leave it out.")


def _download(backbone: Backbone) -> None:
    from tl_core.service.downloads import download_weights

    if weights_state(backbone) == "download":
        show(iter([PhaseStarted("download")]))
        show(download_weights(backbone))


COMMANDS = {
    "train": train,
    "assess": assess,
    "check": check,
    "cluster": cluster,
    "predict": predict,
    "export": export,
}

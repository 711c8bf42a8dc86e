"""Train, predict and export without a browser, with the app's engine and results.

python -m tl_core train TRAIN_DIR --test TEST_DIR --report out.json
python -m tl_core predict RUN PICTURE FOLDER ARCHIVE.zip
python -m tl_core export RUN OUT_DIR
"""

import argparse
import codecs
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from tl_core import headless, runs
from tl_core.catalogue import Backbone, weights_state
from tl_core.command_line import parser
from tl_core.config import TrainingConfig, config_to_json
from tl_core.errors import DatasetError, RunError, TLCoreError
from tl_core.events import EpochResult, Event, Note, PhaseStarted, Progress
from tl_core.imagefiles import Skipped
from tl_core.processes import cores, environment
from tl_core.reports import read_report
from tl_core.runs import Run
from tl_core.storage import Workspace, storage_errors, write_atomic
from tl_core.workspace import open_workspace

TROUBLE = 2  # exit code for what the caller can fix
_PHASES = {
    "download": "Downloading",
    "features": "Looking at the pictures",
    "probe": "Fitting a classifier on frozen features",
    "fine_tune": "Training the network's layers",
    "evaluate": "Evaluating",
    "save": "Saving",
    "assess": "Comparing with what could be had without the pretrained model",
}


def train(options: argparse.Namespace) -> None:
    workspace = open_workspace(options.workspace)
    backbone = headless.backbone_named(options.backbone)
    try:
        config = TrainingConfig(
            backbone=backbone,
            strategy=options.strategy,
            frozen_groups=options.freeze_to,
            seed=options.seed,
        )
    except ValueError as error:
        raise RunError(f"This training cannot be started: {error}.") from error
    if options.download and options.strategy != "scratch":
        _download(backbone)
    project_id, skipped = headless.project_of_folder(workspace, options.train_dir, options.test)
    _list_skipped(skipped)
    run = _train(workspace, project_id, config)
    run_dir = workspace.run_dir(project_id, run.id)
    report = read_report(run_dir) if run.state in ("done", "stopped") else None
    if report is None:
        raise RunError(run.message or "The training ended without a model.")
    _say(run.message)
    if options.report:
        _write(options.report, headless.report_json(run, run_dir, report))
    if options.predictions:
        table = headless.predictions_csv(workspace, project_id, report)
        _write(options.predictions, table)
    found = report.evaluation
    low, high = found.interval
    print(
        f"accuracy {found.accuracy:.3f} ({found.correct} of {found.n} {found.measured_on}; "
        f"95 % interval {low:.3f} to {high:.3f})\nrun {run.id} in {run_dir}"
    )


def _train(workspace: Workspace, project_id: str, config: TrainingConfig) -> Run:
    """Do the run in this process and return it as it ended."""
    from tl_core.execution import execute

    run = runs.start_run(workspace, project_id, config=config_to_json(config), claimed=True)
    if not runs.is_mine(workspace, run.id):
        raise RunError(
            "These pictures are being trained on already, by the app or another command. Wait "
            "for its end, or use another --workspace."
        )

    def stop(*_signal: object) -> None:
        _say("Stopping: the best state so far is evaluated. Press again to give up at once.")
        runs.request_stop(workspace, run.id)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        _show(execute(workspace, run))
    finally:
        signal.signal(signal.SIGINT, before)
    return runs.get_run(workspace, run.id)


def predict(options: argparse.Namespace) -> None:
    from tl_core.answers import answers_csv
    from tl_core.prediction import Predictor

    workspace = open_workspace(options.workspace)
    predictor = Predictor.load(headless.model_path(workspace, options.model))
    answers = list(predictor.answers(headless.files_at(options.paths)))
    _list_skipped(Skipped(entry.name, entry.reason) for entry in answers if entry.reason)
    table = answers_csv(answers, predictor.class_names).removeprefix(codecs.BOM_UTF8)
    if options.output:
        _write(options.output, table)
    else:
        sys.stdout.buffer.write(table)
        sys.stdout.flush()


def export(options: argparse.Namespace) -> None:
    from tl_core.export import export_run
    from tl_core.exported import LIMIT

    run_dir = headless.model_path(open_workspace(options.workspace), options.run)
    report = read_report(run_dir)
    pictures = run_dir.resolve().parents[1] / "images"
    digests = report.evaluation.digests if report else ()
    paths = [path for digest in digests for path in pictures.glob(f"{digest}.*")]
    parity = export_run(run_dir, options.out_dir, paths)
    _say(f"Wrote the model to {options.out_dir}.")
    if parity.n:
        _say(
            f"On {parity.n} pictures the ONNX file's probabilities differ from the app's by at "
            f"most {parity.max_difference:.1e}."
        )
    if parity.n and not parity.same:
        raise RunError(f"That is more than {LIMIT:g}: do not rely on the ONNX file.")


def _download(backbone: Backbone) -> None:
    from tl_core.backbones import download_weights

    if weights_state(backbone) == "download":
        _show(iter([PhaseStarted("download")]))
        _show(download_weights(backbone))


def _show(events: Iterable[Event]) -> None:
    """Let a generator work and say on the standard error how far it is."""
    overwrite = sys.stderr.isatty()
    for event in events:
        match event:
            case PhaseStarted(phase):
                _say(_PHASES[phase])
            case Note(text):
                _say(f"  {text}")
            case Progress(_, done, total, left) if overwrite:
                more = f", {left:.0f} s left" if left else ""
                print(f"  {done} of {total}{more}   ", end="\r", file=sys.stderr, flush=True)
            case EpochResult(phase="fine_tune") as result:
                _say(
                    f"  epoch {result.epoch} of {result.total_epochs}: loss "
                    f"{result.train_loss:.3f}, validation loss {result.validation_loss:.3f}, "
                    f"validation accuracy {result.validation_accuracy:.3f}"
                )


def _list_skipped(skipped: Iterable[Skipped]) -> None:
    for entry in skipped:
        _say(f"left out {entry.name}: {entry.reason}")


def _say(text: str | None) -> None:
    if text:
        print(text, file=sys.stderr, flush=True)


def _write(path: Path, content: bytes) -> None:
    try:
        with storage_errors(f"writing {path}"):
            write_atomic(path, content)
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be written ({error.strerror}). Check its folder."
        ) from error


COMMANDS = {"train": train, "predict": predict, "export": export}


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    offline = not getattr(options, "download", False)
    os.environ.update(environment(threads=cores(), offline=offline))  # before torch is imported
    try:
        COMMANDS[options.command](options)
    except TLCoreError as error:
        _say(f"error: {error}")
        return TROUBLE
    except KeyboardInterrupt:
        _say("given up")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

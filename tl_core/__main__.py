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
from tl_core.catalogue import BUNDLED, Backbone, weights_state
from tl_core.config import STRATEGIES, TrainingConfig, config_to_json
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
    from tl_core.worker import execute

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


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m tl_core",
        description="Train, predict and export without a browser, with the app's engine.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_export(commands)
    for command in commands.choices.values():
        command.add_argument(
            "--workspace",
            type=Path,
            metavar="DIR",
            help="where projects, features and runs are kept (default: the environment's "
            "TL_WORKSPACE, else ./workspace)",
        )
    return whole


def _add_train(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "train",
        help="train on a folder of class folders and test the result",
        description="Train on a folder with one folder of pictures per class. A folder that was "
        "given before and has not changed goes on from its stored features.",
    )
    command.set_defaults(run_command=train)
    add = command.add_argument
    add(
        "train_dir",
        type=Path,
        metavar="TRAIN_DIR",
        help="one folder per class, perhaps below folders train, val and test",
    )
    add(
        "--test",
        type=Path,
        metavar="TEST_DIR",
        help="one folder per class with pictures to test on (default: measured on pictures of "
        "TRAIN_DIR that the model did not learn from)",
    )
    add(
        "--backbone",
        default=BUNDLED,
        metavar="NAME",
        help="pretrained network to start from, a name of timm (default: %(default)s, bundled)",
    )
    add(
        "--strategy",
        choices=STRATEGIES,
        default="recommended",
        help="recommended or probe: a classifier on frozen features, chosen by "
        "cross-validation; fine-tune: train the last layers too, from that classifier on; "
        "scratch: start without pretrained weights (default: %(default)s)",
    )
    add(
        "--freeze-to",
        type=int,
        metavar="N",
        help="keep the first N layer groups as they are when fine-tuning (default: all but the "
        "last stage and the classifier; from scratch: none)",
    )
    add("--seed", type=int, default=0, metavar="S", help="of every random choice (default: 0)")
    add(
        "--download",
        action="store_true",
        help="download the backbone's weights if they are not on this machine",
    )
    add("--report", type=Path, metavar="OUT.json", help="write the result and the times here")
    add(
        "--predictions",
        type=Path,
        metavar="OUT.csv",
        help="write the prediction for every picture that was tested on here",
    )


def _add_predict(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "predict",
        help="classify pictures with a trained model",
        description="Classify pictures and write a table (CSV): file, predicted class, its "
        "probability, the probability of every class, and why a file could not be read.",
    )
    command.set_defaults(run_command=predict)
    command.add_argument(
        "model",
        metavar="RUN_OR_EXPORT",
        help="a run's id or folder, an export's folder, a .safetensors or an .onnx file",
    )
    command.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="pictures, folders or ZIP files"
    )
    command.add_argument(
        "--output", type=Path, metavar="OUT.csv", help="write the table here (default: to stdout)"
    )


def _add_export(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "export",
        help="write a trained model as files to use elsewhere",
        description="Write the weights (safetensors), the ONNX model with its preprocessing "
        "inside and a script that uses it, and compare the ONNX model with the app's answers.",
    )
    command.set_defaults(run_command=export)
    command.add_argument("run", metavar="RUN", help="a run's id or folder")
    command.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="made if it is not there")


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    offline = not getattr(options, "download", False)
    os.environ.update(environment(threads=cores(), offline=offline))  # before torch is imported
    try:
        options.run_command(options)
    except TLCoreError as error:
        _say(f"error: {error}")
        return TROUBLE
    except KeyboardInterrupt:
        _say("given up")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The options of the command line, each with its explanation. What they do is in `commands`."""

import argparse
from pathlib import Path

from tl_core.runs.catalogue import BUNDLED


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m tl_core",
        description="Train, predict and export without a browser, with the app's engine.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_assess(commands)
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
        "--approach",
        default="recommended",
        metavar="NAME",
        help="probe: a classifier on frozen features, chosen by cross-validation; recommended: "
        "the probe, then the last layers are fine-tuned on trial, which is kept if it pays; "
        "fine-tune: train the last layers too, from the probe on; scratch: start without "
        "pretrained weights (default: %(default)s)",
    )
    add(
        "--tuning-seconds",
        type=int,
        default=60,
        metavar="N",
        help="how long the recommended training may try fine-tuning; 0: never (default: "
        "%(default)s)",
    )
    add(
        "--freeze-to",
        type=int,
        metavar="N",
        help="keep the first N layer groups as they are when fine-tuning (default: all but the "
        "last stage and the classifier; from scratch: none)",
    )
    add(
        "--set",
        action="append",
        default=[],
        dest="options",
        type=_option,
        metavar="NAME=VALUE",
        help="an option that the strategy alone has; may be given several times",
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


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _add_assess(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "assess",
        help="measure whether the pretrained network helps on a folder of class folders",
        description="Compare the pretrained network with simpler ways, on the same pictures and "
        "folds: a verdict, baselines, a curve over the layers and over the number of pictures, "
        "distances, and the groups of copies that were found.",
    )
    add = command.add_argument
    add("directory", type=Path, metavar="DIR", help="one folder of pictures per class")
    add("--report", type=Path, metavar="OUT.json", help="write everything that was found here")
    add(
        "--backbone",
        default=BUNDLED,
        metavar="NAME",
        help="pretrained network, a name of timm (default: %(default)s, bundled)",
    )
    add(
        "--scratch",
        action="store_true",
        help="train the whole network from scratch, too; it takes minutes",
    )
    add(
        "--compare",
        nargs=2,
        action="append",
        default=[],
        metavar=("A", "B"),
        help="two parts of the pictures, as patterns of file names ('cam1_*' 'cam2_*') or as "
        "class:NAME, folder:NAME, split:train, split:test: say how far apart they are",
    )
    add("--seed", type=int, default=0, metavar="S", help="of every random choice (default: 0)")


def _add_predict(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "predict",
        help="classify pictures with a trained model",
        description="Classify pictures and write a table (CSV): file, predicted class, its "
        "probability, the probability of every class, and why a file could not be read.",
    )
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
    command.add_argument("run", metavar="RUN", help="a run's id or folder")
    command.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="made if it is not there")

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
    _add_check(commands)
    _add_cluster(commands)
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
        help="train on a folder of class folders and test the model",
        description="Train on a folder with one folder of pictures per class. If an unchanged "
        "folder was used before, its stored features are used again.",
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
        help="test set, one folder per class (default: pictures held out from TRAIN_DIR)",
    )
    add(
        "--strategy",
        "--approach",
        default="recommended",
        metavar="NAME",
        help="recommended, linear_probe: a linear classifier on frozen features; improve: the "
        "same, then a trial of fine-tuning the last stage, kept if it helps; fine-tune, "
        "fine_tuning: linear probing, then the last layer groups learn; scratch, from_scratch: "
        "start from random weights; anomaly_detection: TRAIN_DIR holds normal pictures only, and "
        "whatever is unlike them is anomalous; domain_adaptation: pictures of another place, given "
        "with --target, change the classifier; self_supervised: pictures without "
        "labels, given with --unlabelled, are learnt from, too (default: %(default)s)",
    )
    add(
        "--target",
        type=Path,
        metavar="TARGET_DIR",
        help="for domain_adaptation: pictures of the place of use; labels are not needed",
    )
    add(
        "--target-labels",
        type=int,
        default=0,
        metavar="K",
        help="the labels of K pictures of TARGET_DIR, drawn at random, are known (default: 0)",
    )
    add(
        "--unlabelled",
        type=Path,
        metavar="DIR",
        help="for self_supervised: pictures without labels, hundreds or more",
    )
    add(
        "--labels",
        type=Path,
        metavar="LABELS.csv",
        help="several questions about each picture of TRAIN_DIR: columns file, QUESTION, ...; an "
        "empty cell is no answer",
    )
    add(
        "--multilabel",
        action="store_true",
        help="the columns of --labels are labels that a picture has (1) or has not (0)",
    )
    add(
        "--test-labels",
        type=Path,
        metavar="LABELS.csv",
        help="the same table for the pictures of --test",
    )
    add(
        "--tuning-seconds",
        type=int,
        default=60,
        metavar="N",
        help="time limit for the fine-tuning trial of 'improve', in seconds; 0: no "
        "trial (default: %(default)s)",
    )
    add(
        "--freeze-to",
        type=int,
        metavar="N",
        help="number of frozen layer groups when fine-tuning (default: all but the last stage "
        "and the classifier; from scratch: none)",
    )
    add(
        "--set",
        action="append",
        default=[],
        dest="options",
        type=_option,
        metavar="NAME=VALUE",
        help="an option of the chosen strategy; may be given several times",
    )
    add(
        "--download",
        action="store_true",
        help="download the backbone's weights if they are not on this machine",
    )
    add(
        "--predictions",
        type=Path,
        metavar="OUT.csv",
        help="write the predictions for the test pictures to this file",
    )
    _add_common(command)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _add_assess(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "assess",
        help="measure whether the pretrained network helps on a folder of class folders",
        description="Compare the pretrained network with baselines on the same pictures: "
        "verdict, accuracy by layer group, learning curve, distance from the pretraining "
        "data, and groups of copies.",
    )
    add = command.add_argument
    add("directory", type=Path, metavar="DIR", help="one folder of pictures per class")
    add(
        "--scratch",
        action="store_true",
        help="also train the whole network from scratch; takes minutes",
    )
    add(
        "--compare",
        nargs=2,
        action="append",
        default=[],
        metavar=("A", "B"),
        help="measure how different two subsets of the pictures are, given as file name patterns "
        "('cam1_*' 'cam2_*') or as class:NAME, folder:NAME, split:train, split:test",
    )
    _add_common(command)


def _add_check(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "check",
        help="look for what is wrong with a folder of class folders",
        description="Look for labels that may be wrong, copies, bad pictures, traits that give a "
        "class away, and classes that look like one or like two. Nothing is changed.",
    )
    add = command.add_argument
    add("directory", type=Path, metavar="DIR", help="one folder of pictures per class")
    add(
        "--test",
        type=Path,
        metavar="TEST_DIR",
        help="also look for pictures of this test folder that are in DIR, too",
    )
    add(
        "--suspects",
        type=Path,
        metavar="OUT.csv",
        help="write every picture to this file, the most suspect label first: "
        "file,label,suggested,score",
    )
    _add_common(command)


def _add_cluster(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "cluster",
        help="divide pictures into groups, without labels",
        description="Divide the pictures of a folder into groups that look alike. Labels (one "
        "folder per class) are not needed; where there are some, the groups are compared with "
        "them.",
    )
    add = command.add_argument
    add("directory", type=Path, metavar="DIR", help="a folder of pictures")
    add(
        "--clusters",
        type=int,
        metavar="N",
        help="number of groups (default: as many as are separated best)",
    )
    add(
        "--assignments",
        type=Path,
        metavar="OUT.csv",
        help="write the group of each picture to this file: file,cluster (1 is the largest)",
    )
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backbone",
        default=BUNDLED,
        metavar="NAME",
        help="backbone, a timm model name (default: %(default)s, bundled)",
    )
    command.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the random number generator (default: 0)",
    )
    command.add_argument(
        "--report",
        type=Path,
        metavar="OUT.json",
        help="write all results and the times to this file",
    )


def _add_predict(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "predict",
        help="classify pictures with a trained model",
        description="Classify pictures and write a table (CSV): file, predicted class, its "
        "probability, the probability of every class, whether it is unlike the training "
        "pictures (1 or 0, and a score above or below 1), and why a file could not be read.",
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
        "--output",
        type=Path,
        metavar="OUT.csv",
        help="write the table to this file (default: stdout)",
    )


def _add_export(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "export",
        help="export a trained model for use elsewhere",
        description="Write the weights (safetensors), the ONNX model with its preprocessing "
        "inside and a script that uses it, and compare the ONNX model with the app's answers.",
    )
    command.add_argument("run", metavar="RUN", help="a run's id or folder")
    command.add_argument(
        "out_dir", type=Path, metavar="OUT_DIR", help="created if it does not exist"
    )

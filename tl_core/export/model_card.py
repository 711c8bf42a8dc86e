"""What somebody who gets the exported files has to know: what the model answers, how well, limits.

Source: Mitchell et al. (2019), "Model Cards for Model Reporting", arXiv:1810.03993.
"""

from pathlib import Path

from tl_core.backbones.network import load_network
from tl_core.export.predictor import model_file
from tl_core.runs.results.anomaly import AnomalyResult, anomaly_result
from tl_core.runs.results.questions import QuestionsResult, questions_result
from tl_core.runs.results.report import Report, read_report

_UNLIKE = """\
Every answer comes with a score of how unlike the training pictures a picture is
(`unlike_score`). Above 1 the picture is unlike anything the model was trained on: do not rely on
its answer. About 5 % of suitable pictures score above 1 too.
"""
_NO_UNLIKE = """\
The model answers with one of its classes whatever the picture shows, and cannot tell whether a
picture is of a kind that it was trained on.
"""


def model_card(run_dir: Path) -> str:
    """Return the card of a finished run, Markdown.

    Raises:
        PredictionError: If the run has no finished model.
    """
    network, metadata = load_network(model_file(run_dir))
    report = read_report(run_dir)
    backbone, names = metadata["backbone"], metadata["class_names"]
    heads = metadata.get("heads")
    answers = f"{len(heads)} questions" if heads else f"{len(names)} classes"
    measured = "It was not measured." if report is None else _measured(report)
    side = metadata["preprocessing"]["input_size"]
    return f"""\
# An image classifier for {answers}

Transferred from `{backbone["name"]}` (weights: {backbone["licence"]}). It takes a picture of any
size, uses its central square at {side} x {side} pixels, and returns a probability per class.

## How good it is

{measured}
The numbers hold for pictures like those that it was trained on, taken in the same way.

## Unlike anything it was trained on

{_NO_UNLIKE if network.unlike is None else _UNLIKE}
## Files

- `model.onnx`: input `image`, uint8 (height, width, 3), upright RGB; outputs `probabilities`,
  float32 (K,), in the order of the metadata's `class_names`{
        "" if network.unlike is None else ", and `unlike_score`, float32"
    }.
- `predict.py`: classifies pictures with it.
- `model.safetensors`: the weights, for PyTorch and timm.
"""


def _measured(report: Report) -> str:
    found, alarms = report.evaluation, anomaly_result(report)
    if alarms:
        return _alarms(alarms)
    if several := questions_result(report):
        return _questions(several)
    low, high = (100 * bound for bound in found.interval)
    how = {
        "all": "by cross-validation",
        "test": "on a test part that it was not trained on",
        "target": "on labelled pictures of the place of use",
        "source": "where it learnt; the accuracy at the place of use is not known",
        "validation": "on the validation part, which also chose the epoch to keep",
    }.get(found.measured_on, f"on {found.measured_on}")
    rows = [
        f"| {_cell(one.name)} | {one.support} | {one.precision:.2f} | {one.recall:.2f} |"
        for one in found.per_class
    ]
    head = ("| class | pictures | precision | recall |", "|---|---:|---:|---:|")
    return (
        f"Right about {100 * found.accuracy:.1f} % of {found.n} pictures, measured {how} "
        f"(95 % confidence interval {low:.1f} to {high:.1f} %).\n\n" + "\n".join([*head, *rows, ""])
    )


def _alarms(found: AnomalyResult) -> str:
    low, high = (100 * bound for bound in found.false_alarm_interval)
    text = (
        f"{found.false_alarms} of {found.normal} normal pictures that it did not learn from raised "
        f"a false alarm (95 % confidence interval {low:.1f} to {high:.1f} %); "
        f"{100 * found.promised:g} % were allowed. "
    )
    if not found.anomalous:
        return text + "No anomalous picture was known, so how many it finds is unknown.\n"
    return (
        f"{text}It found {found.found} of {found.anomalous} anomalous ones"
        f"{'' if found.auroc is None else f' (AUROC {found.auroc:.3f})'}.\n\n"
        "A picture is anomalous where the second probability is above 0.5.\n"
    )


def _questions(found: QuestionsResult) -> str:
    rows = [
        f"| {_cell(one.name)} | {', '.join(map(_cell, one.class_names))} | {one.correct} of "
        f"{one.n} | {'' if one.threshold is None else f'{one.threshold:.2f}'} |"
        for one in found.questions
    ]
    return "\n".join(
        [
            "It answers several questions; `probabilities` holds the answers to all, side by side, "
            "in the order of the metadata's `heads`. Right on pictures that it was not fitted on:",
            "",
            "| question | answers | right | yes from |",
            "|---|---|---:|---:|",
            *rows,
            "",
        ]
    )


def _cell(name: str) -> str:
    """Return a name that nothing in Markdown takes for its own."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!|<>~&" else sign for sign in name)

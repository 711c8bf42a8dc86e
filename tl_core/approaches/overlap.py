"""Test pictures that the training part holds, too: the result is that of the others.

Nothing is taken out of the training part. The exact copies are not kept twice, so that they are
answered as training pictures, under the labels that they have in the test folder.
"""

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import torch

from tl_core.approaches.approach import Model
from tl_core.approaches.task import Task
from tl_core.evaluation.measuring import crop_batches, logits_of
from tl_core.images import Overlap, test_overlap
from tl_core.runs.events import Event, Note
from tl_core.runs.results.report import Evaluation

LEAST = 10  # test pictures without a relative; below, cross-validation says more


def without_overlap(
    task: Task, model: Model, evaluation: Evaluation
) -> Generator[Event, None, tuple[Evaluation, dict]]:
    """Return the result on test pictures without a relative in training, and facts on the others.

    Where too few remain it is that of cross-validation, as far as the model has one.

    Args:
        task: What the model was trained for.
        model: Whose answers they are.
        evaluation: On all test pictures that are kept.
    """
    own_findings = hasattr(model, "findings")  # which are about all pictures
    measured = evaluation.measured_on == "test" and task.images.test_given and not own_findings
    overlap = test_overlap(task.workspace, task.project_id) if measured else None
    if overlap is None or not overlap.count:
        return evaluation, {}
    correct, n = _of_copies(task, model, overlap)
    alone = np.array([digest not in overlap.near for digest in evaluation.digests], bool)
    independent = _some(evaluation, alone)
    result = independent
    if independent.n < LEAST and (hasattr(model, "fitted") or hasattr(model, "division")):
        images = replace(task.images, test_given=False)
        result = yield from replace(model, task=replace(task, images=images)).evaluate()
    elif not independent.n:  # this model has no cross-validation
        result = evaluation
    facts = {
        "test_pictures": overlap.total,
        "in_training": overlap.count,
        "exact": len(overlap.exact),
        "near": len(overlap.near),
        "all": _counted(evaluation.correct + correct, evaluation.n + n),
        "without_overlap": _counted(independent.correct, independent.n),
        "cross_validated": result.folds > 1,
    }
    facts["message"] = _sentence(facts)
    yield Note(facts["message"])
    return result, {"test_overlap": facts}


def _sentence(facts: dict) -> str:
    of_all, alone = facts["all"], facts["without_overlap"]
    text = (
        f"{facts['in_training']} of your {facts['test_pictures']} test pictures are in the "
        f"training folder too ({facts['exact']} exact copies, {facts['near']} near copies). "
    )
    if facts["cross_validated"]:
        text += f"Only {alone['n']} are left, so the result is cross-validated on training pictures"
    elif alone["n"]:
        text += f"The result is on the other {alone['n']}"
    else:
        text += "None is left, so the result says little about new pictures"
    return f"{text}; on all of them {of_all['correct']} of {of_all['n']} are right."


def _counted(correct: int, n: int) -> dict:
    return {"correct": int(correct), "n": int(n), "accuracy": correct / n if n else None}


def _of_copies(task: Task, model: Model, overlap: Overlap) -> tuple[int, int]:
    """Return how many test files that were left out as copies are answered right, of how many."""
    images = {image.digest: image for image in task.images.images}
    names = task.images.class_names
    known = [
        (images[one.copy_of], names.index(one.class_name))
        for one in overlap.exact
        if one.copy_of in images and one.class_name in names
    ]
    if not known:
        return 0, 0
    crops = crop_batches([image for image, _ in known], task.preprocessing)
    logits = torch.cat(list(logits_of(model.network(), crops, task.preprocessing)))
    labels = torch.tensor([label for _, label in known])
    return int((logits.argmax(dim=1) == labels).sum()), len(known)


def _some(evaluation: Evaluation, rows: np.ndarray) -> Evaluation:
    """Return an evaluation on some of its pictures, bool (N,)."""
    groups = evaluation.groups
    return replace(
        evaluation,
        digests=tuple(np.array(evaluation.digests, dtype=object)[rows].tolist()),
        labels=evaluation.labels[rows],
        probabilities=evaluation.probabilities[rows],
        groups=None if groups is None else groups[rows],
    )

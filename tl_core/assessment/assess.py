"""Did the pretrained model help? All of it, from pictures to a verdict, cheap parts first.

`assess` is a generator of events; it writes `assessment.json` anew after each part. Whoever stops
asking keeps the parts that are done, and a later run on the same pictures goes on from them.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from tl_core.assessment import baselines, stored
from tl_core.assessment.distance import pretraining_distance
from tl_core.assessment.inputs import Inputs, Request, collect, compared
from tl_core.assessment.layer_curve import layer_curve
from tl_core.assessment.learning_curve import learning_curve
from tl_core.assessment.scratch import from_scratch
from tl_core.assessment.similarity import compare_parts
from tl_core.assessment.stored import Found
from tl_core.assessment.verdict import NETWORKS, difference, verdict_of
from tl_core.backbones.group_outputs import group_widths
from tl_core.errors import StorageFull, TLCoreError
from tl_core.evaluation import calibration
from tl_core.evaluation.out_of_fold import OutOfFold
from tl_core.features.comparison_inputs import ComparisonInputs, comparison_inputs
from tl_core.features.copies import unsearched_note
from tl_core.runs.events import Event, Note, PhaseStarted, Progress
from tl_core.runs.results.assessment import Assessment

COLOURS_TELL = 0.1  # more right answers than the most frequent class gives

Work = Generator[Progress, None, Found]


def assess(
    request: Request, *, parts: tuple[str, ...] | None = None
) -> Generator[Event, None, Assessment]:
    """Compute the parts that are missing, one after the other, and return what is there then.

    Args:
        request: What is asked.
        parts: Names from `PARTS` and `SECOND_PASS_PARTS`; all but "scratch" if None, and that,
            too, if the request says so.

    Raises:
        DatasetError: If the pictures and classes cannot be divided into folds.
        WeightsUnavailable: If the backbone's weights are not on this machine.
    """
    total = parts or (*PARTS, *SECOND_PASS_PARTS)
    if request.scratch and parts is None:
        total += ("scratch",)
    now = compared(request)
    found = stored.begin(request, now, total)
    stored.write(request.run_dir, found)
    if not _missing(found, request):
        return found.assessment
    yield PhaseStarted("features")
    began = time.perf_counter()
    inputs = yield from collect(request, now)
    if inputs.compared is not now:
        found = stored.begin(request, inputs.compared, total)
    found = _timed(found, "features", began)
    if unsearched := unsearched_note(len(inputs.table.digests)):
        found = found.noting(unsearched)
    yield PhaseStarted("assess")
    second = None
    for name in _missing(found, request):
        if name in SECOND_PASS_PARTS and second is None:
            began = time.perf_counter()
            second = yield from _second_pass(inputs)
            found = _timed(found, "second pass", began)
            yield PhaseStarted("assess")
        if name in SECOND_PASS_PARTS:
            work = SECOND_PASS_PARTS[name](inputs, found, second)
        else:
            work = {**PARTS, "scratch": from_scratch}[name](inputs, found)
        found = yield from _computed(name, work, found)
        stored.write(request.run_dir, found)
        yield Progress("assess", found.assessment.parts_done, found.assessment.parts_total)
        yield Note(f"{name}: {found.assessment.seconds[name]:.1f} s")
    return found.assessment


def _missing(found: Found, request: Request) -> list[str]:
    """Return the parts to compute, in their order; parts of pictures may be asked for later."""
    known = {(one.a, one.b) for one in found.assessment.similarities if one.asked}
    asked = set(request.pairs) - known
    done = found.assessment.done
    return [
        name
        for name in found.assessment.total
        if name not in done or (name == "similarity" and asked)
    ]


def _computed(name: str, work: Work, before: Found) -> Generator[Progress, None, Found]:
    """Return what is there after a part; the seconds left that it tells are those of this part."""
    began, whole = time.perf_counter(), before.assessment
    found = before
    try:
        while True:
            step = next(work)
            left = step.seconds_left
            if left is None:
                left = (time.perf_counter() - began) / max(1, step.done) * (step.total - step.done)
            yield Progress("assess", whole.parts_done, whole.parts_total, left)
    except StopIteration as end:
        found = end.value
    except StorageFull:
        raise
    except TLCoreError as error:  # the other parts can do without
        found = before.noting(f"{error}")
    found = _timed(found, name, began)
    return found.adding(done=tuple(dict.fromkeys([*whole.done, name])))


def _timed(found: Found, name: str, began: float) -> Found:
    seconds = round(time.perf_counter() - began, 3)
    return found.adding(seconds={**found.assessment.seconds, name: seconds})


def _transferred(inputs: Inputs, found: Found) -> Work:
    yield Progress("assess", 0, 1)
    began = time.perf_counter()
    answers = baselines.probe_in_folds(inputs.division, inputs.features)
    return _measured(inputs, found, "transferred", answers, began)


def _majority(inputs: Inputs, found: Found) -> Work:
    began = time.perf_counter()
    answers = yield from baselines.majority(inputs.division)
    return _measured(inputs, found, "majority", answers, began)


def _calibration(inputs: Inputs, found: Found) -> Work:
    yield Progress("assess", 0, 1)
    answers = baselines.probe(inputs.division, inputs.features)  # as the model is measured
    result = calibration.calibration_of(inputs.division, answers)
    if result is None:
        found = found.noting(
            f"Calibration was not measured: it needs at least {calibration.LEAST_PICTURES} "
            "pictures."
        )
    return found.adding(calibration=result)


def _distance(inputs: Inputs, found: Found) -> Work:
    yield Progress("assess", 0, 1)
    backbone, pictures = inputs.request.backbone, inputs.compared.pictures
    last = inputs.features["last"]
    return found.adding(distance=pretraining_distance(inputs.network, backbone, pictures, last))


def _similarity(inputs: Inputs, found: Found) -> Work:
    """Compare what is learnt from with the test part, and the parts that the person named."""
    known = found.assessment.similarities
    pairs = [] if "similarity" in found.assessment.done else [None]
    asked = {(one.a, one.b) for one in known if one.asked}
    pairs += [pair for pair in inputs.request.pairs if pair not in asked]
    for done, pair in enumerate(pairs):
        yield Progress("assess", done, len(pairs))
        images, last = inputs.compared.images, inputs.table.last
        try:
            known += (compare_parts(images, last, asked=pair, seed=inputs.request.seed),)
        except TLCoreError as error:  # too few pictures in one of them
            found = found.noting(f"{error}")
    return found.adding(similarities=known)


def _learning(inputs: Inputs, found: Found) -> Work:
    seed = inputs.request.seed
    curve = yield from learning_curve(inputs.features, inputs.division, seed=seed)
    return found.adding(learning=curve)


def _second_pass(inputs: Inputs) -> Generator[Progress, None, ComparisonInputs]:
    request = inputs.request
    return (
        yield from comparison_inputs(
            inputs.network,
            request.backbone,
            inputs.compared.pictures,
            workspace=request.workspace,
            project_id=request.project_id,
        )
    )


def _colours(inputs: Inputs, found: Found, second: ComparisonInputs) -> Work:
    began = time.perf_counter()
    yield Progress("assess", 0, 1)
    # roots make small shares count
    plain = baselines.probe_in_folds(inputs.division, {"last": np.sqrt(second.colours)})
    found = _measured(inputs, found, "colours", plain, began)
    _, (low, _) = difference(found.answers["transferred"], plain)
    if low <= 0 and plain.accuracy > found.answers["majority"].accuracy + COLOURS_TELL:
        found = found.noting(
            f"The colour histogram alone reaches {100 * plain.accuracy:.0f} %, and the pretrained "
            "model is not clearly better. Background or lighting may give the classes away: "
            "check whether each class was photographed in its own place."
        )
    return found


def _layers(inputs: Inputs, found: Found, second: ComparisonInputs) -> Work:
    groups = group_widths(inputs.network)
    curve = yield from layer_curve(second.group_outputs, groups, inputs.division)
    return found.adding(layers=curve)


def _random(inputs: Inputs, found: Found, second: ComparisonInputs) -> Work:
    began = time.perf_counter()
    yield Progress("assess", 0, 1)
    features = replace(inputs.table, values=second.random_features).features
    answers = baselines.probe_in_folds(inputs.division, features)
    return _judged(inputs, _measured(inputs, found, "random", answers, began))


def _small(inputs: Inputs, found: Found, second: ComparisonInputs) -> Work:
    began = time.perf_counter()
    seed = inputs.request.seed
    answers = yield from baselines.small_network(inputs.division, second.thumbnails, seed=seed)
    return _judged(inputs, _measured(inputs, found, "small", answers, began))


def _measured(inputs: Inputs, found: Found, name: str, answers: OutOfFold, began: float) -> Found:
    seconds = time.perf_counter() - began
    bar = baselines.measured(name, inputs.division, answers, seconds=seconds)
    return found.measuring(bar, answers)


def _judged(inputs: Inputs, found: Found) -> Found:
    others = {name: found.answers[name] for name in NETWORKS if name in found.answers}
    verdict = verdict_of(found.answers["transferred"], others)
    return found.adding(verdict=verdict)


# What is computed, in this order; the second ones need one more pass over every picture.
PARTS: dict[str, Callable[[Inputs, Found], Work]] = {
    "transferred": _transferred,
    "majority": _majority,
    "calibration": _calibration,
    "distance": _distance,
    "similarity": _similarity,
    "learning": _learning,
}
SECOND_PASS_PARTS: dict[str, Callable[[Inputs, Found, ComparisonInputs], Work]] = {
    "colours": _colours,
    "layers": _layers,
    "random": _random,
    "small": _small,
}

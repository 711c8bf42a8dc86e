"""Did the pretrained model help? All of it, from pictures to a verdict, cheap parts first.

`assess` is a generator of events; it writes `assessment.json` anew after each part. Whoever stops
asking keeps the parts that are done, and a later run on the same pictures goes on from them.
"""

import time
from collections.abc import Generator, Iterator

from tl_core.assessment.job import AssessmentJob, prepare_assessment
from tl_core.assessment.parts import NEED_INPUTS, PARTS
from tl_core.errors import StorageFull, TLCoreError
from tl_core.features.comparison_inputs import comparison_inputs
from tl_core.features.copies import group_copies, unsearched_note
from tl_core.features.extraction import FeatureTable, extract_features
from tl_core.runs.catalogue import backbone_from_json
from tl_core.runs.events import Event, Note, PhaseStarted, Progress
from tl_core.runs.results.assessment import Assessment
from tl_core.workspace.storage import Workspace


def prepare_from_config(
    workspace: Workspace, project_id: str, run_id: str, config: dict
) -> AssessmentJob:
    """Return the job that a run of kind "assess" describes.

    `config` has "backbone" as JSON and may have "scratch", "patterns" (pairs of parts) and "seed".
    """
    return prepare_assessment(
        workspace,
        project_id,
        run_id,
        backbone=backbone_from_json(config["backbone"]),
        scratch=bool(config.get("scratch", False)),
        patterns=tuple((a, b) for a, b in config.get("patterns", ())),
        seed=int(config.get("seed", 0)),
    )


def assess(job: AssessmentJob) -> Generator[Event, None, Assessment]:
    """Compute the parts that are missing, one after the other, and return what is there then.

    Copies are looked for first: where some are found, the folds of `job` are drawn anew.
    """
    todo = job.todo
    if job.patterns and "similarity" not in todo:
        todo.append("similarity")
    if not todo:
        return job.assessment
    yield PhaseStarted("features")
    job.table = yield from _table(job)
    last = job.table.matrix("last")
    if group_copies(job.workspace, job.project_id, job.everything, last):
        job = prepare_assessment(**job.asked)
        job.table = yield from _table(job)
        todo = job.todo
    if unsearched := unsearched_note(len(job.everything)):
        job.note(unsearched)
    yield PhaseStarted("assess")
    for part in todo:
        if part in NEED_INPUTS and job.inputs is None:
            job.inputs = yield from comparison_inputs(
                job.network,
                job.backbone,
                job.pool,
                workspace=job.workspace,
                project_id=job.project_id,
            )
            yield PhaseStarted("assess")
        yield from _one(job, part)
    return job.assessment


def _table(job: AssessmentJob) -> Generator[Event, None, FeatureTable]:
    return extract_features(
        job.network,
        job.backbone,
        job.everything,
        workspace=job.workspace,
        project_id=job.project_id,
    )


def _one(job: AssessmentJob, part: str) -> Iterator[Event]:
    """Compute one part; the seconds left that it tells are those of this part."""
    began = time.perf_counter()
    here, whole = job.assessment.parts_done, job.assessment.parts_total
    try:
        for step in PARTS[part](job):
            left = step.seconds_left
            if left is None:
                left = (time.perf_counter() - began) / max(1, step.done) * (step.total - step.done)
            yield Progress("assess", here, whole, left)
    except StorageFull:
        raise
    except TLCoreError as error:  # the other parts can do without
        job.note(f"{error}")
    if part not in job.assessment.done:
        job.keep(done=(*job.assessment.done, part))
    yield Progress("assess", job.assessment.parts_done, job.assessment.parts_total)
    yield Note(f"{part}: {time.perf_counter() - began:.1f} s")

"""What one assessment knows so far, and what it keeps to go on after a stop.

It knows the pictures that take part and where results lie; `assessment_parts` computes them.
"""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import nn

from tl_core.assessment.baselines import Bar, how_divided
from tl_core.assessment.findings import earlier_findings, write_answers
from tl_core.backbones import create_backbone
from tl_core.evaluation.compared_pictures import divided, pool_of
from tl_core.evaluation.out_of_fold import Division, OutOfFold
from tl_core.features.comparison_inputs import ComparisonInputs
from tl_core.features.extraction import FeatureTable
from tl_core.images import ImageSet, LabelledImage, image_set
from tl_core.runs.catalogue import Backbone
from tl_core.runs.results.assessment import Assessment, Measured, labels_digest
from tl_core.runs.results.assessment import write_assessment as write_values
from tl_core.workspace.storage import Workspace, storage_errors

PARTS = (
    *("transferred", "majority", "calibration", "home", "similarity", "learning"),
    *("colours", "layers", "random", "small"),
)
MOST_PICTURES = 3000  # of more, so many are compared on
SCRATCH = "scratch"  # the folder in which the whole network learns from scratch


@dataclass
class AssessmentJob:
    """Everything that one assessment knows so far.

    `pool` are the pictures that are compared on; the person's own test part is not among them,
    so that nothing is decided by it. `table` has rows for everything, `inputs` for the pool.
    """

    workspace: Workspace
    project_id: str
    run_id: str
    backbone: Backbone
    network: nn.Module
    images: ImageSet
    pool: tuple[LabelledImage, ...]
    division: Division
    patterns: tuple[tuple[str, str], ...]
    scratch: bool
    seed: int
    assessment: Assessment
    answers: dict[str, OutOfFold] = field(default_factory=dict)
    table: FeatureTable | None = None
    inputs: ComparisonInputs | None = None

    @property
    def everything(self) -> tuple[LabelledImage, ...]:
        """All labelled pictures, those of the locked test part last."""
        return self.images.images + self.images.locked

    @property
    def run_dir(self) -> Path:
        return self.workspace.run_dir(self.project_id, self.run_id)

    @property
    def asked(self) -> dict:
        """What `prepare_assessment` was called with."""
        names = ("workspace", "project_id", "run_id", "backbone", "scratch", "patterns", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def todo(self) -> list[str]:
        """The parts that are missing, in their order."""
        return [part for part in self.assessment.total if part not in self.assessment.done]

    def keep(self, **changes: object) -> None:
        """Change the assessment and write it down."""
        self.assessment = replace(self.assessment, **changes)
        write_values(self.run_dir, self.assessment)

    def note(self, text: str) -> None:
        if text not in self.assessment.notes:
            self.keep(notes=(*self.assessment.notes, text))

    def add(self, bar: Bar) -> None:
        """Keep a bar with its answers; one of the same name is replaced."""
        self.answers[bar.measured.name] = bar.answers
        self._store_answers()
        self.add_measured(bar.measured)

    def add_measured(self, measured: Measured) -> None:
        others = [one for one in self.assessment.measured if one.name != measured.name]
        self.keep(measured=(*others, measured))

    def _store_answers(self) -> None:
        labels = self.division.labels[self.division.rows]
        write_answers(self.run_dir, self.assessment.digests, labels, self.answers)


def prepare_assessment(
    workspace: Workspace,
    project_id: str,
    run_id: str,
    *,
    backbone: Backbone,
    scratch: bool = False,
    patterns: tuple[tuple[str, str], ...] = (),
    seed: int = 0,
) -> AssessmentJob:
    """Collect what an assessment needs; parts that are there already are taken over.

    Args:
        workspace: Where the project is.
        project_id: Whose pictures.
        run_id: The run's folder gets the results.
        backbone: What is assessed.
        scratch: Train the whole architecture from scratch, too.
        patterns: Pairs of parts to compare, as `subsets.parse_subset` reads them.
        seed: Of splits, folds, draws and random weights.

    Raises:
        DatasetError: If the pictures and classes cannot be divided into folds.
        WeightsUnavailable: If the backbone's weights are not on this machine.
    """
    images = image_set(workspace, project_id, seed=seed)
    network = create_backbone(backbone, project_dir=workspace.project_dir(project_id))
    pool, left_out = pool_of(images, MOST_PICTURES)
    division = divided(pool, images, seed=seed)
    job = AssessmentJob(
        workspace=workspace,
        project_id=project_id,
        run_id=run_id,
        backbone=backbone,
        network=network,
        images=images,
        pool=pool,
        division=division,
        patterns=tuple(patterns),
        scratch=scratch,
        seed=seed,
        assessment=Assessment(
            project_id=project_id,
            backbone=backbone.name,
            labels_digest=labels_digest(images),
            digests=tuple(pool[row].digest for row in division.rows),
            how=how_divided(division),
            seed=seed,
            total=(*PARTS, "scratch") if scratch else PARTS,
        ),
    )
    _take_over(job)
    job.keep()
    if left_out:
        job.note(f"Measured on {len(pool):,} of the pictures; {left_out:,} more were left out.")
    missing = {images.class_names[image.label] for image in pool}
    missing -= {images.class_names[division.labels[row]] for row in division.rows}
    for name in sorted(missing):
        job.note(
            f"All pictures of '{name}' belong to one group, so nothing of it could be put aside: "
            "the other classes were measured."
        )
    return job


def _take_over(job: AssessmentJob) -> None:
    """Go on with what this run, or an earlier one on the same pictures, has found."""
    earlier = earlier_findings(
        job.workspace, job.run_id, job.assessment, job.division.labels[job.division.rows]
    )
    if earlier is None:
        return
    job.answers = earlier.answers
    done = tuple(part for part in earlier.found.done if part in job.assessment.total)
    job.assessment = replace(earlier.found, total=job.assessment.total, done=done)
    job._store_answers()
    begun, here = earlier.folder / SCRATCH, job.run_dir / SCRATCH
    if "scratch" in job.todo and begun.is_dir() and not here.exists():
        with storage_errors("taking over what was trained"):
            shutil.copytree(begun, here)

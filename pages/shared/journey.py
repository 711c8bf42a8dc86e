"""The page table: every page of the app, the steps of the journey in order, which are done."""

from collections.abc import Iterable, Sequence

from tl_core.images import ClassSummary, list_classes, list_questions
from tl_core.runs import list_runs
from tl_core.runs.approach import LABELS, LEAST_LABELLED, NORMAL, QUESTIONS, unmet_need
from tl_core.runs.draft import chosen_backbone, drafted_config
from tl_core.runs.results.answers import was_tried
from tl_core.runs.results.onnx_check import read_parity
from tl_core.workspace import Project, Workspace

HOME = "pages/home.py"
OVERVIEW = "pages/overview.py"
BACKBONE = "pages/1_backbone.py"
IMAGES = "pages/2_images.py"
LAYERS = "pages/3_layers.py"
TRAINING = "pages/4_training.py"
EVALUATION = "pages/5_evaluation.py"
TRANSFER = "pages/6_transfer.py"
PREDICT = "pages/7_predict.py"
EXPORT = "pages/8_export.py"

PAGES = {  # file: (title, address)
    HOME: ("Home", ""),
    OVERVIEW: ("Overview", "overview"),
    BACKBONE: ("Backbone", "backbone"),
    IMAGES: ("Images", "images"),
    LAYERS: ("Layers", "layers"),
    TRAINING: ("Training", "training"),
    EVALUATION: ("Evaluation", "evaluation"),
    TRANSFER: ("Transfer", "transfer"),
    PREDICT: ("Predict", "predict"),
    EXPORT: ("Export", "export"),
}
STEPS = tuple(page for page in PAGES if page not in (HOME, OVERVIEW))


def usable_classes(classes: Iterable[ClassSummary]) -> list[ClassSummary]:
    """Return the classes that a model can learn: two pictures or more that take part."""
    return [entry for entry in classes if entry.images - entry.excluded >= LEAST_LABELLED]


def can_learn(classes: Sequence[ClassSummary]) -> bool:
    """Whether there is a class to learn: several to tell apart, or one of normal pictures."""
    return any(unmet_need([need], classes) is None for need in (LABELS, NORMAL))


def has_material(workspace: Workspace, project: Project, classes: Sequence[ClassSummary]) -> bool:
    """Whether there is anything to learn: classes, or else further questions."""
    if can_learn(classes):
        return True
    asked = list_questions(workspace, project.id)
    return unmet_need([QUESTIONS], classes, questions=asked.values()) is None


def steps_done(workspace: Workspace, project: Project) -> set[str]:
    """Return the pages of the steps that are finished, computed from what is on disk."""
    runs = list_runs(workspace, project.id)
    trained = any(run.accuracy is not None for run in runs)
    folders = [workspace.run_dir(project.id, run.id) for run in runs]
    compared = any(run.state == "done" for run in list_runs(workspace, project.id, "assess"))
    facts = {
        BACKBONE: chosen_backbone(project) is not None,
        IMAGES: has_material(workspace, project, list_classes(workspace, project.id)),
        LAYERS: drafted_config(project) is not None or bool(runs),
        TRAINING: trained,
        EVALUATION: trained,
        TRANSFER: compared,
        PREDICT: any(was_tried(folder) for folder in folders),
        EXPORT: any(read_parity(folder) for folder in folders),
    }
    return {page for page, done in facts.items() if done}

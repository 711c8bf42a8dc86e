"""How long a training will take on this machine, before it starts.

What a picture costs is in `costs`; how many pictures and steps there will be follows from the
settings and from what is cached already. It knows the order of work in `training`, not the work.
"""

from dataclasses import replace

import torch

from tl_core.approaches import fine_tuning
from tl_core.approaches.approach import approach_named
from tl_core.approaches.recommended import TOLERATED
from tl_core.errors import DatasetError
from tl_core.evaluation.out_of_fold import MOST_CROSS_VALIDATED
from tl_core.features.decoding import View
from tl_core.features.device import device
from tl_core.features.extraction import kept_features
from tl_core.images import ClassSummary, image_set, list_classes
from tl_core.runs.configuration import TrainingConfig
from tl_core.service.costs import Costs, facts_of, measured_costs, tries_fine_tuning
from tl_core.workspace.storage import Workspace

TRAIN_SHARE, REST_SHARE = 0.6, 0.2  # of the pictures, as `datasets` splits them
COPIES_SECONDS = 1.5e-3  # per picture, to look for copies among the others
BEFORE_STEPS = 1.0  # seconds to cut the network and to choose how to compute its parts
FOLDS = 5
FOLDS_SHARE = 1.8  # choosing again in every fold, against choosing once
MEASURING_SHARE = 0.35  # of a step's cost, when nothing is learnt


def estimate_seconds(workspace: Workspace, project_id: str, config: TrainingConfig) -> dict:
    """Return the expected seconds of each phase, their total, and on what device.

    Returns:
        `features`, `probe`, `fine_tune`, `evaluate` and `total` in seconds; `trial`, what trying
        fine-tuning takes in a recommended training (part of `fine_tune` if that is allowed);
        `device` in words.

    Raises:
        BackboneError: If the architecture is unknown.
        WorkspaceError: If the project is gone.
    """
    classes = list_classes(workspace, project_id)
    pictures = _pictures(classes)
    costs = measured_costs(workspace, project_id, config)
    return _seconds(
        config,
        costs,
        pictures=pictures,
        missing=missing_looks(workspace, project_id, config),
        columns=facts_of(config.backbone).columns,
        classes=max(2, len(classes)),
        trial=trial_seconds(config, costs, _learnt(workspace, project_id, pictures)),
    )


def trial_seconds(config: TrainingConfig, costs: Costs, pictures: int) -> float:
    """Return what a recommended training needs to try fine-tuning; 0 if it never does.

    Args:
        config: Settings.
        costs: Seconds per picture.
        pictures: To learn from.
    """
    if not tries_fine_tuning(config) or not pictures:
        return 0.0
    tuned = replace(config, strategy="fine-tune")
    views = config.views + 1 if config.augmentations else 1
    looks = views * pictures * (costs.front + costs.decode / torch.get_num_threads())
    if pictures > MOST_CROSS_VALIDATED:
        folds, share = 1, REST_SHARE / (TRAIN_SHARE + REST_SHARE)
    else:
        folds, share = FOLDS, 1 / FOLDS
    learnt = round((1 - share) * pictures)
    turn = _steps_seconds(tuned, costs, learnt, pictures - learnt)
    last = _steps_seconds(tuned, costs, pictures, 0)
    return BEFORE_STEPS + looks + folds * turn + last


def _steps_seconds(config: TrainingConfig, costs: Costs, learnt: int, measured: int) -> float:
    """Return seconds to fine-tune on some pictures, and to measure others after every epoch."""
    plan = approach_named(config.strategy).step_plan or fine_tuning.APPROACH.step_plan
    epochs, per_epoch = plan.epochs_and_steps(config, max(1, learnt))
    stepped = epochs * per_epoch * min(config.batch_size, max(1, learnt))
    return (stepped + (epochs + 1) * measured * MEASURING_SHARE) * costs.step


def _choosing_seconds(rows: int, columns: int, classes: int) -> float:
    """Return seconds to choose the probe's features and method; measured with 100 to 1,800 rows."""
    return 0.02 + 1e-9 * rows * columns * (40 + 25 * classes + rows)


def _learnt(workspace: Workspace, project_id: str, pictures: int) -> int:
    """Return how many pictures a recommended training learns from."""
    try:
        images = image_set(workspace, project_id)
    except DatasetError:
        return pictures  # something is missing still
    return len(images.images) - (len(images.test) if images.test_given else 0)


def _seconds(
    config: TrainingConfig,
    costs: Costs,
    *,
    pictures: int,
    missing: int,
    columns: int,
    classes: int,
    trial: float,
) -> dict:
    """Put the costs together.

    Args:
        config: Settings.
        costs: Seconds per picture.
        pictures: In the project, labelled and included.
        missing: Looks at pictures that are not cached.
        columns: Features per picture, D.
        classes: K.
        trial: Seconds to try fine-tuning.
    """
    approach = approach_named(config.strategy)
    fine_tunes = approach.step_plan is not None
    threads = torch.get_num_threads()
    read = costs.decode / threads
    views = 1 + (config.views if config.augmentations and not fine_tunes else 0)
    look = costs.forward + read + COPIES_SECONDS
    phases = {"features": missing * look, "probe": 0.0, "fine_tune": 0.0}
    if approach.pretrained:
        fitted = pictures * (TRAIN_SHARE if fine_tunes else 1)
        phases["probe"] = _choosing_seconds(round(fitted * views), columns, classes)
    folds = FOLDS_SHARE * phases["probe"] if pictures <= MOST_CROSS_VALIDATED else 0.0
    if tries_fine_tuning(config):
        phases["probe"] += folds
    phases["evaluate"] = 0.0 if fine_tunes or tries_fine_tuning(config) else folds
    if fine_tunes:
        views = config.views if config.augmentations else 1
        looks = (views * TRAIN_SHARE + REST_SHARE) * pictures
        steps = _steps_seconds(
            config, costs, round(TRAIN_SHARE * pictures), round(REST_SHARE * pictures)
        )
        phases["fine_tune"] = BEFORE_STEPS + looks * (costs.front + read) + steps
        answer = costs.front + MEASURING_SHARE * costs.step + read
        phases["evaluate"] = REST_SHARE * pictures * answer
    elif trial <= TOLERATED * config.tuning_seconds:
        phases["fine_tune"] = trial
    total = sum(phases.values())
    return {**phases, "total": total, "trial": trial, "device": _device_text()}


def missing_looks(workspace: Workspace, project_id: str, config: TrainingConfig) -> int:
    """Return how many looks at pictures are not cached yet; more than once at each with views."""
    approach = approach_named(config.strategy)
    if not approach.pretrained:
        return 0
    views = [View()]
    if config.augmentations and not approach.step_plan:
        views += [View(config.augmentations, n, config.seed) for n in range(config.views)]
    preprocessing = facts_of(config.backbone).preprocessing
    pictures = _pictures(list_classes(workspace, project_id))
    place = (workspace, project_id, config.backbone, preprocessing)
    return sum(max(0, pictures - kept_features(*place, view)) for view in views)


def _pictures(classes: list[ClassSummary]) -> int:
    return sum(entry.images - entry.excluded for entry in classes)


def _device_text() -> str:
    if device() == "cuda":
        return f"the graphics card ({torch.cuda.get_device_name()})"
    if device() == "mps":
        return "the graphics part of this Mac"
    threads = torch.get_num_threads()
    return f"this computer's processor ({threads} core{'s' if threads > 1 else ''})"

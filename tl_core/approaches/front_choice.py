"""Which engine computes a run's frozen front, and on which shelf its values lie.

Values that are there already are gone on with in their own precision, a resumed run as it began;
else the fastest engine that agrees with plain float32 is chosen.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from tl_core.approaches import run_choices
from tl_core.approaches.jobs import TrainingJob
from tl_core.backbones.layer_groups import frozen_count
from tl_core.backbones.tracing import CutNetwork
from tl_core.features import openvino
from tl_core.features.engine import Engine, EngineChoice, choose_engine, logits_behind
from tl_core.features.extraction import SAMPLE_PICTURES, View, view_crop, weights_name
from tl_core.features.front_cache import Keeping, front_key, lacking
from tl_core.images import LabelledImage
from tl_core.workspace.machine_memo import networks_dir

PRECISIONS = ("float32", "bfloat16", "float16")
NAME = "frozen layers"  # of the choice in the run's folder

Look = tuple[View, Sequence[LabelledImage]]


def front_engine(
    job: TrainingJob, halves: CutNetwork, kept: Keeping, looks: Sequence[Look]
) -> tuple[EngineChoice, Engine | None]:
    """Return how the front's values are computed, and the engine if any are missing."""
    began = run_choices.choice(job.run_dir, NAME)
    precision = began["precision"] if began else _fullest(job, kept, looks)
    missing = _missing(job, kept, looks, precision or PRECISIONS[0])
    if not missing and not began:
        began = asdict(EngineChoice(precision, 1, "cpu", 0.0))
        run_choices.keep_choice(job.run_dir, NAME, began)
    if not missing:
        return EngineChoice(**began), None
    engine = _as_before(job, halves, began) or _fastest(job, halves, missing, precision)
    run_choices.keep_choice(job.run_dir, NAME, asdict(engine.choice))
    return engine.choice, engine


def shelf(job: TrainingJob, view: View, kept: Keeping, precision: str) -> Path:
    """Return the folder of the front's values of one look at the project's pictures."""
    return job.workspace.features_dir(job.project_id) / front_key(
        job.config.backbone,
        job.preprocessing,
        view,
        frozen_groups=frozen_count(job.tuning.network),
        features=job.tuning.network.features_read,
        kept=kept,
        precision=precision,
        weights_seed=_weights_seed(job),
    )


def _weights_seed(job: TrainingJob) -> int | None:
    return job.config.seed if job.config.strategy == "scratch" else None


def _missing(
    job: TrainingJob, kept: Keeping, looks: Sequence[Look], precision: str
) -> list[tuple[View, LabelledImage]]:
    return [
        (view, image)
        for view, images in looks
        for image in lacking(shelf(job, view, kept, precision), images, kept)
    ]


def _fullest(job: TrainingJob, kept: Keeping, looks: Sequence[Look]) -> str | None:
    """Return the precision in which the most values are there; None if there are none."""
    wanted = sum(len(images) for _, images in looks)
    there = {name: wanted - len(_missing(job, kept, looks, name)) for name in PRECISIONS}
    best = max(PRECISIONS, key=there.__getitem__)
    return best if there[best] else None


def _as_before(job: TrainingJob, halves: CutNetwork, began: dict | None) -> Engine | None:
    """Return the engine this run began with; None where this machine cannot have it."""
    if not began or not began["pictures_per_second"]:
        return None
    with suppress(TypeError, RuntimeError, ImportError):
        choice = EngineChoice(**began)
        converted = None
        if choice.library == "openvino":
            converted = openvino.network_file(networks_dir(job.workspace), _name(job))
        return Engine(halves.front, job.preprocessing, choice, converted=converted)
    return None


def _fastest(
    job: TrainingJob,
    halves: CutNetwork,
    missing: list[tuple[View, LabelledImage]],
    precision: str | None,
) -> Engine:
    def sample() -> torch.Tensor:
        some = missing[:SAMPLE_PICTURES]
        return torch.stack([view_crop(image, job.preprocessing, view) for view, image in some])

    return choose_engine(
        halves.front,
        job.preprocessing,
        sample,
        name=_name(job),
        workspace=job.workspace,
        pictures=len(missing) if _weights_seed(job) is None else 0,
        precision=precision,
        logits=logits_behind(halves),
    )


def _name(job: TrainingJob) -> str:
    network, seed = job.tuning.network, _weights_seed(job)
    weights = weights_name(job.config.backbone) if seed is None else f"random {seed}"
    return f"{weights}, first {frozen_count(network)} groups, {network.features_read}"

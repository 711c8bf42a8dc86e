"""What one training knows so far, shared by the modules that carry it out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tl_core.approaches.fine_tuning import FineTuning
from tl_core.approaches.probe import LinearProbe
from tl_core.approaches.probe_choice import ProbeChoice
from tl_core.backbones.network import TransferNetwork
from tl_core.backbones.preprocessing import Preprocessing
from tl_core.evaluation import out_of_fold
from tl_core.evaluation.folds import group_numbers
from tl_core.evaluation.measuring import labels_of
from tl_core.features.device import device
from tl_core.features.extraction import FeatureTable
from tl_core.images import ImageSet
from tl_core.runs.configuration import TrainingConfig
from tl_core.runs.events import Event, Note
from tl_core.workspace.storage import Workspace


@dataclass
class TrainingJob:
    """Everything that one training knows so far."""

    workspace: Workspace
    project_id: str
    run_dir: Path
    config: TrainingConfig
    images: ImageSet
    backbone: nn.Module
    preprocessing: Preprocessing
    began: float
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    table: FeatureTable | None = None
    views: dict[str, np.ndarray] = field(default_factory=dict)  # name -> (V, N, D)
    choice: ProbeChoice | None = None
    probe: LinearProbe | None = None
    tuning: FineTuning | None = None
    trial_gain: float | None = None  # see `Report`
    tuned_logits: np.ndarray | None = None  # (N, K), out of fold, if fine-tuning was kept
    completed: bool = False

    @property
    def fine_tunes(self) -> bool:
        return self.config.strategy in ("fine-tune", "scratch")

    @property
    def checkpoint(self) -> Path:
        return self.run_dir / "checkpoint.safetensors"

    @property
    def out_of_fold(self) -> bool:
        """Whether every picture takes part in measuring, by cross-validation."""
        few = len(self.images.images) <= out_of_fold.MOST_CROSS_VALIDATED
        return few and not self.images.test_given and not self.fine_tunes

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start

    def note(self, text: str) -> Iterator[Event]:
        """Say one sentence now and keep it for the report."""
        self.notes.append(text)
        yield Note(text)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the indices, int64, of the pictures in these parts."""
        images = enumerate(self.images.images)
        return np.array([i for i, image in images if image.split in splits], dtype=np.int64)

    @property
    def fitted_rows(self) -> np.ndarray:
        """Indices, int64, of the pictures that the probe is fitted on."""
        if self.out_of_fold:
            return self.rows("train", "validation", "test")
        return self.rows("train") if self.fine_tunes else self.rows("train", "validation")

    def labels(self) -> np.ndarray:
        return labels_of(self.images.images)

    def groups(self) -> np.ndarray | None:
        """Return an index per group, (N,); None if no picture belongs to one."""
        return group_numbers([image.group for image in self.images.images])


def build_network(
    job: TrainingJob, *, features: str, probe: LinearProbe | None = None
) -> TransferNetwork:
    """Return the job's backbone with a classifier: the probe's, or a random one."""
    network = TransferNetwork(
        job.backbone,
        features=features,
        num_classes=len(job.images.class_names),
        unit_length=probe.unit_length if probe else False,
    )
    if probe:
        with torch.no_grad():
            network.feature_mean.copy_(torch.from_numpy(probe.mean))
            network.feature_scale.copy_(torch.from_numpy(probe.scale))
            network.classifier.weight.copy_(torch.from_numpy(probe.weight))
            network.classifier.bias.copy_(torch.from_numpy(probe.bias))
    return network


def class_weights(job: TrainingJob) -> torch.Tensor | None:
    """Loss weights that make every class count equally: ``w[c] = N / (K * n[c])``.

    Source: King & Zeng (2001), "Logistic Regression in Rare Events Data".
    """
    if not job.config.balanced:
        return None
    k = len(job.images.class_names)
    counts = torch.bincount(torch.from_numpy(labels_of(job.images.train)), minlength=k)
    return (counts.sum() / (k * counts.clamp(min=1))).float().to(device())

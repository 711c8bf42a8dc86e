"""Measures a model on pictures that it was not fitted on."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones.network import TransferNetwork, last_features
from tl_core.backbones.preprocessing import Preprocessing, normalise
from tl_core.evaluation.folds import group_numbers
from tl_core.features.decoding import crop_file
from tl_core.images import LabelledImage
from tl_core.images.files.decoding import in_parallel
from tl_core.runs.results.report import Evaluation

BATCH = 16


@torch.inference_mode()
def logits_of(
    network: TransferNetwork,
    crops: Iterator[Tensor] | Sequence[Tensor],
    preprocessing: Preprocessing,
) -> Iterator[Tensor]:
    """Yield logits, float32 (n, K), per batch of uint8 crops (n, 3, S, S), in plain float32."""
    for images in _inputs(network, crops, preprocessing):
        yield network(images).float().cpu()


@torch.inference_mode()
def last_of(
    network: TransferNetwork,
    crops: Iterator[Tensor] | Sequence[Tensor],
    preprocessing: Preprocessing,
) -> Iterator[Tensor]:
    """Yield features of the last layer, float32 (n, D), per batch of uint8 crops."""
    for images in _inputs(network, crops, preprocessing):
        yield last_features(network.backbone, images).cpu()


def _inputs(
    network: TransferNetwork,
    crops: Iterator[Tensor] | Sequence[Tensor],
    preprocessing: Preprocessing,
) -> Iterator[Tensor]:
    network.eval()
    place = next(network.parameters()).device
    for batch in crops:
        images = normalise(batch.to(place), preprocessing)
        yield images.contiguous(memory_format=torch.channels_last)


def crop_batches(
    images: Sequence[LabelledImage], preprocessing: Preprocessing, *, size: int = BATCH
) -> Iterator[Tensor]:
    """Yield uint8 crops (n, 3, S, S) of picture files, in order, read beside the computing."""
    batches = [images[start : start + size] for start in range(0, len(images), size)]

    def read(batch: Sequence[LabelledImage]) -> Tensor:
        return torch.stack([crop_file(image.path, preprocessing) for image in batch])

    return in_parallel(read, batches, threads=2)


def losses_and_accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy; nan for no pictures."""
    if not len(labels):
        return float("nan"), float("nan")
    loss = nn.functional.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(dim=1) == labels).float().mean().item()


def evaluation_of(
    class_names: tuple[str, ...],
    images: Sequence[LabelledImage],
    probabilities: np.ndarray,
    *,
    measured_on: str,
    folds: int = 1,
) -> Evaluation:
    """Return what these answers, (N, K), say; for the other arguments see `Evaluation`."""
    return Evaluation(
        class_names=class_names,
        digests=tuple(image.digest for image in images),
        labels=labels_of(images),
        probabilities=probabilities.astype(np.float32),
        measured_on=measured_on,
        folds=folds,
        groups=group_numbers([image.group for image in images]),
    )


def labels_of(images: Sequence[LabelledImage]) -> np.ndarray:
    """Return class indices, int64, shape (N,)."""
    return np.array([image.label for image in images], dtype=np.int64)

"""How far pictures are from what the backbone saw, by what its weights keep of that.

The training pictures themselves are not here. BatchNorm layers keep mean and variance of
their activations, and the bundled file (or a download) keeps the backbone's own classifier.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tl_core.backbones import bundled_weights
from tl_core.backbones.preprocessing import normalise, preprocessing_for
from tl_core.evaluation.calibration import softmax
from tl_core.features.decoding import crop_file
from tl_core.features.device import one_thread_each
from tl_core.images import LabelledImage
from tl_core.runs.catalogue import Backbone, cached_weights
from tl_core.runs.results.assessment import PretrainingDistance

SAMPLE = 24  # pictures whose activations are compared
BATCH = 8
SHOWN_CLASSES = 10
# In gaps of what the bundled backbone gives 11 sets (`benchmarks --only distances`): photographs
# and paintings .15 to .20; things on white, cartoons, leaves, scans, hands, tiny pictures .31 to
# .44; sketches .50, steel .54. Other backbones may differ.
NEAR, FAR = 0.25, 0.47


def pretraining_distance(
    network: nn.Module, backbone: Backbone, images: Sequence[LabelledImage], last: np.ndarray
) -> PretrainingDistance:
    """Return both indicators.

    Args:
        network: timm model without classifier, with its pretrained weights.
        backbone: Whose weights these are.
        images: The person's pictures.
        last: Their last-layer features, float32 (N, D).
    """
    with one_thread_each():
        distance = norm_distance(network, spread_out(images))
    nearness = None
    if distance is not None:
        nearness = "near" if distance < NEAR else "apart" if distance < FAR else "far"
    return PretrainingDistance(
        distance=distance,
        nearness=nearness,
        limits_known=backbone.source == "bundled",
        **seen_classes(network, backbone, last, [image.digest for image in images]),
    )


def spread_out(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Return a sample that takes the classes in turns."""
    by_class: dict[int, list[LabelledImage]] = {}
    for image in sorted(images, key=lambda one: one.digest):  # digests are as good as random
        by_class.setdefault(image.label, []).append(image)
    turns = [one[turn] for turn in range(SAMPLE) for one in by_class.values() if turn < len(one)]
    return turns[:SAMPLE]


@torch.inference_mode()
def norm_distance(network: nn.Module, images: Sequence[LabelledImage]) -> float | None:
    """Return how far activations are from the statistics kept in BatchNorm layers.

    For each channel the 2-Wasserstein distance of two Gaussians, its square divided by the
    kept variance: ``((m - m_kept)^2 + (s - s_kept)^2) / s_kept^2``; the median over the channels
    of a layer, the mean over layers, the root of that. Unit: standard deviations. None
    without BatchNorm.

    Source: the statistics as a stand-in for unseen pictures, Yin et al. (2020), "Dreaming to
    Distill" (DeepInversion), arXiv:1912.08795.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms or not images:
        return None
    moments = {norm: [] for norm in norms}

    def add(norm: nn.Module, inputs: tuple) -> None:
        others = [axis for axis in range(inputs[0].ndim) if axis != 1]  # all but the channels
        variance, mean = torch.var_mean(inputs[0], dim=others, correction=0)
        moments[norm].append((len(inputs[0]), mean.double(), variance.double()))

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    preprocessing = preprocessing_for(network)
    try:
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            crops = torch.stack([crop_file(image.path, preprocessing) for image in part])
            network.forward_features(normalise(crops, preprocessing))
    finally:
        for hook in hooks:
            hook.remove()
    squares = []
    for norm, parts in moments.items():
        if not parts:
            continue
        n = sum(count for count, _, _ in parts)
        mean = sum(count * one for count, one, _ in parts) / n
        square = sum(count * (variance + one**2) for count, one, variance in parts) / n
        deviation = (square - mean**2).clamp(min=0).sqrt()
        kept = norm.running_var.double().clamp(min=1e-12).sqrt()
        apart = ((mean - norm.running_mean) ** 2 + (deviation - kept) ** 2) / kept**2
        squares.append(apart.median().item())
    return math.sqrt(sum(squares) / len(squares)) if squares else None


def seen_classes(
    network: nn.Module, backbone: Backbone, last: np.ndarray, digests: Sequence[str]
) -> dict:
    """Return what the backbone's own classifier takes the pictures for.

    Args:
        network: Names its classifier in timm's configuration.
        backbone: Whose classifier to look for; nothing is downloaded.
        last: Last-layer features, float32 (N, D).
        digests: Those of the N pictures.

    Returns:
        The fields of `PretrainingDistance` from `seen_classes` on.
    """
    classifier = _own_classifier(network, backbone, last.shape[1])
    if classifier is None:
        return {"missing": "classifier"}
    weight, bias = classifier
    names = _class_names(len(weight))
    if names is None:
        return {"missing": "names"}
    probabilities = softmax(last @ weight.T + bias)
    taken_for = probabilities.argmax(axis=1)
    counts = np.bincount(taken_for, minlength=len(weight))
    order = [i for i in np.argsort(-counts, kind="stable")[:SHOWN_CLASSES] if counts[i]]
    surest = [np.where(taken_for == i, probabilities[:, i], -1).argmax() for i in order]
    return {
        "seen_classes": tuple((names[i], float(counts[i] / len(last))) for i in order),
        "seen_pictures": tuple(digests[n] for n in surest),
        "class_count": len(weight),
        "sureness": float(np.median(probabilities.max(axis=1))),
    }


def _own_classifier(
    network: nn.Module, backbone: Backbone, size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    name = network.pretrained_cfg.get("classifier")
    if not isinstance(name, str):
        return None
    if backbone.source == "bundled":
        state = bundled_weights()
    else:
        path = cached_weights(backbone) if backbone.source == "hub" else None
        if path is None or path.suffix != ".safetensors":
            return None
        try:
            with safe_open(path, framework="pt") as file:
                keys = set(file.keys()) & {f"{name}.weight", f"{name}.bias"}
                state = {key: file.get_tensor(key) for key in keys}
        except (OSError, SafetensorError):
            return None
    if f"{name}.weight" not in state or f"{name}.bias" not in state:
        return None
    weight = state[f"{name}.weight"].float().flatten(1).numpy()
    bias = state[f"{name}.bias"].float().numpy()
    return (weight, bias) if weight.shape[1] == size else None


def _class_names(count: int) -> list[str] | None:
    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return None
    info = ImageNetInfo(subset)
    if info.num_classes() != count:
        return None
    return [info.index_to_description(index).split(",")[0] for index in range(count)]

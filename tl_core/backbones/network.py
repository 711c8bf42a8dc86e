"""The network that is trained, predicted with and exported: backbone, features, classifier.

It knows how features are read off a timm backbone. It does not know how it is trained or where
its weights come from; `save_network` and `load_network` are its one form on disk.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tl_core.backbones import create_backbone
from tl_core.backbones.scales import LARGE, has_two_scales, native_side, with_two_scales
from tl_core.backbones.tensor_file import has_nan, read_tensors, write_tensors
from tl_core.backbones.unlike import Unlike
from tl_core.errors import PredictionError
from tl_core.runs.catalogue import backbone_from_json

FORMAT = "guided-transfer-learning/1"
MOST_STAGES = 6  # a transformer has as many stages as blocks; this many, evenly spaced, are read
MOST_CHANNELS = 128  # of a stage's second-order statistics, evenly spaced: they grow as the square
READS = ("last", "all", "rich")  # what a classifier may see, each the end of the next


class TransferNetwork(nn.Module):
    """A pretrained backbone with a linear classifier on standardised features.

    With ``features="last"`` the classifier sees what the backbone's own classifier saw. With
    ``"all"`` it sees mean and standard deviation over space of every stage, then the last layer
    (after Evci et al. 2022, "Head2Toe", arXiv:2201.03529); with ``"rich"`` before these what
    `rich_features` names.

    Args:
        backbone: timm model without classifier (``num_classes=0``).
        features: One of `READS`.
        num_classes: K, at least 2.
        feature_size: D; measured with one black picture when not given.
        unit_length: Divide standardised features by their L2 norm, as nearest-centroid
            classification wants (Wang et al. 2019, "SimpleShot", arXiv:1911.04623).
    """

    def __init__(
        self,
        backbone: nn.Module,
        *,
        features: str,
        num_classes: int,
        feature_size: int | None = None,
        unit_length: bool = False,
    ) -> None:
        super().__init__()
        if features not in READS:
            raise ValueError(f"features is {features!r}; expected one of {READS}")
        self.backbone = backbone
        self.features_read = features
        self.unit_length = unit_length
        if feature_size is None:
            feature_size = feature_sizes(backbone)[features]
        self.register_buffer("feature_mean", torch.zeros(feature_size))
        self.register_buffer("feature_scale", torch.ones(feature_size))
        self.classifier = nn.Linear(feature_size, num_classes)
        self.unlike: Unlike | None = None  # notices pictures unlike those that it learnt from

    def features(self, images: Tensor) -> Tensor:
        """Return raw features, float32 (N, D), of normalised images (N, 3, H, W)."""
        return READERS[self.features_read](self.backbone, images)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, K) of raw features (N, D)."""
        features = (features - self.feature_mean) / self.feature_scale
        if self.unit_length:
            features = nn.functional.normalize(features, dim=1)
        return self.classifier(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.features(images))

    def answer(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits (N, K), and scores (N,) of being unlike if it can tell; see `Unlike`."""
        features = self.features(images)
        return self.classify(features), None if self.unlike is None else self.unlike(features)


def last_features(backbone: nn.Module, images: Tensor) -> Tensor:
    """Return the input of the backbone's own classifier, float32 (N, D)."""
    hidden = backbone.forward_features(images)
    return backbone.forward_head(hidden, pre_logits=True).float()


def all_features(backbone: nn.Module, images: Tensor) -> Tensor:
    """Return mean and deviation of every stage and the last layer's features, float32 (N, D).

    The last columns are exactly `last_features`, so one pass serves both.
    """
    hidden, stages = backbone.forward_intermediates(images, indices=stage_indices(backbone))
    return torch.cat([*moments(stages), _pre_logits(backbone, hidden)], dim=1)


def rich_features(backbone: nn.Module, images: Tensor) -> Tensor:
    """Return second-order statistics, grid means and maxima of stages, then `all_features`.

    Second-order statistics (after Lin et al. 2015, "Bilinear CNN Models", arXiv:1504.07889) are
    signed roots of the mean products of two channels; they and the means over a 2 x 2 grid are
    taken of the two stages before the last, the maxima over space of every stage.

    Returns:
        float32 (N, D); the sizes of its parts are those of `feature_blocks`. With two scales the
        features of the larger come first.
    """
    if not has_two_scales(backbone):
        return _rich_features(backbone, images)
    side = native_side(backbone)
    small = nn.functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
    return torch.cat([_rich_features(backbone, one) for one in (images, small)], dim=1)


def _rich_features(backbone: nn.Module, images: Tensor) -> Tensor:
    hidden, stages = backbone.forward_intermediates(images, indices=stage_indices(backbone))
    middle = stages[-3:-1]
    sizes = [backbone.feature_info[index]["num_chs"] for index in stage_indices(backbone)][-3:-1]
    products = [_products(stage, size) for stage, size in zip(middle, sizes, strict=True)]
    grid = [nn.functional.adaptive_avg_pool2d(stage.float(), 2).flatten(1) for stage in middle]
    largest = [stage.float().flatten(2).amax(dim=2) for stage in stages]
    parts = products + grid + largest + moments(stages) + [_pre_logits(backbone, hidden)]
    return torch.cat(parts, dim=1)


def _pre_logits(backbone: nn.Module, hidden: Tensor) -> Tensor:
    return backbone.forward_head(hidden, pre_logits=True).float()


def moments(stages: Sequence[Tensor]) -> list[Tensor]:
    """Return mean and deviation over space of each stage (N, C, h, w), each (N, C)."""
    parts = []
    for stage in stages:
        variance, mean = torch.var_mean(stage.flatten(2).float(), dim=2, correction=0)
        parts += [mean, (variance + 1e-8).sqrt()]
    return parts


def _products(stage: Tensor, channels: int) -> Tensor:
    """Return signed roots of mean products of two channels of a stage (N, channels, h, w)."""
    flat = stage.float().flatten(2)[:, :: _step(channels)]  # (N, c, h * w)
    products = flat @ flat.transpose(1, 2) / flat.shape[2]  # (N, c, c)
    size = len(range(0, channels, _step(channels)))
    first, second = np.triu_indices(size)
    upper = products.flatten(1)[:, torch.from_numpy(first * size + second)]
    return upper / (upper.abs() + 1e-6).sqrt()  # unlike a root, it has a slope at 0


READERS = {"last": last_features, "all": all_features, "rich": rich_features}


def has_stages(backbone: nn.Module) -> bool:
    """Whether the stages of this architecture can be read in one pass."""
    return hasattr(backbone, "forward_intermediates") and bool(getattr(backbone, "feature_info", 0))


class FeatureReader(nn.Module):
    """Normalised images (n, 3, S, S) -> features (n, D), float32, as rich as there are."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self._read = rich_features if has_stages(backbone) else last_features

    def forward(self, images: Tensor) -> Tensor:
        return self._read(self.backbone, images)


def feature_blocks(backbone: nn.Module) -> dict[str, int]:
    """Return the sizes of the parts of `rich_features`, in the order of their columns."""
    if not has_stages(backbone):
        return {"last": backbone.head_hidden_size}
    channels = [backbone.feature_info[index]["num_chs"] for index in stage_indices(backbone)]
    compared = [len(range(0, count, _step(count))) for count in channels[-3:-1]]
    blocks = {
        "products": sum(count * (count + 1) // 2 for count in compared),
        "grid": 4 * sum(channels[-3:-1]),
        "maxima": sum(channels),
        "moments": 2 * sum(channels),
        "last": backbone.head_hidden_size,
    }
    larger = {LARGE + name: size for name, size in blocks.items()}
    return larger | blocks if has_two_scales(backbone) else blocks


def feature_sizes(backbone: nn.Module) -> dict[str, int]:
    """Return how many features each of `READS` has; without stages there is only "last"."""
    blocks = feature_blocks(backbone)
    ends = {"last": ("last",), "all": ("moments", "last"), "rich": tuple(blocks)}
    names = READS if len(blocks) > 1 else ("last",)
    return {name: sum(blocks[part] for part in ends[name]) for name in names}


def stage_indices(backbone: nn.Module) -> list[int]:
    count = len(backbone.feature_info)
    if count <= MOST_STAGES:
        return list(range(count))
    step = count / MOST_STAGES
    return [round(step * (index + 1)) - 1 for index in range(MOST_STAGES)]


def _step(channels: int) -> int:
    return -(-channels // MOST_CHANNELS)


def save_network(path: Path, network: TransferNetwork, metadata: dict) -> None:
    """Write weights and all that is needed to use them to one safetensors file, atomically.

    Args:
        path: File to write.
        network: Its weights are stored in float32.
        metadata: JSON-able; at least `backbone` (see `catalogue.backbone_to_json`),
            `class_names` and `preprocessing`.
    """
    description = {
        "format": FORMAT,
        "features": network.features_read,
        "feature_size": network.feature_mean.numel(),
        "unit_length": network.unit_length,
        "two_scales": has_two_scales(network.backbone),
        **metadata,
    }
    written = {name: json.dumps(value) for name, value in description.items()}
    write_tensors(path, network.state_dict(), written)


def load_network(path: Path) -> tuple[TransferNetwork, dict]:
    """Return the network in eval mode and its metadata.

    Raises:
        PredictionError: If the file is not one that `save_network` wrote, or is damaged.
    """
    try:
        state, texts = read_tensors(path)
        metadata = {name: json.loads(text) for name, text in texts.items()}
    except (OSError, ValueError) as error:
        raise PredictionError(
            f"“{path.name}” cannot be read as a trained model: {error}. Train again, or choose "
            "another run."
        ) from error
    if metadata.get("format") != FORMAT:
        raise PredictionError(
            f"“{path.name}” was not saved by this app. Choose a model.safetensors from its export."
        )
    if has_nan(state.values()):
        raise PredictionError(
            f"“{path.name}” holds weights that are not numbers. Train again, or choose another run."
        )
    backbone = create_backbone(backbone_from_json(metadata["backbone"]), pretrained=False)
    network = _network_of(backbone, metadata, state)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise PredictionError(f"“{path.name}” does not fit its own architecture.") from error
    return network.eval(), metadata


def _network_of(backbone: nn.Module, metadata: dict, state: dict[str, Tensor]) -> nn.Module:
    if metadata["features"] == "anomaly":
        from tl_core.backbones.anomaly import AnomalyNetwork

        memory = {name: value for name, value in state.items() if not name.startswith("reader.")}
        return AnomalyNetwork(backbone, memory)
    if metadata.get("two_scales"):
        backbone = with_two_scales(backbone)
    network = TransferNetwork(
        backbone,
        features=metadata["features"],
        num_classes=len(state["classifier.bias"]),
        feature_size=metadata["feature_size"],
        unit_length=metadata["unit_length"],
    )
    if "unlike.limit" in state:
        network.unlike = Unlike(state["unlike.remembered"], state["unlike.limit"])
    return network

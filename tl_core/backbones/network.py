"""The network that is trained, predicted with and exported: backbone, features, classifier.

It knows how features are read off a timm backbone. It does not know how it is trained or where
its weights come from; `save_network` and `load_network` are its one form on disk.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tl_core.backbones import create_backbone
from tl_core.backbones.unlike import Unlike
from tl_core.errors import PredictionError
from tl_core.runs.catalogue import backbone_from_json
from tl_core.workspace.storage import write_atomic

FORMAT = "guided-transfer-learning/1"
MOST_STAGES = 6  # a transformer has as many stages as blocks; this many, evenly spaced, are read


class TransferNetwork(nn.Module):
    """A pretrained backbone with a linear classifier on standardised features.

    With ``features="last"`` the classifier sees what the backbone's own classifier saw. With
    ``"all"`` it sees mean and standard deviation over space of every stage, then the last layer
    (after Evci et al. 2022, "Head2Toe", arXiv:2201.03529).

    Args:
        backbone: timm model without classifier (``num_classes=0``).
        features: "last" or "all".
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
        if features not in ("last", "all"):
            raise ValueError(f"features is {features!r}; expected 'last' or 'all'")
        self.backbone = backbone
        self.features_read = features
        self.unit_length = unit_length
        if feature_size is None:
            feature_size = feature_sizes(backbone)[features == "all"]
        self.register_buffer("feature_mean", torch.zeros(feature_size))
        self.register_buffer("feature_scale", torch.ones(feature_size))
        self.classifier = nn.Linear(feature_size, num_classes)
        self.unlike: Unlike | None = None  # notices pictures unlike those that it learnt from

    def features(self, images: Tensor) -> Tensor:
        """Return raw features, float32 (N, D), of normalised images (N, 3, H, W)."""
        if self.features_read == "all":
            return all_features(self.backbone, images)
        return last_features(self.backbone, images)

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
    hidden, stages = backbone.forward_intermediates(images, indices=_stages(backbone))
    parts = []
    for stage in stages:  # (N, C, h, w)
        flat = stage.flatten(2).float()  # (N, C, h * w)
        variance, mean = torch.var_mean(flat, dim=2, correction=0)
        parts += [mean, (variance + 1e-8).sqrt()]
    parts.append(backbone.forward_head(hidden, pre_logits=True).float())
    return torch.cat(parts, dim=1)


def has_stages(backbone: nn.Module) -> bool:
    """Whether the stages of this architecture can be read in one pass."""
    return hasattr(backbone, "forward_intermediates") and bool(getattr(backbone, "feature_info", 0))


class FeatureReader(nn.Module):
    """Normalised images (n, 3, S, S) -> features (n, D), float32."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self._read = all_features if has_stages(backbone) else last_features

    def forward(self, images: Tensor) -> Tensor:
        return self._read(self.backbone, images)


def feature_sizes(backbone: nn.Module) -> tuple[int, int]:
    """Return how many last-layer and all-stages features there are (equal without stages)."""
    last = backbone.head_hidden_size
    if not has_stages(backbone):
        return last, last
    channels = [stage["num_chs"] for stage in backbone.feature_info]
    return last, 2 * sum(channels[index] for index in _stages(backbone)) + last


def _stages(backbone: nn.Module) -> list[int]:
    count = len(backbone.feature_info)
    if count <= MOST_STAGES:
        return list(range(count))
    step = count / MOST_STAGES
    return [round(step * (index + 1)) - 1 for index in range(MOST_STAGES)]


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
        **metadata,
    }
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    written = {name: json.dumps(value) for name, value in description.items()}
    write_atomic(path, save(tensors, written))


def load_network(path: Path) -> tuple[TransferNetwork, dict]:
    """Return the network in eval mode and its metadata.

    Raises:
        PredictionError: If the file is not one that `save_network` wrote, or is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise PredictionError(
            f"“{path.name}” cannot be read as a trained model: {error}."
        ) from error
    if metadata.get("format") != FORMAT:
        raise PredictionError(
            f"“{path.name}” was not saved by this app. Choose a model.safetensors from its export."
        )
    backbone = create_backbone(backbone_from_json(metadata["backbone"]), pretrained=False)
    network = TransferNetwork(
        backbone,
        features=metadata["features"],
        num_classes=len(metadata["class_names"]),
        feature_size=metadata["feature_size"],
        unit_length=metadata["unit_length"],
    )
    if "unlike.limit" in state:
        network.unlike = Unlike(state["unlike.remembered"], state["unlike.limit"])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise PredictionError(f"“{path.name}” does not fit its own architecture.") from error
    return network.eval(), metadata

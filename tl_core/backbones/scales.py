"""A convolutional network that reads every picture at two scales.

The larger picture is what preprocessing makes; the network shrinks it to the side that its weights
were trained with. Everything else follows from that: the cache, the predictor, the ONNX file.
"""

import copy

from timm.data import resolve_model_data_config
from torch import nn

from tl_core.errors import RunError

LARGE = "large "  # begins the names of what is read at the larger scale
SHRINK = 0.7  # of the larger side is the smaller: 224 of 320 pixels


def with_two_scales(backbone: nn.Module) -> nn.Module:
    """Return the same network, which asks for larger pictures and is read at two scales.

    Args:
        backbone: timm model without classifier; stays as it is.

    Raises:
        RunError: If this architecture takes pictures of one size only.
    """
    if not getattr(backbone, "feature_info", None) or hasattr(backbone, "patch_embed"):
        raise RunError(
            "This backbone takes pictures of one size only. Choose a convolutional network, such "
            "as the bundled EfficientNet-Lite0, or the recommended training."
        )
    larger, side = copy.copy(backbone), native_side(backbone)
    wanted = 32 * round(side / SHRINK / 32)
    larger.native_side = side
    larger.pretrained_cfg = {**backbone.pretrained_cfg, "input_size": (3, wanted, wanted)}
    return larger


def has_two_scales(backbone: nn.Module) -> bool:
    return hasattr(backbone, "native_side")


def native_side(backbone: nn.Module) -> int:
    """Return the side of the pictures that the weights were trained with, in pixels."""
    if has_two_scales(backbone):
        return backbone.native_side
    return resolve_model_data_config(backbone)["input_size"][-1]

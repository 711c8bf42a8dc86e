"""Where a network looked: which parts of a picture spoke for a class, as heat on the picture.

Computed with captum. A heat map shows what the network used, not whether it was right to.
"""

import math

import numpy as np
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation, Saliency
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from tl_core.backbones.preprocessing import Preprocessing, geometry, prepare

LARGEST_SIDE = 1024  # pixels of the returned picture; a screen shows no more
STRONGEST = 0.7  # opacity of the heat where it is greatest
COLOUR_LEFT = 0.2  # of the picture's own colours
OUTSIDE = 0.45  # brightness of what the network did not see
# Dark violet to light yellow: grows lighter throughout, so it reads in grey and colour-blind.
_COLOURS = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))


def heat_overlay(
    network: nn.Module, image: Image.Image, preprocessing: Preprocessing, class_index: int
) -> Image.Image:
    """Return the picture with heat where it spoke for a class; what was not seen is darkened.

    Args:
        network: A `network.TransferNetwork` in eval mode.
        image: Upright RGB, any size; the result is reduced to at most `LARGEST_SIDE`.
        preprocessing: The network's.
        class_index: The class to explain, in [0, K).
    """
    images = prepare(image, preprocessing)[None]
    if hasattr(network, "heat"):  # it says itself what is odd, whatever the class
        with torch.inference_mode():
            heat = network.heat(images)  # (S, S)
    else:
        heat = relevance(network, images, class_index)
    box = geometry(*image.size, preprocessing).seen(preprocessing.input_size)
    scale = min(1.0, LARGEST_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    left, top = (max(0, math.floor(edge * scale)) for edge in box[:2])
    right, bottom = min(width, math.ceil(box[2] * scale)), min(height, math.ceil(box[3] * scale))
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    # Mostly grey, or the picture's own colours would be taken for heat.
    picture = np.asarray(ImageEnhance.Color(small).enhance(COLOUR_LEFT), np.float32)
    size = (max(1, bottom - top), max(1, right - left))
    seen = interpolate(heat[None, None], size, mode="bilinear", antialias=True)[0, 0].numpy()
    result = picture * OUTSIDE
    window = np.s_[top : top + size[0], left : left + size[1]]
    opacity = STRONGEST * seen[..., None]
    result[window] = picture[window] * (1 - opacity) + _coloured(seen) * opacity
    return Image.fromarray(result.round().clip(0, 255).astype(np.uint8))


def relevance(network: nn.Module, images: Tensor, class_index: int) -> Tensor:
    """Return how much each place of one picture speaks for a class.

    A CNN that reads its last layer gets Grad-CAM there. Elsewhere, on the tokens of a
    transformer and for a network that reads all stages, activations are multiplied by their
    gradients place by place: contributions in one unit, which several stages may add up.

    Args:
        network: A `network.TransferNetwork` in eval mode.
        images: One normalised picture, float32, shape (1, 3, S, S).
        class_index: In [0, K).

    Returns:
        float32, shape (S, S), in [0, 1]; all zero if nothing speaks for the class.

    Source: Selvaraju et al. (2016), "Grad-CAM", arXiv:1610.02391; Draelos & Carin (2020), "Use
        HiResCAM instead of Grad-CAM", arXiv:2011.08891.
    """
    images = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        try:
            maps = _layer_maps(network, images, class_index)
        except (AttributeError, KeyError, RuntimeError, ValueError, AssertionError):
            # Unusual architectures: ask for the pixels' gradients, which always exist.
            maps = [_pixel_map(network, images, class_index)]
    total = torch.zeros(images.shape[-2:])
    for one in maps:  # (h, w), each with its own resolution
        total += interpolate(one[None, None], total.shape, mode="bilinear", align_corners=False)[
            0, 0
        ]
    return total / total.max() if total.max() > 0 else total


def _layer_maps(network: nn.Module, images: Tensor, class_index: int) -> list[Tensor]:
    backbone = network.backbone
    stages = backbone.feature_info
    layers = [backbone.get_submodule(stage["module"]) for stage in stages]
    plain = len({stage["reduction"] for stage in stages}) == 1  # blocks of tokens
    transformer = plain or hasattr(backbone, "patch_embed")
    if getattr(network, "features_read", "last") != "last":
        layers = layers[:-1] or layers  # all that the last one says comes from these
    elif not transformer:
        # What is averaged over space is the last that still knows places.
        pool = _pooling(backbone)
        at_input = pool is not None
        method = LayerGradCam(network, pool if at_input else layers[-1])
        values = method.attribute(images, target=class_index, attribute_to_layer_input=at_input)
        return [_spatial(values, backbone)]
    else:
        # The tokens of a last block no longer reach the classifier, except one.
        layers = layers[-2:-1] if plain and len(layers) > 1 else layers[-1:]
    method = LayerGradientXActivation(network, layers)
    return [_spatial(part, backbone) for part in method.attribute(images, target=class_index)]


def _pooling(backbone: nn.Module) -> nn.Module | None:
    modules = dict(backbone.named_modules())
    return modules.get("global_pool", modules.get("head.global_pool"))


def _spatial(attribution: Tensor, backbone: nn.Module) -> Tensor:
    """Return the positive contributions per place, shape (h, w), without gradient."""
    values = attribution.detach().float()[0]
    widths = {stage["num_chs"] for stage in backbone.feature_info}
    if values.ndim == 2:  # tokens (T, C), perhaps with class and register tokens before them
        places = values[getattr(backbone, "num_prefix_tokens", 0) :].sum(dim=1)
        side = math.isqrt(len(places))
        return places.reshape(side, side).relu()
    if values.shape[-1] in widths and values.shape[0] not in widths:  # (h, w, C)
        return values.sum(dim=-1).relu()
    return values.sum(dim=0).relu()  # (C, h, w)


def _pixel_map(network: nn.Module, images: Tensor, class_index: int) -> Tensor:
    """Return smoothed sizes of the pixels' gradients, shape (h, w)."""
    gradients = Saliency(network).attribute(images, target=class_index)  # (1, 3, S, S), >= 0
    patch = max(1, images.shape[-1] // 14)
    return avg_pool2d(gradients.detach().sum(dim=1), patch, ceil_mode=True)[0]


def _coloured(heat: np.ndarray) -> np.ndarray:
    """Return RGB values in [0, 255], shape (..., 3), of heat in [0, 1]."""
    steps = np.linspace(0, 1, len(_COLOURS))
    channels = zip(*_COLOURS, strict=True)
    return np.stack([np.interp(heat, steps, channel) for channel in channels], axis=-1)

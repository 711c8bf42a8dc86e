"""Every pretrained model that timm can download, as catalogue entries."""

import re
from functools import lru_cache

import timm
import torch
from timm.models import get_pretrained_cfg

from tl_core.runs.catalogue import CATALOGUE, Backbone

# What a pretrained tag says about how the weights came about; the first match counts.
_SELF_SUPERVISED = {
    "dinov3": "self-supervised (DINOv3)",
    "dinov2|lvd142m": "self-supervised (DINOv2)",
    "dino": "self-supervised (DINO)",
    "fcmae": "self-supervised (masked autoencoder)",
    r"\bmae\b": "self-supervised (masked autoencoder)",
    "ijepa": "self-supervised (I-JEPA)",
    "aimv2": "self-supervised (AIMv2)",
    "clip|openai|laion|datacomp|dfn|webli|siglip": "image-text pairs",
}
_DATA = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in2[12]k": "ImageNet-21k",
    "ig1b|swag": "Instagram pictures",
    "inat21": "iNaturalist 2021",
}


def search_backbones(query: str, limit: int = 30) -> list[Backbone]:
    """Return pretrained timm models whose name has every word of `query`.

    Names that begin with the first word come first, shorter ones before longer ones. An empty
    query returns nothing. Models that are not on the hub, or that do not take square RGB
    pictures, are left out.
    """
    words = re.split(r"[\s,]+", query.strip().lower())
    if words == [""]:
        return []
    names = sorted(
        (name for name in _names() if all(word in name for word in words)),
        key=lambda name: (not name.startswith(words[0]), len(name), name),
    )
    return [backbone_named(name) for name in names[:limit]]


@lru_cache(maxsize=512)
def backbone_named(name: str) -> Backbone:
    """Return the entry of one pretrained timm model; sizes are computed without its weights."""
    known = {backbone.name: backbone for backbone in CATALOGUE}
    if name in known:
        return known[name]
    config = get_pretrained_cfg(name)
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    classifier = config.num_classes * (network.head_hidden_size + 1)
    return Backbone(
        name=name,
        title=name,
        family="ViT" if hasattr(network, "patch_embed") else "CNN",
        pretraining=_pretraining(name),
        good_at="Not in the catalogue: compare it with the bundled backbone on your pictures.",
        parameters=parameters,
        input_size=config.input_size[-1],
        licence=config.license or "not stated",
        download_bytes=4 * (parameters + classifier),
        hub_id="" if config.hf_hub_id == f"timm/{name}" else config.hf_hub_id,
    )


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    return tuple(name for name in timm.list_pretrained() if _usable(get_pretrained_cfg(name)))


def _usable(config) -> bool:
    channels, height, width = config.input_size
    return bool(config.hf_hub_id) and channels == 3 and height == width


def _pretraining(name: str) -> str:
    data = [words for pattern, words in _DATA.items() if re.search(pattern, name)]
    for pattern, words in _SELF_SUPERVISED.items():
        if re.search(pattern, name.replace("_", " ").replace(".", " ")):
            return f"{words}, fine-tuned on {data[0]}" if "ft" in name and data else words
    return "supervised, " + (" and ".join(data) if data else "see the model's page")

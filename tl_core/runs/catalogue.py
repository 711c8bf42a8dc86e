"""The pretrained backbones on offer, as facts; `backbones` turns an entry into a network.

The entries are in `catalogue.json`.
Parameters are counted without classifier; the download is the size of timm's safetensors file,
classifier included; a test compares both with timm's own. The Vision Transformers of DINOv2 are
used at 224 pixels instead of 518, which is five times less work for nearly the same features.
"""

import json
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

from tl_core.errors import BackboneError
from tl_core.workspace.json_values import value_of

BUNDLED = "tf_efficientnet_lite0"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # in a hub repository, best first


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A pretrained network on offer, or one that the person brought.

    `name` is timm's architecture with pretrained tag (``resnet18.a1_in1k``) or without one
    (the bundled default). `source` says where weights come from: "bundled" (in an installed
    package), "hub" (a download into the Hugging Face cache), "file" (`weights_file`, a path
    relative to the project's folder, with `digest` its SHA-256).
    """

    name: str
    title: str
    family: str  # "CNN" or "ViT"
    pretraining: (
        str  # "supervised" or "self-supervised", with the data set: "supervised, ImageNet-1k"
    )
    good_at: str  # one plain sentence
    parameters: int
    input_size: int  # pixels, square
    licence: str
    download_bytes: int  # 0 when bundled
    source: str = "hub"
    weights_file: str | None = None
    digest: str | None = None
    hub_id: str = ""  # repository on the hub where it is not "timm/<name>"


@dataclass(frozen=True)
class LayerBlock:
    """One layer group: its name for people, its place from 0, how many numbers it learns."""

    name: str
    index: int
    parameters: int


def backbone_to_json(backbone: Backbone) -> dict:
    return asdict(backbone)


def backbone_from_json(data: dict) -> Backbone:
    """Inverse of `backbone_to_json`; what a newer version has added is left out."""
    return value_of(Backbone, data)


def find(name: str) -> Backbone:
    """Return the catalogue's entry named `name`, with or without its pretrained tag.

    Raises:
        BackboneError: If there is none; the message proposes the closest names.
    """
    for backbone in CATALOGUE:
        if name in (backbone.name, backbone.name.partition(".")[0]):
            return backbone
    names = [backbone.name for backbone in CATALOGUE]
    close = get_close_matches(name, names, cutoff=0.3) or names[:3]
    raise BackboneError(
        f"There is no backbone named {name!r} in the catalogue. Did you mean {' or '.join(close)}?"
    )


def hub_repository(backbone: Backbone) -> str:
    return backbone.hub_id or f"timm/{backbone.name}"


def cached_weights(backbone: Backbone) -> Path | None:
    """Return where the Hugging Face cache holds the weights, without asking the network."""
    from huggingface_hub import try_to_load_from_cache  # slow to import, seldom needed

    for name in WEIGHT_FILES:
        path = try_to_load_from_cache(hub_repository(backbone), name)
        if isinstance(path, str):
            return Path(path)
    return None


def weights_state(backbone: Backbone, project_dir: Path | None = None) -> str:
    """Return where the weights are: "bundled", "cached", "download", "file" or "file missing".

    "download" means that they are not on this machine yet.
    """
    if backbone.source == "bundled":
        return "bundled"
    if backbone.source == "file":
        there = project_dir is not None and (project_dir / str(backbone.weights_file)).is_file()
        return "file" if there else "file missing"
    return "cached" if cached_weights(backbone) else "download"


ENTRIES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
CATALOGUE = tuple(map(backbone_from_json, ENTRIES))  # the bundled default first

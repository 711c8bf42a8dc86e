"""The pretrained backbones on offer: facts only.

Light: knows nothing of torch or timm. `backbones` turns an entry into a network.
"""

from dataclasses import asdict, dataclass

BUNDLED = "tf_efficientnet_lite0"


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
    pretraining: str  # "supervised" or "self-supervised", with the data set: "supervised, ImageNet-1k"
    good_at: str  # one plain sentence
    parameters: int
    input_size: int  # pixels, square
    licence: str
    download_bytes: int  # 0 when bundled
    source: str = "hub"
    weights_file: str | None = None
    digest: str | None = None


def backbone_to_json(backbone: Backbone) -> dict:
    return asdict(backbone)


def backbone_from_json(data: dict) -> Backbone:
    return Backbone(**data)

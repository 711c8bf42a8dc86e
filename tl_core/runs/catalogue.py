"""The pretrained backbones on offer, as facts; `backbones` turns an entry into a network.

Parameters are counted without classifier; the download is the size of timm's safetensors file,
classifier included; a test compares both with timm's own. The Vision Transformers of DINOv2 are
used at 224 pixels instead of 518, which is five times less work for nearly the same features.
"""

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

from tl_core.errors import BackboneError

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
    return Backbone(**data)


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


CATALOGUE = (  # the bundled default first
    Backbone(
        name="tf_efficientnet_lite0",
        title="EfficientNet-Lite0",
        family="CNN",
        pretraining="supervised, ImageNet-1k",
        good_at="A good start for everything: fast on any computer, small enough for a phone, "
        "and already here.",
        parameters=3_371_008,
        input_size=224,
        licence="apache-2.0",
        download_bytes=0,
        source="bundled",
    ),
    Backbone(
        name="mobilenetv4_conv_small.e2400_r224_in1k",
        title="MobileNetV4 small",
        family="CNN",
        pretraining="supervised, ImageNet-1k",
        good_at="The fastest one: for phones and single-board computers that must answer at once.",
        parameters=2_493_024,
        input_size=224,
        licence="apache-2.0",
        download_bytes=15_200_000,
    ),
    Backbone(
        name="resnet18.a1_in1k",
        title="ResNet-18",
        family="CNN",
        pretraining="supervised, ImageNet-1k",
        good_at="The network of the textbooks: simple, quick, and easy to explain to a class.",
        parameters=11_176_512,
        input_size=224,
        licence="apache-2.0",
        download_bytes=46_800_000,
    ),
    Backbone(
        name="resnet50.a1_in1k",
        title="ResNet-50",
        family="CNN",
        pretraining="supervised, ImageNet-1k",
        good_at="The yardstick of most papers: choose it to compare your results with others'.",
        parameters=23_508_032,
        input_size=224,
        licence="apache-2.0",
        download_bytes=102_400_000,
    ),
    Backbone(
        name="tf_efficientnetv2_s.in21k_ft_in1k",
        title="EfficientNetV2 small",
        family="CNN",
        pretraining="supervised, ImageNet-21k, then ImageNet-1k",
        good_at="Fine details: it sees larger pictures than the others, and learnt from 21,000 "
        "kinds of things.",
        parameters=20_177_488,
        input_size=300,
        licence="apache-2.0",
        download_bytes=86_500_000,
    ),
    Backbone(
        name="convnext_tiny.in12k_ft_in1k",
        title="ConvNeXt tiny",
        family="CNN",
        pretraining="supervised, ImageNet-12k, then ImageNet-1k",
        good_at="A strong modern CNN for everyday photographs when seconds matter less.",
        parameters=27_820_128,
        input_size=224,
        licence="apache-2.0",
        download_bytes=114_400_000,
    ),
    Backbone(
        name="convnext_tiny.dinov3_lvd1689m",
        title="ConvNeXt tiny, DINOv3",
        family="CNN",
        pretraining="self-supervised (DINOv3), 1.7 billion pictures",
        good_at="Pictures unlike everyday photographs; learnt without labels, with a CNN's "
        "speed. Read its licence before you publish a model made with it.",
        parameters=27_820_128,
        input_size=224,
        licence="dinov3-license",
        download_bytes=111_300_000,
    ),
    Backbone(
        name="vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        title="Vision Transformer tiny",
        family="ViT",
        pretraining="supervised, ImageNet-21k, then ImageNet-1k",
        good_at="Getting to know transformers: the smallest one here, and quick.",
        parameters=5_524_416,
        input_size=224,
        licence="apache-2.0",
        download_bytes=22_900_000,
    ),
    Backbone(
        name="vit_small_patch16_224.dino",
        title="Vision Transformer small, DINO",
        family="ViT",
        pretraining="self-supervised (DINO), ImageNet-1k",
        good_at="Telling things apart by shape and parts; it learnt from pictures without any "
        "labels.",
        parameters=21_665_664,
        input_size=224,
        licence="apache-2.0",
        download_bytes=86_700_000,
    ),
    Backbone(
        name="vit_small_patch14_dinov2.lvd142m",
        title="Vision Transformer small, DINOv2",
        family="ViT",
        pretraining="self-supervised (DINOv2), 142 million pictures",
        good_at="Few pictures per class: its frozen features are among the best for their size.",
        parameters=21_628_800,
        input_size=224,
        licence="apache-2.0",
        download_bytes=88_300_000,
    ),
    Backbone(
        name="vit_base_patch14_dinov2.lvd142m",
        title="Vision Transformer base, DINOv2",
        family="ViT",
        pretraining="self-supervised (DINOv2), 142 million pictures",
        good_at="The strongest frozen features here, for small differences between classes; "
        "slow without a graphics card.",
        parameters=85_724_928,
        input_size=224,
        licence="apache-2.0",
        download_bytes=346_300_000,
    ),
    Backbone(
        name="vit_base_patch16_clip_224.openai",
        title="Vision Transformer base, CLIP",
        family="ViT",
        pretraining="pictures with their captions (CLIP), 400 million pairs",
        good_at="Classes that are ideas rather than objects: styles, scenes, drawings, memes.",
        parameters=85_799_424,
        input_size=224,
        licence="apache-2.0",
        download_bytes=344_800_000,
    ),
    Backbone(
        name="vit_base_patch16_224.mae",
        title="Vision Transformer base, MAE",
        family="ViT",
        pretraining="self-supervised (masked autoencoder), ImageNet-1k",
        good_at="Fine-tuning with many pictures; frozen it is weak. Not for commercial use.",
        parameters=85_798_656,
        input_size=224,
        licence="cc-by-nc-4.0",
        download_bytes=343_200_000,
    ),
)

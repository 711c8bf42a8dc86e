"""The search over every pretrained timm model."""

import pytest
import timm

from tl_core.backbones import search_backbones
from tl_core.backbones.search import backbone_named
from tl_core.runs.catalogue import CATALOGUE, hub_repository


def test_every_word_must_be_in_the_name() -> None:
    found = search_backbones("ViT small dino", 20)
    assert 3 <= len(found) <= 20
    for backbone in found:
        assert all(word in backbone.name for word in ("vit", "small", "dino"))
        assert backbone.family == "ViT"


def test_names_that_begin_with_the_query_come_first() -> None:
    names = [backbone.name for backbone in search_backbones("resnet18", 5)]
    assert len(names) == 5
    assert all(name.startswith("resnet18") for name in names)


def test_results_carry_timms_facts() -> None:
    backbone = backbone_named("resnet34.tv_in1k")
    network = timm.create_model("resnet34", num_classes=0)
    assert backbone.parameters == sum(p.numel() for p in network.parameters())
    assert backbone.download_bytes == pytest.approx(87_300_000, rel=0.01)
    assert (backbone.family, backbone.licence) == ("CNN", "bsd-3-clause")
    assert backbone.pretraining == "supervised, ImageNet-1k"
    assert hub_repository(backbone) == "timm/resnet34.tv_in1k"


def test_a_repository_of_another_name_is_kept() -> None:
    backbone = backbone_named("vit_base_patch16_clip_quickgelu_224.openai")
    assert hub_repository(backbone) == "timm/vit_base_patch16_clip_224.openai"


def test_recommended_ones_keep_their_description() -> None:
    assert CATALOGUE[2] in search_backbones(CATALOGUE[2].name)


@pytest.mark.parametrize("query", ["", "   ", "no such network"])
def test_nothing_fits_nothing(query) -> None:
    assert search_backbones(query) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("convnextv2_atto.fcmae", "self-supervised (masked autoencoder)"),
        ("convnextv2_atto.fcmae_ft_in1k", "masked autoencoder), fine-tuned on ImageNet-1k"),
        ("vit_base_patch16_siglip_224.webli", "image-text pairs"),
        ("resnet50.fb_swsl_ig1b_ft_in1k", "ImageNet-1k and Instagram pictures"),
    ],
)
def test_the_pretraining_is_read_off_the_tag(name, words) -> None:
    assert words in backbone_named(name).pretraining

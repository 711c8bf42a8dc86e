"""The catalogue says of every backbone what timm says of it."""

import subprocess
import sys

import pytest
import timm
import torch
from timm.models import get_pretrained_cfg

from tl_core.errors import BackboneError
from tl_core.runs.catalogue import (
    BUNDLED,
    CATALOGUE,
    Backbone,
    backbone_from_json,
    backbone_to_json,
    find,
    hub_repository,
    weights_state,
)

every_backbone = pytest.mark.parametrize("backbone", CATALOGUE, ids=lambda b: b.name)


@every_backbone
def test_facts_agree_with_timm(backbone: Backbone) -> None:
    config = get_pretrained_cfg(backbone.name)
    with torch.device("meta"):
        network = timm.create_model(backbone.name, num_classes=0, **_at_size(backbone))
        whole = timm.create_model(backbone.name)
    assert backbone.parameters == sum(p.numel() for p in network.parameters())
    assert backbone.licence == config.license
    assert hub_repository(backbone) == config.hf_hub_id or backbone.source == "bundled"
    assert backbone.family == ("ViT" if hasattr(network, "patch_embed") else "CNN")
    if "dinov2" in backbone.name:
        assert backbone.input_size == 224 < config.input_size[-1]
    else:
        assert config.input_size == (3, backbone.input_size, backbone.input_size)
    if backbone.source == "hub":
        size = sum(value.numel() * value.element_size() for value in whole.state_dict().values())
        assert backbone.download_bytes == pytest.approx(size, rel=0.005)


def test_there_is_something_for_everyone() -> None:
    names = [backbone.name for backbone in CATALOGUE]
    assert 10 <= len(set(names)) == len(names) <= 16
    assert {backbone.family for backbone in CATALOGUE} == {"CNN", "ViT"}
    for kind in ("supervised", "self-supervised"):
        assert sum(backbone.pretraining.startswith(kind) for backbone in CATALOGUE) >= 3


def test_the_bundled_one_comes_first_and_needs_no_download() -> None:
    assert CATALOGUE[0].name == BUNDLED
    assert [backbone.source for backbone in CATALOGUE].count("bundled") == 1
    assert CATALOGUE[0].download_bytes == 0
    assert weights_state(CATALOGUE[0]) == "bundled"


@every_backbone
def test_an_entry_survives_the_way_through_json(backbone: Backbone) -> None:
    assert backbone_from_json(backbone_to_json(backbone)) == backbone


def test_find_takes_names_with_and_without_tag() -> None:
    assert find("resnet18") is find("resnet18.a1_in1k")


def test_find_proposes_the_closest_name() -> None:
    with pytest.raises(BackboneError, match=r"'resnet19'.*resnet18\.a1_in1k"):
        find("resnet19")


def test_weights_state_of_a_file_follows_the_file(tmp_path) -> None:
    backbone = Backbone(**backbone_to_json(CATALOGUE[0]) | _file("weights/a.safetensors"))
    assert weights_state(backbone, tmp_path) == "file missing"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.safetensors").touch()
    assert weights_state(backbone, tmp_path) == "file"


def test_the_catalogue_is_light() -> None:
    code = (
        "import sys, tl_core.runs.catalogue; print({'torch', 'timm', 'sklearn'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()"


def _at_size(backbone: Backbone) -> dict:
    return {"img_size": backbone.input_size} if "dinov2" in backbone.name else {}


def _file(name: str) -> dict:
    return {"source": "file", "weights_file": name, "digest": "0" * 64}

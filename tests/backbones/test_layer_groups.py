"""Layer groups of every architecture on offer, with timm's tiny ones standing in."""

import pytest
import timm
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tl_core.backbones.layer_groups import (
    SMALL_BATCH,
    freeze_to,
    layer_groups,
    parameter_groups,
    train_mode,
)
from tl_core.backbones.network import TransferNetwork
from tl_core.runs.catalogue import CATALOGUE, find

TINY = timm.list_models("test_*")
every_tiny = pytest.mark.parametrize("name", TINY)


def tiny(name: str) -> TransferNetwork:
    backbone = timm.create_model(name, num_classes=0)
    return TransferNetwork(backbone, features="last", num_classes=3)


@pytest.fixture(scope="module")
def catalogue_networks() -> dict[str, nn.Module]:
    """Every catalogue architecture without memory for its weights."""
    with torch.device("meta"):
        return {b.name: timm.create_model(b.name, num_classes=0) for b in CATALOGUE}


def check_groups(network: nn.Module) -> None:
    groups = layer_groups(network)
    names = [name for group in groups for name in group.modules]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    assert sum(group.parameters for group in groups) == sum(
        parameter.numel() for parameter in network.parameters()
    )
    assert [group.index for group in groups] == list(range(len(groups)))
    assert groups[0].name == "stem"
    assert all(group.modules for group in groups[:-1])


@every_tiny
def test_every_parameter_is_in_exactly_one_group(name) -> None:
    check_groups(tiny(name))


@pytest.mark.parametrize("backbone", CATALOGUE, ids=lambda b: b.name)
def test_every_catalogue_architecture_has_groups(backbone, catalogue_networks) -> None:
    network = catalogue_networks[backbone.name]
    check_groups(network)
    groups = layer_groups(network, num_classes=10)
    assert 4 <= len(groups) <= 15
    assert groups[-1].parameters == 10 * (network.head_hidden_size + 1)
    expected = "block 1" if backbone.name.startswith("vit_") else "stage 1"
    assert groups[1].name == expected


@every_tiny
def test_the_classifier_is_the_last_group_alone(name) -> None:
    groups = layer_groups(tiny(name))
    assert groups[-1].name == "classifier"
    assert set(groups[-1].modules) == {"classifier.weight", "classifier.bias"}
    assert not any(name.startswith("classifier") for g in groups[:-1] for name in g.modules)


def test_groups_stand_in_forward_order() -> None:
    names = [group.name for group in layer_groups(tiny("test_resnet"))]
    assert names == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "classifier"]


def test_the_bundled_backbone_has_stem_seven_stages_and_classifier(catalogue_networks) -> None:
    groups = layer_groups(catalogue_networks[find("tf_efficientnet_lite0").name])
    assert [g.name for g in groups] == ["stem", *(f"stage {n}" for n in range(1, 8)), "classifier"]
    assert {"conv_head.weight", "bn2.bias"} <= set(groups[-2].modules)


def test_parameters_outside_timms_matcher_join_the_last_stage() -> None:
    groups = layer_groups(timm.create_model("test_convnext", num_classes=0))
    assert "head.norm.weight" in groups[-2].modules
    assert groups[-2].name == "stage 4"


@every_tiny
def test_freeze_to_freezes_the_first_groups_and_never_the_classifier(name) -> None:
    network = tiny(name)
    groups = layer_groups(network)
    for n in (*range(len(groups)), 0):  # back to nothing frozen
        freeze_to(network, n)
        learning = {name for name, p in network.named_parameters() if p.requires_grad}
        assert learning == {name for group in groups[n:] for name in group.modules}
        assert "classifier.weight" in learning


@pytest.mark.parametrize("n", [-1, 6, 100])
def test_freeze_to_refuses_what_would_reach_the_classifier(n) -> None:
    with pytest.raises(ValueError, match=f"n is {n}"):
        freeze_to(tiny("test_resnet"), n)


def test_frozen_batchnorm_keeps_its_statistics() -> None:
    network = tiny("test_resnet")
    freeze_to(network, 3)
    train_mode(network, batch_size=SMALL_BATCH)
    before = {k: v.clone() for k, v in network.state_dict().items() if "running" in k}
    network(torch.randn(4, 3, 64, 64))
    frozen = tuple(p.rsplit(".", 1)[0] for g in layer_groups(network)[:3] for p in g.modules)
    moved = {k for k, v in before.items() if not torch.equal(v, network.state_dict()[k])}
    assert moved
    assert moved == {k for k in before if not k.startswith(frozen)}


def test_small_batches_keep_all_batchnorm_in_eval_mode() -> None:
    network = tiny("test_efficientnet")
    freeze_to(network, 0)
    train_mode(network, batch_size=SMALL_BATCH - 1)
    assert not any(m.training for m in network.modules() if isinstance(m, _BatchNorm))
    assert network.classifier.training
    for options in ({"batch_size": SMALL_BATCH}, {"batch_size": 4, "from_scratch": True}):
        train_mode(network, **options)
        assert all(m.training for m in network.modules() if isinstance(m, _BatchNorm))


def test_frozen_groups_are_deterministic_dropout_included() -> None:
    backbone = timm.create_model("test_vit", num_classes=0, drop_path_rate=0.5, proj_drop_rate=0.5)
    network = TransferNetwork(backbone, features="last", num_classes=3)
    freeze_to(network, len(layer_groups(network)) - 1)
    train_mode(network, batch_size=SMALL_BATCH)
    images = torch.randn(2, 3, 160, 160)
    assert torch.equal(network(images), network(images))


def test_learning_rates_fall_towards_the_stem() -> None:
    network = tiny("test_resnet")
    freeze_to(network, 2)
    groups = parameter_groups(
        network, classifier_lr=1e-2, backbone_lr=1e-3, layer_decay=0.5, weight_decay=0.1
    )
    rates = {group["name"]: group["lr"] for group in groups}
    assert rates == pytest.approx(
        {"stage 2": 0.25e-3, "stage 3": 0.5e-3, "stage 4": 1e-3, "classifier": 1e-2}
    )
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])
    trained = {id(p) for group in groups for p in group["params"]}
    assert trained == {id(p) for p in network.parameters() if p.requires_grad}

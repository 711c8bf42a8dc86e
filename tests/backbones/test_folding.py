"""Tests of folding: the same features, fewer operations."""

import pytest
import torch
from torch import nn
from trained import tiny_backbone

from tl_core.backbones import create_backbone
from tl_core.backbones.folding import FeatureReader, folded


def statistics_of_their_own(network: nn.Module) -> None:
    """Give every BatchNorm constants that change something."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias)


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "test_byobnet", "test_convnext", "test_vit"]
)
@torch.no_grad()
def test_a_folded_network_reads_the_same_features(name):
    torch.manual_seed(0)
    backbone = create_backbone(tiny_backbone(name), pretrained=False)
    statistics_of_their_own(backbone)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    images = torch.randn(3, *backbone.pretrained_cfg["input_size"])
    wanted = FeatureReader(backbone).eval()(images)
    torch.testing.assert_close(
        folded(FeatureReader(backbone))(images), wanted, rtol=1e-3, atol=1e-3
    )
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_folding_leaves_no_batch_norm_behind_a_convolution():
    backbone = create_backbone(tiny_backbone("test_efficientnet"), pretrained=False)
    left = [m for m in folded(FeatureReader(backbone)).modules() if isinstance(m, nn.BatchNorm2d)]
    assert left == []

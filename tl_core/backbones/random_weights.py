"""A backbone's architecture without anything it learnt.

It knows the architecture only; no picture of anybody has a part in it.
"""

import torch
from torch import nn
from torch.nn.functional import interpolate

from tl_core.backbones import create_backbone
from tl_core.runs.catalogue import Backbone

NOISE_PICTURES = 16


def random_network(backbone: Backbone, *, seed: int = 0) -> nn.Module:
    """Return the architecture with random weights, in eval mode, its signals of a sane size.

    BatchNorm statistics are taken from noise, not from anybody's pictures.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = create_backbone(backbone, pretrained=False)
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if norms:
            for norm in norms:
                norm.momentum = None  # plain average
                norm.reset_running_stats()
            side = backbone.input_size
            coarse = torch.randn(NOISE_PICTURES, 3, 8, 8)
            noise = interpolate(coarse, (side, side), mode="bilinear") + torch.randn(
                NOISE_PICTURES, 3, side, side
            )
            network.train()
            with torch.no_grad():
                network.forward_features(noise)
    return network.eval()

"""Batch normalisation folded into the convolutions before it: a frozen network, done sooner.

In eval mode a BatchNorm scales and shifts by constants, which the convolution's own weights can
hold. It knows modules; nothing of pictures.
"""

import copy
import sys

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from tl_core.backbones.cut_network import Tracer
from tl_core.backbones.network import all_features, has_stages, last_features


class FeatureReader(nn.Module):
    """Normalised images (n, 3, S, S) -> features (n, D), float32."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self._read = all_features if has_stages(backbone) else last_features

    def forward(self, images: Tensor) -> Tensor:
        return self._read(self.backbone, images)


def folded(frozen: nn.Module) -> nn.Module:
    """Return a copy that does the same, without BatchNorm where it can be folded away.

    Args:
        frozen: A graph of operations, or a module with a timm model under `backbone`.
    """
    module = copy.deepcopy(frozen).eval()
    try:
        if not isinstance(module, fx.GraphModule):
            architecture = sys.modules[type(module.backbone).__module__]
            module = fx.GraphModule(module, Tracer(architecture).trace(module))
        for node in module.graph.nodes:
            _fold(module, node)
    except Exception:  # tracing runs the architecture's own code with stand-ins: anything goes
        return copy.deepcopy(frozen).eval()
    return module.eval()


def _fold(module: fx.GraphModule, node: fx.Node) -> None:
    norm = module.get_submodule(node.target) if node.op == "call_module" else None
    before = node.args[0] if isinstance(norm, nn.BatchNorm2d) else None
    if before is None or before.op != "call_module" or len(before.users) > 1:
        return
    convolution = module.get_submodule(before.target)
    shared = sum(other.target == before.target for other in module.graph.nodes) > 1
    if type(convolution) is not nn.Conv2d or shared or norm.running_mean is None:
        return
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    activation = getattr(norm, "act", nn.Identity())  # timm's BatchNorm may have one
    parent, _, name = node.target.rpartition(".")
    setattr(module.get_submodule(parent), name, activation)

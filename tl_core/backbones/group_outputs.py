"""What every layer group hands on to the next: its output, pooled over space.

It knows modules and hooks, for any architecture that `layers` can cut; nothing of pictures.
"""

import copy
import threading

import torch
from torch import Tensor, nn

from tl_core.backbones.layer_groups import LayerGroup, layer_groups


class GroupEnds:
    """Reads mean and deviation over space of each layer group's output in one forward pass.

    Several threads may call it side by side.

    Args:
        backbone: timm model without classifier; hooks stay on it.
    """

    def __init__(self, backbone: nn.Module) -> None:
        self.groups: list[LayerGroup] = layer_groups(backbone)[:-1]
        self._outputs = threading.local()
        for group in self.groups:
            for module in _modules_of(backbone, group):
                module.register_forward_hook(self._keeper(group.index))

    def __call__(self, backbone: nn.Module, images: Tensor) -> list[Tensor]:
        """Return what each group hands on, float32 (N, 2 C), in the groups' order."""
        self._outputs.by_group = {}
        backbone.forward_features(images)
        kept, self._outputs.by_group = self._outputs.by_group, {}
        return [pooled(kept[group.index]) for group in self.groups]

    def _keeper(self, index: int):
        def keep(_module: nn.Module, _inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor) and hasattr(self._outputs, "by_group"):
                self._outputs.by_group[index] = output  # the group's last module wins

        return keep


def group_widths(backbone: nn.Module) -> list[tuple[LayerGroup, int]]:
    """Return every layer group with how many numbers `GroupEnds` gives of it."""
    _, height, width = backbone.pretrained_cfg["input_size"]
    network = copy.deepcopy(backbone).eval()
    ends = GroupEnds(network)
    with torch.no_grad():
        outputs = ends(network, torch.zeros(1, 3, height, width))
    return [(group, output.shape[1]) for group, output in zip(ends.groups, outputs, strict=True)]


def pooled(output: Tensor) -> Tensor:
    """Return mean and deviation over space, float32 (N, 2 C), of a layer's output.

    Args:
        output: (N, C, H, W), (N, H, W, C), (N, T, C) for tokens, or (N, C).
    """
    if output.ndim == 2:
        return output.float()
    if output.ndim == 4 and output.shape[1] == output.shape[2] != output.shape[3]:
        output = output.permute(0, 3, 1, 2)
    elif output.ndim == 3:
        output = output.transpose(1, 2)
    variance, mean = torch.var_mean(output.flatten(2).float(), dim=2, correction=0)
    return torch.cat([mean, (variance + 1e-8).sqrt()], dim=1)


def _modules_of(backbone: nn.Module, group: LayerGroup) -> list[nn.Module]:
    """Return the largest modules whose parameters are all in the group."""
    members = set(group.modules)
    found: list[nn.Module] = []

    def walk(module: nn.Module, prefix: str) -> None:
        names = [f"{prefix}{name}" for name, _ in module.named_parameters()]
        if names and prefix and members.issuperset(names):
            found.append(module)
            return
        for name, child in module.named_children():
            walk(child, f"{prefix}{name}.")

    walk(backbone, "")
    return found

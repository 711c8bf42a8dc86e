"""What every layer group hands on to the next: its output, pooled over space, by forward hooks."""

import copy
import math
import threading

import torch
from torch import Tensor, nn

from tl_core.backbones.layer_groups import LayerGroup, layer_groups


class GroupOutputs(nn.Module):
    """Normalised images (n, 3, S, S) -> all groups' outputs side by side, float32 (n, D).

    Several threads may call it at once, and it can be copied and traced.

    Args:
        backbone: timm model without classifier; a copy of it is run.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(backbone).eval()
        self.groups: list[LayerGroup] = layer_groups(self.backbone)[:-1]
        self._latest: dict[tuple[int, int], Tensor] = {}  # by thread and group
        for group in self.groups:
            for module in _modules_of(self.backbone, group):
                module.register_forward_hook(_Keep(self._latest, group.index))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat(self.each(images), dim=1)

    def each(self, images: Tensor) -> list[Tensor]:
        """Return what each group hands on, float32 (n, 2 C), in the groups' order."""
        return [pooled(output) for output in self._outputs(images)]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return what each group hands on place by place, float32 (n, C, h, w)."""
        before = getattr(self.backbone, "num_prefix_tokens", 0)
        return [channels_first(output, before).float() for output in self._outputs(images)]

    def _outputs(self, images: Tensor) -> list[Tensor]:
        self.backbone.forward_features(images)
        thread = threading.get_ident()
        return [self._latest.pop((thread, group.index)) for group in self.groups]


class _Keep:
    """A hook that keeps what a module gave last: the group's last module wins.

    No closure, so that a copy of the network writes to the copy's own dictionary.
    """

    def __init__(self, latest: dict[tuple[int, int], Tensor], index: int) -> None:
        self._latest, self._index = latest, index

    def __call__(self, _module: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            self._latest[threading.get_ident(), self._index] = output


def group_widths(backbone: nn.Module) -> list[tuple[LayerGroup, int]]:
    """Return every layer group with how many numbers `GroupOutputs` gives of it."""
    _, height, width = backbone.pretrained_cfg["input_size"]
    network = GroupOutputs(backbone)
    with torch.no_grad():
        outputs = network.each(torch.zeros(1, 3, height, width))
    return [(group, output.shape[1]) for group, output in zip(network.groups, outputs, strict=True)]


def pooled(output: Tensor) -> Tensor:
    """Return mean and deviation over space, float32 (N, 2 C), of a layer's output.

    Args:
        output: (N, C, H, W), (N, H, W, C), (N, T, C) for tokens, or (N, C).
    """
    if output.ndim == 2:
        return output.float()
    output = output.transpose(1, 2) if output.ndim == 3 else channels_first(output)
    variance, mean = torch.var_mean(output.flatten(2).float(), dim=2, correction=0)
    return torch.cat([mean, (variance + 1e-8).sqrt()], dim=1)


def channels_first(output: Tensor, prefix_tokens: int = 0) -> Tensor:
    """Return a layer's output as (N, C, h, w).

    Args:
        output: (N, C, H, W), (N, H, W, C), (N, T, C) for tokens of a square, or (N, C).
        prefix_tokens: How many of the tokens stand for no place.
    """
    if output.ndim == 2:
        return output[..., None, None]
    if output.ndim == 3:
        places = output[:, prefix_tokens:].transpose(1, 2)  # (N, C, h * w)
        side = math.isqrt(places.shape[2])
        return places[:, :, : side * side].unflatten(2, (side, side))
    if output.shape[1] == output.shape[2] != output.shape[3]:
        return output.permute(0, 3, 1, 2)
    return output


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

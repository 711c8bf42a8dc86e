"""Layer groups: a network cut into stem, stages or blocks, and classifier, in forward order.

Knows timm's own grouping of parameters; knows nothing of pictures or of training loops.
A *network* here is a module with a timm model under ``backbone`` and a linear layer under
``classifier`` (`network.TransferNetwork`); a bare timm model without classifier is accepted too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from timm.models import group_parameters
from torch import nn

from tl_core.errors import BackboneError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
SMALL_BATCH = 32  # below it a batch's own mean and variance are too noisy to learn from


@dataclass(frozen=True)
class LayerGroup:
    """Consecutive layers that are frozen or trained together.

    `name` is for people ("stem", "stage 2", "block 11", "classifier"), `index` counts from 0
    in forward order, `parameters` counts numbers, `modules` holds the full parameter names.
    """

    name: str
    index: int
    parameters: int
    modules: tuple[str, ...]


def layer_groups(network: nn.Module, *, num_classes: int = 0) -> list[LayerGroup]:
    """Return the layer groups in forward order; the classifier is the last one, alone.

    Every parameter is in exactly one group. For a bare timm model, which has no classifier
    yet, the last group counts the parameters of a linear layer for `num_classes` classes.

    Raises:
        BackboneError: If timm does not know how to cut this architecture.
    """
    backbone = _backbone(network)
    prefix = "" if backbone is network else "backbone."
    sizes = {name: parameter.numel() for name, parameter in backbone.named_parameters()}
    names = _group_names(backbone, len(groups := _backbone_groups(backbone)))
    result = [
        LayerGroup(name, index, sum(map(sizes.__getitem__, group)), _prefixed(prefix, group))
        for index, (name, group) in enumerate(zip(names, groups, strict=True))
    ]
    if backbone is network:
        count, members = (backbone.head_hidden_size + 1) * num_classes, ()
    else:
        classifier = dict(network.classifier.named_parameters())
        count = sum(parameter.numel() for parameter in classifier.values())
        members = _prefixed("classifier.", classifier)
    return [*result, LayerGroup("classifier", len(result), count, members)]


def freeze_to(network: nn.Module, n: int) -> None:
    """Freeze the first `n` layer groups and thaw the others; the classifier is never frozen.

    Raises:
        ValueError: If `n` is negative or would reach the classifier.
    """
    groups = layer_groups(network)
    if not 0 <= n < len(groups):
        raise ValueError(f"n is {n}, but this network has {len(groups) - 1} groups to freeze")
    frozen = {name for group in groups[:n] for name in group.modules}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)


def frozen_count(network: nn.Module) -> int:
    """Return how many of the first layer groups are frozen."""
    learns = {name for name, value in network.named_parameters() if value.requires_grad}
    groups = layer_groups(network)
    return next(group.index for group in groups if learns.intersection(group.modules))


def train_mode(network: nn.Module, *, batch_size: int, from_scratch: bool = False) -> None:
    """Put `network` into training mode, except what must keep behaving as pretrained.

    Whatever has only frozen parameters stays in eval mode, its BatchNorm statistics and its
    dropout included. Below `SMALL_BATCH` pictures per step every BatchNorm stays there, unless
    the network starts from scratch and has no statistics worth keeping.
    """
    if isinstance(network, BATCH_NORMS) and batch_size < SMALL_BATCH and not from_scratch:
        network.eval()
        return
    parameters = list(network.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        network.eval()
        return
    network.training = True
    for child in network.children():
        train_mode(child, batch_size=batch_size, from_scratch=from_scratch)


def parameter_groups(
    network: nn.Module,
    *,
    classifier_lr: float,
    backbone_lr: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict]:
    """Return optimiser groups of the thawed parameters, learning slower the earlier they stand.

    The classifier learns at `classifier_lr`, the backbone's last group at `backbone_lr`, each
    group before it at `layer_decay` times the next one's rate. Biases and normalisation
    parameters (fewer than two dimensions) have no weight decay.

    Source: Bao et al. (2021), "BEiT", arXiv:2106.08254, for the layer-wise rates.
    """
    groups = layer_groups(network)
    parameters = dict(network.named_parameters())
    result = []
    for group in groups:
        steps_back = len(groups) - 2 - group.index  # 0 for the backbone's last group
        last = group.index == len(groups) - 1
        lr = classifier_lr if last else backbone_lr * layer_decay**steps_back
        members = [parameters[name] for name in group.modules if parameters[name].requires_grad]
        for decays in (True, False):
            if some := [p for p in members if (p.ndim > 1) == decays]:
                decay = weight_decay if decays else 0.0
                result.append({"params": some, "lr": lr, "weight_decay": decay, "name": group.name})
    return result


def _backbone(network: nn.Module) -> nn.Module:
    return network.backbone if hasattr(network, "backbone") else network


def _prefixed(prefix: str, names) -> tuple[str, ...]:
    return tuple(prefix + name for name in names)


def _backbone_groups(backbone: nn.Module) -> list[list[str]]:
    """Return the backbone's parameter names per group, in forward order."""
    try:
        matcher = backbone.group_matcher(coarse=True)
    except (AttributeError, NotImplementedError, AssertionError) as error:
        raise BackboneError(
            f"The layers of {type(backbone).__name__} cannot be divided into groups to freeze. "
            "Choose another backbone."
        ) from error
    grouped = group_parameters(backbone, matcher)
    groups = [grouped[index] for index in sorted(grouped)]
    if len(groups) > 1 and not any(_is_matched(matcher, name) for name in groups[-1]):
        rest = groups.pop()  # e.g. a norm after pooling: timm leaves it over, it belongs to the end
        groups[-1] = groups[-1] + rest
    return groups


def _is_matched(matcher, name: str) -> bool:
    return not isinstance(matcher, dict) or any(
        re.match(pattern, name) for pattern in _patterns(matcher)
    )


def _patterns(matcher: dict) -> Iterator[str]:
    for spec in matcher.values():
        if isinstance(spec, str):
            yield spec
        elif spec is not None:
            yield from (pattern for pattern, *_ in spec)


def _group_names(backbone: nn.Module, count: int) -> list[str]:
    """Name the groups as a textbook would: a plain transformer has blocks, the rest stages."""
    reductions = {stage["reduction"] for stage in getattr(backbone, "feature_info", None) or ()}
    part = "block" if len(reductions) == 1 else "stage"
    return ["stem", *(f"{part} {number}" for number in range(1, count))]

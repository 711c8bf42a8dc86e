"""A network as a graph of operations: cut in two behind its frozen layers, or made quicker.

What the frozen front computes never changes, so it is computed once per picture and kept; the back
still learns. The cut is found for any architecture: an operation belongs to the front if nothing
it depends on is trained. In a network that does not learn at all, batch normalisation scales and
shifts by constants, which the weights of the convolution before it can hold.
"""

import copy
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from timm.layers import resample_abs_pos_embed
from timm.models import get_notrace_functions, get_notrace_modules
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from tl_core.backbones.layer_groups import BATCH_NORMS
from tl_core.backbones.network import TransferNetwork

BATCH_SIZE, ATTRIBUTE = object(), object()
TOLERANCE = 1e-4  # largest difference of logits between the cut network and the whole one


@dataclass(frozen=True)
class CutNetwork:
    """`back(*front(images))` gives the logits of the whole network.

    Both share the network's own parameters: what the back learns, the network has learnt.
    """

    front: fx.GraphModule  # images (N, 3, H, W) -> tuple of tensors, each (N, ...)
    back: fx.GraphModule  # the same tensors -> logits (N, K)


def cut(network: TransferNetwork, images: Tensor) -> CutNetwork | None:
    """Cut `network` behind its frozen layers, and verify the result on `images`.

    Args:
        network: With `layers.freeze_to` applied; put into eval mode here.
        images: Normalised, float32 (N, 3, H, W), N at least 2, to compare the two networks on.

    Returns:
        None if the architecture cannot be traced, nothing is frozen, or the cut network does not
        give the logits of the whole one within `TOLERANCE`: the whole network must run then.
    """
    network.eval()
    try:
        graph = Tracer(sys.modules[type(network.backbone).__module__]).trace(network)
    except Exception:  # tracing runs the architecture's own code with stand-ins: anything goes
        return None
    frozen = _frozen_nodes(graph, network)
    crossing = [n for n in graph.nodes if n in frozen and any(u not in frozen for u in n.users)]
    if not crossing or any(node.op == "placeholder" for node in crossing):
        return None
    try:
        halves = _halves(network, graph, frozen, crossing, images)
        with torch.no_grad():
            wanted, got = network(images), halves.back(*halves.front(images))
    except Exception:  # a size computed in front and used behind, say
        return None
    scale = 1 + wanted.abs().max().item()
    return halves if torch.allclose(got, wanted, rtol=0, atol=TOLERANCE * scale) else None


def _halves(
    network: nn.Module,
    graph: fx.Graph,
    frozen: set[fx.Node],
    crossing: list[fx.Node],
    images: Tensor,
) -> CutNetwork:
    """Build both halves; what crosses is tensors per picture, numbers are derived or constant."""
    before = [node for node in graph.nodes if node in frozen]
    after = [node for node in graph.nodes if node not in frozen]
    probe = _part(network, before, {}, [], crossing)
    with torch.no_grad():
        many, one = probe(images), probe(images[:1])
    handed_over, known = [], {}
    for node, value, alone in zip(crossing, many, one, strict=True):
        if node.op == "get_attr":
            known[node] = ATTRIBUTE
        elif isinstance(value, int) and value == len(images) and alone == 1:
            known[node] = BATCH_SIZE
        elif isinstance(value, int | float | bool) and value == alone:
            known[node] = value
        elif isinstance(value, Tensor) and value.ndim and len(value) == len(images):
            handed_over.append(node)
        else:
            raise ValueError(f"{node} is neither per picture nor constant")
    return CutNetwork(
        front=_part(network, before, {}, [], handed_over),
        back=_part(network, after, known, handed_over, None),
    )


class Tracer(fx.Tracer):
    """Follows a timm network; what timm marks as untraceable stays one operation.

    While it does, torch hands it every call of every network of this process: those of other
    threads go their own way, and only one network is traced at a time.
    """

    _tracing = threading.Lock()

    def __init__(self, architecture: ModuleType) -> None:
        functions = (*get_notrace_functions(), resample_abs_pos_embed)  # branches on the size
        super().__init__(autowrap_functions=functions)
        # `forward_features` is called as a method, which the tracer does not search by itself.
        self._autowrap_search.append(architecture)
        self._leaves = tuple(get_notrace_modules())
        self._thread = threading.get_ident()

    def trace(self, root: nn.Module, concrete_args: dict | None = None) -> fx.Graph:
        with self._tracing:
            self._thread = threading.get_ident()
            return super().trace(root, concrete_args)

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> object:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: object, parameter_proxy_cache: dict) -> object:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)


def _frozen_nodes(graph: fx.Graph, network: nn.Module) -> set[fx.Node]:
    """Return the operations whose result no training step can change."""
    frozen: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "output" or not all(before in frozen for before in node.all_input_nodes):
            continue
        if node.op == "call_module" and _learns(network.get_submodule(node.target)):
            continue
        if node.op == "get_attr" and _differs(network, node.target):
            continue
        frozen.add(node)
    return frozen


def _learns(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    trained = any(parameter.requires_grad for parameter in parameters)
    # A BatchNorm without parameters of its own still learns its statistics.
    return trained or (isinstance(module, BATCH_NORMS) and not parameters)


def _differs(network: nn.Module, target: str) -> bool:
    """Whether a value is learnt, or not the backbone's own: the classifier's standardisation."""
    module, _, name = target.rpartition(".")
    learnt = getattr(network.get_submodule(module), name).requires_grad
    constant = target.startswith(("backbone.", "_tensor_constant"))  # the latter by the tracer
    return learnt or not constant


def _part(
    network: nn.Module,
    nodes: list[fx.Node],
    known: dict[fx.Node, object],
    inputs: list[fx.Node],
    outputs: list[fx.Node] | None,
) -> fx.GraphModule:
    """Return the operations `nodes` as a module from `inputs` to `outputs` (None: the graph's)."""
    part = fx.Graph()
    copies: dict[fx.Node, object] = {}
    for index, node in enumerate(inputs):
        copies[node] = part.placeholder(f"value_{index}")
    for node, value in known.items():
        if value is ATTRIBUTE:
            copies[node] = part.node_copy(node)
        elif value is BATCH_SIZE:
            copies[node] = part.call_method("size", (copies[inputs[0]], 0))
        else:
            copies[node] = value
    for node in nodes:
        copies[node] = part.node_copy(node, copies.__getitem__)
    if outputs is not None:
        part.output(tuple(copies[node] for node in outputs))
    module = fx.GraphModule(network, part)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module.eval()


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

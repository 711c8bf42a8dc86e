"""The app's preprocessing as an ONNX graph, so that an exported file needs no other.

The resize is written as two matrix products, whose matrices the graph computes from the
picture's size. ONNX has a Resize operator with antialiasing, but runtimes treat the borders in
their own ways: measured, onnxruntime and PyTorch differ there by up to 30 of 255 grey levels.
A product of matrices means the same everywhere. Only the part of the picture that reaches the
central square is touched.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tl_core.backbones.preprocessing import LONGEST_RATIO, Preprocessing

INPUT = "image"
OUTPUT = "normalised"
_IR_VERSION = 10


def preprocessing_model(preprocessing: Preprocessing, *, opset: int) -> onnx.ModelProto:
    """Return a model from an upright RGB picture to what the backbone sees.

    Input ``image``: uint8, shape (height, width, 3), any size. Output ``normalised``: float32,
    shape (1, 3, S, S), equal to `preprocessing.prepare` up to float32 rounding.

    Args:
        preprocessing: What the backbone wants.
        opset: ONNX operator set, at least 18.
    """
    graph = _Graph()
    height = graph.add("Shape", INPUT, start=0, end=1)
    width = graph.add("Shape", INPUT, start=1, end=2)
    short = graph.add("Min", height, width)
    rows = _Axis(graph, height, short, preprocessing)
    columns = _Axis(graph, width, short, preprocessing)
    box = graph.add(
        "Slice",
        INPUT,
        graph.add("Concat", rows.start, columns.start, axis=0),
        graph.add("Concat", rows.end, columns.end, axis=0),
        graph.integers(0, 1),
    )
    pixels = graph.add("Cast", box, to=TensorProto.FLOAT)  # (h, w, 3)
    flat = graph.add("Reshape", pixels, graph.integers(0, -1))  # (h, w * 3)
    shorter = graph.add("MatMul", rows.matrix, flat)  # (S, w * 3)
    unflat = graph.add("Reshape", shorter, graph.integers(0, -1, 3))  # (S, w, 3)
    planes = graph.add("Transpose", unflat, perm=[2, 0, 1])  # (3, S, w)
    across = graph.add("Transpose", columns.matrix, perm=[1, 0])  # (w, S)
    square = graph.add("MatMul", planes, across)  # (3, S, S)
    levels = graph.add("Clip", graph.add("Round", square), graph.scalar(0.0), graph.scalar(255.0))
    centred = graph.add(
        "Sub", graph.add("Div", levels, 255.0), graph.per_channel(preprocessing.mean)
    )
    scaled = graph.add("Div", centred, graph.per_channel(preprocessing.std))
    graph.add("Unsqueeze", scaled, graph.integers(0), output=OUTPUT)  # (1, 3, S, S)
    return graph.model(preprocessing.input_size, opset)


class _Axis:
    """Rows or columns: which source pixels reach the square, and the matrix that makes it.

    Geometry as in `preprocessing.geometry`; `start` and `end` bound the n source pixels, `matrix`
    is float32 (S, n), every row summing to one.
    """

    def __init__(
        self, graph: "_Graph", size: str, short: str, preprocessing: Preprocessing
    ) -> None:
        side = preprocessing.input_size
        add, integers = graph.add, graph.integers
        used = add("Min", size, add("Mul", short, integers(LONGEST_RATIO)))
        margin = add("Div", add("Sub", size, used), integers(2))
        resized = add("Div", add("Mul", used, integers(preprocessing.resize_to)), short)
        crop = add("Div", add("Sub", resized, integers(side)), integers(2))
        scale = add("Div", graph.real(used), graph.real(resized))
        stretch = add("Max", scale, 1.0)  # only shrinking needs a wider filter
        steps = add("Add", graph.real(add("Add", integers(*range(side)), crop)), 0.5)
        centres = add("Mul", steps, scale)  # (S,), in source pixels
        support = add("Mul", stretch, _REACH[preprocessing.interpolation])
        first = add("Sub", add("ReduceMin", centres, keepdims=1), support)
        last = add("Add", add("ReduceMax", centres, keepdims=1), support)
        low = add("Max", graph.whole(add("Floor", first)), integers(0))
        high = add("Min", graph.whole(add("Ceil", last)), used)
        span = add("Range", add("Squeeze", low), add("Squeeze", high), graph.scalar(1))
        sources = add("Add", graph.real(span), 0.5)  # (n,)
        apart = add("Sub", add("Unsqueeze", centres, integers(1)), sources)  # (S, n)
        distance = add("Div", add("Abs", apart), stretch)
        weights = _FILTERS[preprocessing.interpolation](graph, distance)
        total = add("ReduceSum", weights, integers(1), keepdims=1)
        self.matrix = add("Div", weights, total)
        self.start = add("Add", margin, low)
        self.end = add("Add", margin, high)


def _triangle(graph: "_Graph", distance: str) -> str:
    return graph.add("Max", graph.add("Sub", 1.0, distance), 0.0)


def _cubic(graph: "_Graph", distance: str) -> str:
    """Return Keys' cubic with a = -0.5, the one that Pillow and PyTorch use when they antialias.

    Source: Keys (1981), "Cubic Convolution Interpolation for Digital Image Processing".
    """
    near = graph.polynomial(distance, 1.5, -2.5, 0.0, 1.0)
    far = graph.polynomial(distance, -0.5, 2.5, -4.0, 2.0)
    beyond_one = graph.add("Where", graph.add("Less", distance, 2.0), far, 0.0)
    return graph.add("Where", graph.add("Less", distance, 1.0), near, beyond_one)


_FILTERS = {"bilinear": _triangle, "bicubic": _cubic}
_REACH = {"bilinear": 1.0, "bicubic": 2.0}  # distance at which the filter ends


class _Graph:
    """Nodes and constants in the making; every method returns the name of a value."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str | float, output: str | None = None, **attributes) -> str:
        """Add an operator; numbers among the inputs become float32 constants of shape (1,)."""
        names = [self._constant(np.float32([i])) if isinstance(i, float) else i for i in inputs]
        name = output or f"pre_v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def integers(self, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> str:
        return self._constant(np.array(value, np.int64 if isinstance(value, int) else np.float32))

    def per_channel(self, values: tuple[float, ...]) -> str:
        return self._constant(np.array(values, dtype=np.float32)[:, None, None])

    def real(self, value: str) -> str:
        return self.add("Cast", value, to=TensorProto.FLOAT)

    def whole(self, value: str) -> str:
        return self.add("Cast", value, to=TensorProto.INT64)

    def polynomial(self, x: str, *coefficients: float) -> str:
        """Return the value at x; the highest power's coefficient comes first."""
        value = self.add("Mul", x, coefficients[0])
        for coefficient in coefficients[1:-1]:
            value = self.add("Mul", self.add("Add", value, coefficient), x)
        return self.add("Add", value, coefficients[-1])

    def model(self, side: int, opset: int) -> onnx.ModelProto:
        image = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["height", "width", 3])
        square = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, 3, side, side])
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "preprocessing", [image], [square], constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_IR_VERSION
        )

    def _constant(self, value: np.ndarray) -> str:
        key = (value.dtype.char, value.shape, value.tobytes())
        if key not in self._constants:
            name = f"pre_c{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(value, name)
        return self._constants[key].name

"""TensorFlow's functions that Keras 2 wrapped as layers (`tf.nn.relu(x)` in a functional model is a TFOpLambda), as operations of Keras 3.

Each stands in a table with its parameters, in TensorFlow's order. What is not in the tables, or differs in meaning, is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webdnn.graph.errors import UnsupportedError

LAYERS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
ADVICE = "rebuild the model with layers of Keras or keras.ops in its place, and save it again"


@dataclass(frozen=True)
class Operation:
    """An operation of Keras 3: class, configuration, and the arguments of its call."""

    class_name: str
    arguments: list[Any]
    config: dict[str, Any] = field(default_factory=dict)


Build = Callable[..., Operation]


def operation_of(
    class_name: str, config: Mapping[str, Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> Operation:
    """The operation that a call of the layer is. Raises UnsupportedError with a bare reason."""
    function = config.get("function")
    name = f"tf.{function}"
    if class_name == "TensorFlowOpLayer" or not isinstance(function, str):
        raise UnsupportedError(f"an operation of TensorFlow, as TensorFlow 2.3 and older stored it; {ADVICE}")
    if function not in FUNCTIONS:
        raise UnsupportedError(f"{name}, an operation of TensorFlow that cannot be converted; {ADVICE}")
    parameters, build = FUNCTIONS[function]
    if len(arguments) > len(parameters):
        raise UnsupportedError(f"{name} with {len(arguments)} arguments; {ADVICE}")
    bound = dict(zip(parameters, arguments, strict=False))
    for key, value in keywords.items():
        if key in parameters and key not in bound:
            bound[key] = value
        elif key != "name" and value is not None:
            raise UnsupportedError(f"{name} with {key}={value!r}; {ADVICE}")
    try:
        return build(**bound)
    except TypeError as error:  # a parameter without a default is missing
        raise UnsupportedError(f"{name} without all of its arguments; {ADVICE}") from error
    except UnsupportedError as error:
        raise UnsupportedError(f"{name} with {error}; {ADVICE}") from error


def _get_item(*, tensor: Any, slice_spec: Any) -> Operation:
    def part(item: Any) -> Any:
        if isinstance(item, Mapping) and set(item) == {"start", "stop", "step"}:
            return {"class_name": "__slice__", "config": dict(item)}
        if item == "...":
            return {"class_name": "__ellipsis__", "config": {}}
        if item is None or isinstance(item, int):
            return item
        raise UnsupportedError(f"the index {str(item)[:80]}")

    parts = slice_spec if isinstance(slice_spec, list) else [slice_spec]
    return Operation("GetItem", [tensor, [part(item) for item in parts]])


def _numbers(value: Any, what: str) -> Any:
    """`value`, if it consists of numbers; sizes may also be tensors in TensorFlow."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, list):
            _numbers(item, what)
        elif not isinstance(item, (int, float)):
            raise UnsupportedError(f"{what} computed from other tensors")
    return value


def _simple(class_name: str) -> Build:
    return lambda *, x: Operation(class_name, [x])


def _binary(class_name: str) -> Build:
    return lambda *, x, y: Operation(class_name, [x, y])


def _reduction(class_name: str) -> Build:
    def build(*, input_tensor: Any, axis: Any = None, keepdims: Any = None) -> Operation:
        return Operation(class_name, [input_tensor], {"axis": axis, "keepdims": bool(keepdims)})

    return build


def _concat(*, values: Any, axis: Any) -> Operation:
    return Operation(
        "Concatenate", [values if isinstance(values, list) else [values]], {"axis": _numbers(axis, "axis")}
    )


def _stack(*, values: Any, axis: Any = 0) -> Operation:
    return Operation("Stack", [values if isinstance(values, list) else [values]], {"axis": axis})


def _reshape(*, tensor: Any, shape: Any) -> Operation:
    return Operation("Reshape", [tensor], {"newshape": _numbers(shape, "a shape")})


def _transpose(*, a: Any, perm: Any = None, conjugate: Any = None) -> Operation:
    return Operation("Transpose", [a], {"axes": perm})


def _expand(*, input: Any, axis: Any) -> Operation:
    return Operation("ExpandDims", [input], {"axis": axis})


def _squeeze(*, input: Any, axis: Any = None) -> Operation:
    return Operation("Squeeze", [input], {"axis": axis})


def _softmax(*, logits: Any, axis: Any = None) -> Operation:
    return Operation("Softmax", [logits], {"axis": -1 if axis is None else axis})


def _activation(class_name: str) -> Build:
    return lambda *, features: Operation(class_name, [features])


def _leaky_relu(*, features: Any, alpha: Any = 0.2) -> Operation:
    return Operation("LeakyRelu", [features], {"negative_slope": alpha})


def _gelu(*, features: Any, approximate: Any = False) -> Operation:
    return Operation("Gelu", [features], {"approximate": bool(approximate)})


def _silu(*, features: Any, beta: Any = 1.0) -> Operation:
    if beta not in (None, 1):
        raise UnsupportedError(f"beta={beta!r}")
    return Operation("Silu", [features])


def _clip(*, t: Any, clip_value_min: Any, clip_value_max: Any) -> Operation:
    limits = {"x_min": _numbers(clip_value_min, "a limit"), "x_max": _numbers(clip_value_max, "a limit")}
    return Operation("Clip", [t], limits)


def _resize(
    *, images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: Any = False, antialias: Any = False
) -> Operation:
    if method not in ("bilinear", "nearest") or preserve_aspect_ratio or antialias:
        raise UnsupportedError(
            f"method={method!r}, preserve_aspect_ratio={preserve_aspect_ratio!r}, antialias={antialias!r}"
        )
    config = {"size": _numbers(size, "a size"), "interpolation": method, "data_format": "channels_last"}
    return Operation("Resize", [images], config)


def _pad(*, tensor: Any, paddings: Any, mode: Any = "CONSTANT", constant_values: Any = 0) -> Operation:
    modes = {"constant": "constant", "reflect": "reflect", "symmetric": "symmetric"}
    if str(mode).lower() not in modes or constant_values not in (None, 0):
        raise UnsupportedError(f"mode={mode!r}, constant_values={constant_values!r}")
    return Operation("Pad", [tensor], {"pad_width": _numbers(paddings, "paddings"), "mode": modes[str(mode).lower()]})


def _matmul(*, a: Any, b: Any, **flags: Any) -> Operation:
    chosen = [key for key, value in flags.items() if value]
    if chosen:
        raise UnsupportedError(f"{chosen[0]}={flags[chosen[0]]!r}")
    return Operation("Matmul", [a, b])


def _cast(*, x: Any, dtype: Any) -> Operation:
    if dtype != "float32":
        raise UnsupportedError(f"dtype={dtype!r}")
    return Operation("Cast", [x], {"dtype": dtype})


def _tile(*, input: Any, multiples: Any) -> Operation:
    return Operation("Tile", [input], {"repeats": _numbers(multiples, "multiples")})


_TRANSPOSES = ("transpose_a", "transpose_b", "adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse")
_X, _XY, _INPUT = ("x",), ("x", "y"), ("input_tensor", "axis", "keepdims")
_BINARY = {"add": "Add", "subtract": "Subtract", "multiply": "Multiply", "divide": "TrueDivide", "maximum": "Maximum"}
_BINARY |= {"minimum": "Minimum", "pow": "Power", "truediv": "TrueDivide"}
_SIMPLE = {
    name: name.capitalize()
    for name in "abs ceil cos erf exp expm1 floor log log1p negative reciprocal rsqrt sign sin".split()
}
_SIMPLE |= {"sqrt": "Sqrt", "square": "Square", "tanh": "Tanh", "sigmoid": "Sigmoid"}
_REDUCTIONS = {"mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod"}
_ACTIVATIONS = {
    "relu": "Relu",
    "relu6": "Relu6",
    "elu": "Elu",
    "selu": "Selu",
    "softplus": "Softplus",
    "softsign": "Softsign",
}

# TensorFlow's function → its parameters and the operation.
FUNCTIONS: dict[str, tuple[tuple[str, ...], Build]] = {
    **{f"math.{name}": (_XY, _binary(found)) for name, found in _BINARY.items()},
    **{
        f"__operators__.{name}": (_XY, _binary(_BINARY[found])) for name, found in (("add", "add"), ("sub", "subtract"))
    },
    **{f"math.{name}": (_X, _simple(found)) for name, found in _SIMPLE.items()},
    **{f"math.reduce_{name}": (_INPUT, _reduction(found)) for name, found in _REDUCTIONS.items()},
    **{f"nn.{name}": (("features",), _activation(found)) for name, found in _ACTIVATIONS.items()},
    "__operators__.getitem": (("tensor", "slice_spec"), _get_item),
    "math.softplus": (("features",), _activation("Softplus")),
    "nn.sigmoid": (_X, _simple("Sigmoid")),
    "nn.tanh": (_X, _simple("Tanh")),
    "nn.softmax": (("logits", "axis"), _softmax),
    "nn.leaky_relu": (("features", "alpha"), _leaky_relu),
    "nn.gelu": (("features", "approximate"), _gelu),
    "nn.silu": (("features", "beta"), _silu),
    "cast": (("x", "dtype"), _cast),
    "clip_by_value": (("t", "clip_value_min", "clip_value_max"), _clip),
    "concat": (("values", "axis"), _concat),
    "expand_dims": (("input", "axis"), _expand),
    "identity": (_X, _simple("StopGradient")),  # which is the identity outside training
    "image.resize": (("images", "size", "method", "preserve_aspect_ratio", "antialias"), _resize),
    "linalg.matmul": (("a", "b", *_TRANSPOSES), _matmul),
    "pad": (("tensor", "paddings", "mode", "constant_values"), _pad),
    "reshape": (("tensor", "shape"), _reshape),
    "squeeze": (("input", "axis"), _squeeze),
    "stack": (("values", "axis"), _stack),
    "tile": (("input", "multiples"), _tile),
    "transpose": (("a", "perm", "conjugate"), _transpose),
}

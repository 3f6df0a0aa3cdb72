"""What stands for TensorFlow while a user's file is run and traced: `tf.keras` is Keras, and functions that layers use are those of keras.ops.

A function has TensorFlow's name and order of parameters. Anything else may be mentioned; it is refused when it is called, by its name, with what to
write in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from webdnn.graph.errors import UnsupportedError

Function = Callable[..., Any]


class TensorFlow(ModuleType):
    """The module `tensorflow`, or one inside it, such as `tensorflow.math`."""

    def __init__(self, keras: Any, path: str = "") -> None:
        super().__init__(f"tensorflow.{path}" if path else "tensorflow")
        self.__path__: list[str] = []
        self._keras, self._at = keras, path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._keras if name == "keras" else found_at(self._keras, f"{self._at}.{name}" if self._at else name)


def found_at(keras: Any, path: str) -> Any:
    """What stands for tf.<path>."""
    path = _plain_path(path)
    known = functions(keras)
    for name in (path, path.removeprefix("math."), path.removeprefix("linalg.")):
        if name in known:
            return known[name]
    if path in _DTYPES:
        return path
    return _Unknown(keras, path)


class _Unknown:
    """Something of TensorFlow that has no stand-in. What only sets TensorFlow up may be called, and does nothing."""

    def __init__(self, keras: Any, path: str) -> None:
        self._keras, self._at = keras, path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return found_at(self._keras, f"{self._at}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        if self._at.startswith(_SETTING_UP):
            return self
        raise UnsupportedError(f"it calls tf.{self._at}; {advice(self._keras, self._at)}")


def advice(keras: Any, path: str) -> str:
    """What to write in place of a function of TensorFlow, torch, JAX or NumPy, by the path behind the framework's name."""
    if path.startswith("random."):
        return "outside training a layer must give the same answer each time, so it can draw no random numbers"
    name = path.split(".")[-1]
    name = _IN_KERAS.get(name, name.removeprefix("reduce_"))
    found = next((home for home in ("ops", "ops.image", "ops.linalg") if hasattr(_at(keras, home), name)), None)
    if found is None:
        return "write it with functions of keras.ops, or as a layer of Keras"
    return f"write keras.{found}.{name} in its place"


def _at(keras: Any, path: str) -> Any:
    for name in path.split("."):
        keras = getattr(keras, name)
    return keras


def functions(keras: Any) -> Mapping[str, Any]:
    """TensorFlow's functions by their paths."""
    ops = keras.ops

    def same(name: str) -> Function:
        def function(*arguments: Any, name: Any = None, **keywords: Any) -> Any:
            return getattr(ops, named)(*arguments, **keywords)

        named = name
        return function

    return {
        **{name: same(name) for name in _SAME},
        **{old: same(new) for old, new in _RENAMED.items()},
        **{f"reduce_{name}": _reduction(ops, name) for name in _REDUCTIONS},
        **_others(keras),
    }


def _reduction(ops: Any, name: str) -> Function:
    def reduction(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None) -> Any:
        return getattr(ops, which)(input_tensor, axis=axis, keepdims=bool(keepdims))

    which = name
    return reduction


def _others(keras: Any) -> dict[str, Any]:
    ops = keras.ops

    def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: Any = None) -> Any:
        a = ops.swapaxes(a, -1, -2) if transpose_a else a
        return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)

    def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
        found = ops.convert_to_tensor(value, dtype=dtype)
        return found if shape is None else ops.broadcast_to(found, shape)

    def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None) -> Any:
        options = {"constant_values": constant_values} if mode.lower() == "constant" else {}
        return ops.pad(tensor, [tuple(pair) for pair in paddings], mode=mode.lower(), **options)

    def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None) -> Any:
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))

    def resize(images: Any, size: Any, method: str = "bilinear", **options: Any) -> Any:
        chosen = {name: value for name, value in options.items() if value}
        if chosen or method not in ("bilinear", "nearest"):
            raise UnsupportedError(
                f"it calls tf.image.resize with method={method!r}, {chosen}; use keras.ops.image.resize"
            )
        return ops.image.resize(images, size, interpolation=method, data_format="channels_last")

    def bias_add(value: Any, bias: Any, data_format: str | None = None, name: Any = None) -> Any:
        if (data_format or "N").startswith("NC"):
            bias = ops.reshape(bias, [1, -1] + [1] * (len(value.shape) - 2))
        return value + bias

    def where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Any:
        if x is None:
            raise UnsupportedError("it calls tf.where without values: how many places it finds depends on the input")
        return ops.where(condition, x, y)

    def gather(params: Any, indices: Any, axis: int = 0, batch_dims: int = 0, name: Any = None) -> Any:
        if batch_dims:
            raise UnsupportedError("it calls tf.gather with batch_dims; use keras.ops.take_along_axis")
        return ops.take(params, indices, axis=axis)

    def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None) -> Any:
        sizes = num_or_size_splits
        places = sizes if isinstance(sizes, int) else [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
        return ops.split(value, places, axis=axis)

    def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = None) -> Any:
        return ops.arange(start, limit, delta, dtype=dtype)

    def function(*arguments: Any, **_: Any) -> Any:
        """tf.function, with and without arguments, leaves the function as it is."""
        return arguments[0] if arguments and callable(arguments[0]) else lambda wrapped: wrapped

    return {
        "argmax": lambda input, axis=0, output_type=None, name=None: ops.argmax(input, axis=axis),
        "argmin": lambda input, axis=0, output_type=None, name=None: ops.argmin(input, axis=axis),
        "clip_by_value": lambda t, clip_value_min, clip_value_max, name=None: ops.clip(
            t, clip_value_min, clip_value_max
        ),
        "concat": lambda values, axis, name=None: ops.concatenate(values, axis=axis),
        "constant": constant,
        "expand_dims": lambda input, axis, name=None: ops.expand_dims(input, axis),
        "fill": lambda dims, value, name=None: ops.full(dims, value),
        "function": function,
        "gather": gather,
        "identity": lambda input, name=None: input,
        "image.resize": resize,
        "linalg.matmul": matmul,
        "matmul": matmul,
        "nn.bias_add": bias_add,
        "nn.gelu": lambda features, approximate=False, name=None: ops.gelu(features, approximate=approximate),
        "nn.l2_normalize": l2_normalize,
        "nn.leaky_relu": lambda features, alpha=0.2, name=None: ops.leaky_relu(features, negative_slope=alpha),
        "nn.softmax": lambda logits, axis=-1, name=None: ops.softmax(logits, axis=-1 if axis is None else axis),
        "nn.swish": lambda features, beta=1.0: features * ops.sigmoid(beta * features),
        "nn.silu": lambda features, beta=1.0: features * ops.sigmoid(beta * features),
        "math.l2_normalize": l2_normalize,
        "rank": lambda input, name=None: len(input.shape),
        "ones": lambda shape, dtype="float32", name=None: ops.ones(shape, dtype=dtype),
        "one_hot": lambda indices, depth, axis=-1, dtype="float32", name=None: ops.one_hot(
            indices, depth, axis=axis, dtype=dtype
        ),
        "pad": pad,
        "range": range_,
        "shape": lambda input, out_type=None, name=None: ops.shape(input),
        "split": split,
        "stack": lambda values, axis=0, name=None: ops.stack(values, axis=axis),
        "tile": lambda input, multiples, name=None: ops.tile(input, multiples),
        "transpose": lambda a, perm=None, conjugate=False, name=None: ops.transpose(a, perm),
        "unstack": lambda value, num=None, axis=0, name=None: ops.unstack(value, num, axis),
        "Variable": lambda initial_value, trainable=True, name=None, dtype=None: keras.Variable(
            initial_value() if callable(initial_value) else initial_value, trainable=trainable, dtype=dtype
        ),
        "TensorShape": TensorShape,
        "where": where,
        "zeros": lambda shape, dtype="float32", name=None: ops.zeros(shape, dtype=dtype),
    }


class TensorShape(tuple):
    """A shape, with the methods that TensorFlow's has."""

    def as_list(self) -> list[int | None]:
        return list(self)

    @property
    def rank(self) -> int:
        return len(self)

    ndims = rank


def _plain_path(path: str) -> str:
    """Without the names of TensorFlow 1."""
    return path.removeprefix("compat.v1.").removeprefix("python.")


_DTYPES = ("bool", "float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16")
_SETTING_UP = (
    *("autograph", "config", "get_logger", "logging", "random.set_seed", "set_random_seed", "enable_eager_execution"),
    *("disable_eager_execution", "disable_v2_behavior", "enable_v2_behavior"),
)
_REDUCTIONS = ("all", "any", "logsumexp", "max", "mean", "min", "prod", "sum")
_SAME = """
abs add broadcast_to cast ceil cos cosh cumprod cumsum divide einsum equal erf exp expm1 eye floor greater greater_equal isfinite isinf isnan less
less_equal log log1p logical_and logical_not logical_or maximum minimum multiply negative not_equal ones_like reciprocal repeat reshape round
rsqrt sigmoid sign sin sinh sqrt square squeeze subtract tan tanh tensordot zeros_like convert_to_tensor stop_gradient top_k
""".split()
_RENAMED = {
    **{f"nn.{name}": name for name in "relu relu6 elu selu softplus softsign sigmoid tanh log_softmax".split()},
    **{"pow": "power", "truediv": "true_divide", "floormod": "mod", "mod": "mod", "floordiv": "floor_divide"},
    **{"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "reverse": "flip", "sort": "sort"},
    **{"math.softplus": "softplus", "softplus": "softplus", "linspace": "linspace", "meshgrid": "meshgrid"},
    **{"roll": "roll", "linalg.norm": "norm", "norm": "norm", "math.top_k": "top_k", "nn.top_k": "top_k"},
}
# Names of functions in TensorFlow and torch that differ from Keras's.
_IN_KERAS = {
    **{
        "cat": "concatenate",
        "concat": "concatenate",
        "unsqueeze": "expand_dims",
        "permute": "transpose",
        "pow": "power",
    },
    **{"clamp": "clip", "clip_by_value": "clip", "bmm": "matmul", "mm": "matmul", "view": "reshape", "gather": "take"},
    **{"asarray": "convert_to_tensor", "tensor": "convert_to_tensor", "as_tensor": "convert_to_tensor"},
    **{"constant": "convert_to_tensor", "range": "arange", "fill": "full", "reverse": "flip", "acos": "arccos"},
    **{"asin": "arcsin", "atan": "arctan", "floormod": "mod", "tensor_scatter_nd_update": "scatter_update"},
    **{"scatter_nd": "scatter"},
}

"""`keras.backend` as Keras 1 and 2 had it, K.sum(x) and the like, on keras.ops: Keras 3 has a few of its functions left.

A function is here with the names and the order of the parameters that it had, and with its meaning where that differs from the one of keras.ops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from webdnn.graph.errors import UnsupportedError

Function = Callable[..., Any]


def old_functions(keras: Any) -> dict[str, Function]:
    """The functions of K by their names."""
    ops = keras.ops
    return {
        **{name: _from(ops, name) for name in _SAME},
        **{old: _from(ops, new) for old, new in _RENAMED.items()},
        **{name: _reduction(ops, name) for name in _REDUCTIONS},
        **_constants(keras),
        **_elementwise(keras),
        **_shapes(keras),
        **_products(keras),
        **_of_phase(),
        **{name: _refused(name) for name in _REFUSED},
    }


def _from(ops: Any, name: str) -> Function:
    """The function of keras.ops that has that name when it is called."""

    def function(*arguments: Any, **keywords: Any) -> Any:
        return getattr(ops, name)(*arguments, **keywords)

    return function


def _reduction(ops: Any, name: str) -> Function:
    def reduction(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if name in ("all", "any"):
            x = ops.cast(x, "bool")
        elif _is_truth(x) and name in ("mean", "std", "var"):
            x = ops.cast(x, "float32")
        return getattr(ops, name)(x, axis=axis, keepdims=keepdims)

    return reduction


def _is_truth(x: Any) -> bool:
    return str(getattr(x, "dtype", "")) == "bool"


def _constants(keras: Any) -> dict[str, Function]:
    ops = keras.ops

    def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
        """Trainable, so that a layer that keeps it has it among its weights."""
        return keras.Variable(ops.convert_to_tensor(value), dtype=dtype or keras.config.floatx(), name=name)

    def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
        array = np.asarray(value, dtype or keras.config.floatx())
        return ops.convert_to_tensor(array if shape is None else np.broadcast_to(array, shape))

    def filled(make: str) -> Function:
        return lambda shape, dtype=None, name=None: getattr(ops, make)(shape, dtype or keras.config.floatx())

    def filled_like(make: str) -> Function:
        return lambda x, dtype=None, name=None: getattr(ops, make)(x, dtype=dtype)

    def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
        return ops.arange(start, stop, step, dtype=dtype)

    return {
        "arange": arange,
        "cast_to_floatx": lambda x: ops.cast(x, keras.config.floatx()),
        "constant": constant,
        "eye": lambda size, dtype=None, name=None: ops.eye(size, dtype=dtype or keras.config.floatx()),
        "eval": lambda x: ops.convert_to_numpy(x),
        "get_value": lambda x: ops.convert_to_numpy(x),
        "ones": filled("ones"),
        "ones_like": filled_like("ones_like"),
        "variable": variable,
        "zeros": filled("zeros"),
        "zeros_like": filled_like("zeros_like"),
    }


def _elementwise(keras: Any) -> dict[str, Function]:
    ops = keras.ops

    def relu(x: Any, alpha: Any = 0.0, max_value: Any = None, threshold: Any = 0.0, negative_slope: Any = None) -> Any:
        slope = alpha if negative_slope is None else negative_slope
        return keras.activations.relu(x, negative_slope=slope, max_value=max_value, threshold=threshold)

    def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
        """Either may be a function without arguments. A condition of fewer axes counts for all elements behind them."""
        chosen, other = (x() if callable(x) else x for x in (then_expression, else_expression))
        missing = len(ops.shape(chosen)) - len(ops.shape(condition))
        for _ in range(max(missing, 0) if len(ops.shape(condition)) else 0):
            condition = ops.expand_dims(condition, -1)
        return ops.where(condition, chosen, other)

    def clip(x: Any, min_value: Any = None, max_value: Any = None) -> Any:
        low = -np.inf if min_value is None else min_value
        high = np.inf if max_value is None else max_value
        return ops.clip(x, low, max(low, high))

    def softmax(x: Any, axis: int = -1) -> Any:
        return ops.softmax(x, axis=axis)

    def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))

    def batch_normalization(
        x: Any, mean: Any, var: Any, beta: Any = None, gamma: Any = None, axis: int = -1, epsilon: float = 1e-3
    ) -> Any:
        """The statistics may have the shape of one axis, or that of x with ones."""
        rank = len(x.shape)
        shape = [-1 if i == axis % rank else 1 for i in range(rank)]
        mean, var, beta, gamma = (
            ops.reshape(y, shape) if y is not None and len(ops.shape(y)) == 1 else y for y in (mean, var, beta, gamma)
        )
        y = (x - mean) * ops.rsqrt(var + epsilon)
        y = y if gamma is None else y * gamma
        return y if beta is None else y + beta

    return {
        "batch_normalization": batch_normalization,
        "clip": clip,
        "elu": lambda x, alpha=1.0: ops.elu(x, alpha=alpha),
        "hard_sigmoid": lambda x: ops.clip(0.2 * x + 0.5, 0.0, 1.0),
        "identity": lambda x, name=None: ops.identity(x) if not hasattr(x, "shape") else x,
        "l2_normalize": l2_normalize,
        "pow": lambda x, a: ops.power(x, a),
        "print_tensor": lambda x, message="": x,
        "relu": relu,
        "softmax": softmax,
        "switch": switch,
    }


def _shapes(keras: Any) -> dict[str, Function]:
    ops = keras.ops

    def int_shape(x: Any) -> tuple[int | None, ...]:
        """With None for sizes that are open."""
        return tuple(x.shape)

    def flatten(x: Any) -> Any:
        return ops.reshape(x, (-1,))

    def batch_flatten(x: Any) -> Any:
        return ops.reshape(x, (ops.shape(x)[0], int(np.prod(x.shape[1:]))))

    def repeat(x: Any, n: int) -> Any:
        """(N, C) → (N, n, C)."""
        return ops.repeat(ops.expand_dims(x, 1), n, axis=1)

    def padded(x: Any, padding: Sequence[Any], data_format: str | None) -> Any:
        first = (data_format or keras.config.image_data_format()) == "channels_first"
        width = [(0, 0), (0, 0), *padding] if first else [(0, 0), *padding, (0, 0)]
        return ops.pad(x, [tuple(pair) for pair in width])

    def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
        return padded(x, padding, data_format)

    def resize_images(
        x: Any, height_factor: int, width_factor: int, data_format: str | None = None, interpolation: str = "nearest"
    ) -> Any:
        data_format = data_format or keras.config.image_data_format()
        size = (height_factor, width_factor)
        return keras.layers.UpSampling2D(size, data_format=data_format, interpolation=interpolation)(x)

    def concatenate(tensors: Any, axis: int = -1) -> Any:
        return ops.concatenate(tensors, axis=axis)

    return {
        "argmax": lambda x, axis=-1: ops.argmax(x, axis=axis),
        "argmin": lambda x, axis=-1: ops.argmin(x, axis=axis),
        "batch_flatten": batch_flatten,
        "concatenate": concatenate,
        "count_params": lambda x: int(np.prod(x.shape)),
        "cumprod": lambda x, axis=0: ops.cumprod(x, axis=axis),
        "cumsum": lambda x, axis=0: ops.cumsum(x, axis=axis),
        "dtype": lambda x: keras.backend.standardize_dtype(x.dtype),
        "expand_dims": lambda x, axis=-1: ops.expand_dims(x, axis),
        "flatten": flatten,
        "gather": lambda reference, indices: ops.take(reference, indices, axis=0),
        "int_shape": int_shape,
        "ndim": lambda x: len(x.shape),
        "one_hot": lambda indices, num_classes: ops.one_hot(indices, num_classes),
        "permute_dimensions": lambda x, pattern: ops.transpose(x, pattern),
        "repeat": repeat,
        "repeat_elements": lambda x, rep, axis: ops.repeat(x, rep, axis=axis),
        "resize_images": resize_images,
        "reverse": lambda x, axes: ops.flip(x, axes),
        "slice": lambda x, start, size: ops.slice(x, start, size),
        "spatial_2d_padding": spatial_2d_padding,
        "squeeze": lambda x, axis: ops.squeeze(x, axis),
        "stack": lambda x, axis=0: ops.stack(x, axis=axis),
        "temporal_padding": lambda x, padding=(1, 1): ops.pad(x, [(0, 0), tuple(padding), (0, 0)]),
        "tile": lambda x, n: ops.tile(x, n),
        "transpose": lambda x: ops.transpose(x),
    }


def _products(keras: Any) -> dict[str, Function]:
    ops = keras.ops

    def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
        """For each element of the batch, the sum of products over one axis of each; by default the last of x and the last but one of y."""
        x_rank, y_rank = len(x.shape), len(y.shape)
        if axes is None:
            axes = (x_rank - 1, y_rank - 2 if y_rank > 2 else y_rank - 1)
        left, right = (axes, axes) if isinstance(axes, int) else tuple(axes)
        left, right = left % x_rank, right % y_rank
        letters = "abcdefghijklmnopqrst"
        of_x = letters[:x_rank]
        of_y = [letters[0], *letters[x_rank : x_rank + y_rank - 1]]
        of_y[right] = of_x[left]
        kept = [c for c in of_x if c != of_x[left]] + [c for c in of_y[1:] if c != of_x[left]]
        result = ops.einsum(f"{of_x},{''.join(of_y)}->{''.join(kept)}", x, y)
        return ops.expand_dims(result, -1) if len(kept) == 1 else result

    def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
        rank = len(x.shape)
        first = (data_format or keras.config.image_data_format()) == "channels_first" and rank > 2
        if len(ops.shape(bias)) == 1 and first:
            bias = ops.reshape(bias, [1, -1] + [1] * (rank - 2))
        elif len(ops.shape(bias)) > 1:
            axes = list(range(len(ops.shape(bias))))
            bias = ops.expand_dims(ops.transpose(bias, [axes[-1], *axes[:-1]]) if first else bias, 0)
        return x + bias

    def conv(rank: int) -> Function:
        def convolution(
            x: Any,
            kernel: Any,
            strides: Any = 1,
            padding: str = "valid",
            data_format: str | None = None,
            dilation_rate: Any = 1,
        ) -> Any:
            if padding == "causal":
                padding, x = "valid", _causal(ops, x, kernel, dilation_rate)
            options = {"padding": padding, "data_format": data_format, "dilation_rate": dilation_rate}
            if len(x.shape) != rank + 2:
                raise UnsupportedError(f"K.conv{rank}d of a tensor with {len(x.shape)} axes")
            return ops.conv(x, kernel, strides=strides, **options)

        return convolution

    def depthwise_conv2d(
        x: Any,
        depthwise_kernel: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
    ) -> Any:
        return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)

    def pool2d(
        x: Any,
        pool_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        pool_mode: str = "max",
    ) -> Any:
        pool = {"max": ops.max_pool, "avg": ops.average_pool}[pool_mode]
        return pool(x, pool_size, strides, padding, data_format)

    return {
        "batch_dot": batch_dot,
        "bias_add": bias_add,
        "conv1d": conv(1),
        "conv2d": conv(2),
        "conv3d": conv(3),
        "depthwise_conv2d": depthwise_conv2d,
        "dot": lambda x, y: ops.dot(x, y),
        "pool2d": pool2d,
    }


def _causal(ops: Any, x: Any, kernel: Any, dilation: Any) -> Any:
    """x (N, T, C) with so many steps of zeros before it that each result depends on no later step."""
    step = dilation[0] if isinstance(dilation, (list, tuple)) else dilation
    return ops.pad(x, [(0, 0), (step * (kernel.shape[0] - 1), 0), (0, 0)])


def _of_phase() -> dict[str, Function]:
    """What is converted is what a model computes outside training."""

    def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
        return x() if callable(x) else x

    def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
        if training not in (None, 0, False):
            alt = x
        return alt() if callable(alt) else alt

    return {
        "in_test_phase": in_test_phase,
        "in_train_phase": in_train_phase,
        "learning_phase": lambda: 0,
        "set_learning_phase": lambda value: None,
    }


def _refused(name: str) -> Function:
    def refuse(*_: Any, **__: Any) -> Any:
        raise UnsupportedError(f"it calls K.{name}, {_REFUSED[name]}")

    return refuse


_SAME = """
abs cast cos equal exp greater greater_equal less less_equal log logsumexp maximum minimum not_equal reshape round shape sigmoid sign sin softplus
softsign sqrt square stop_gradient tanh
""".split()
_RENAMED = {"map_fn": "map"}
_REDUCTIONS = ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var")
_RANDOM = "which draws random numbers: outside training a layer must give the same answer each time"
_CHANGES = "which changes a variable: a converted model keeps none from one run to the next"
_TRAINING = "which serves training alone"
_REFUSED = {
    **dict.fromkeys(
        ("random_bernoulli", "random_binomial", "random_normal", "random_uniform", "truncated_normal"), _RANDOM
    ),
    **dict.fromkeys(("dropout",), f"{_RANDOM}; use keras.layers.Dropout, which does nothing then"),
    **dict.fromkeys(("moving_average_update", "set_value", "update", "update_add", "update_sub"), _CHANGES),
    **dict.fromkeys(("function", "gradients"), _TRAINING),
}

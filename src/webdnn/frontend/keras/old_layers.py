"""Layers as Keras 1, Keras 2 and tf.keras wrote them, as the tables of what each class calls otherwise today.

A rewrite takes the configuration of a layer, a copy, and gives the class and configuration of today. It raises UnsupportedError with a bare
reason for a setting that has no equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from webdnn.graph.errors import UnsupportedError

Config = dict[str, Any]
Rewrite = Callable[[Config], tuple[str, Config]]

# No initializer, regularizer or constraint takes part in an answer: the file's weights replace what was drawn.
UNUSED_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_init")
# Of every layer: the shape of a Sequential's input stands in its InputLayer; the others say nothing that today's Keras knows.
UNUSED = ("batch_input_shape", "input_dtype", "init", "inner_init", "activity_regularizer", "shared_object_id")

_SPATIAL_DROPOUT = {"noise_shape": None, "data_format": None, "trainable": None}
_CONVOLUTION_1 = {
    "W_regularizer": None,
    "b_regularizer": None,
    "W_constraint": None,
    "b_constraint": None,
    "weights": None,
}
_RECURRENT = {
    **_CONVOLUTION_1,
    "input_dim": None,
    "input_length": None,
    "U_regularizer": None,
    "consume_less": None,
} | {
    "time_major": False,
    "implementation": None,  # how it is computed, not what
    "forget_bias_init": None,
}
# What is dropped where it says nothing: its value there, or None for whatever it says.
OBSOLETE: dict[str, dict[str, Any]] = {
    "BatchNormalization": {
        **{name: None for name in ("fused", "gamma_regularizer", "beta_regularizer", "weights")},
        **{
            "mode": 0,
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": None,
            "virtual_batch_size": 0,
            "adjustment": 0,
        },
    },
    "Conv1D": {**_CONVOLUTION_1, "input_dim": None, "input_length": None},
    "Conv2D": _CONVOLUTION_1,
    "Conv2DTranspose": {**_CONVOLUTION_1, "groups": 1},
    "Conv3D": _CONVOLUTION_1,
    "Conv3DTranspose": {"groups": 1},
    "Conv1DTranspose": {"groups": 1},
    "Dense": {**_CONVOLUTION_1, "input_dim": None, "input_length": None},
    "DepthwiseConv1D": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1, "filters": None},
    "PReLU": {"weights": None},
    **{name: _RECURRENT for name in ("GRU", "LSTM", "RNN", "SimpleRNN", "ConvLSTM2D", "Bidirectional")},
    "SeparableConv1D": {"groups": 1},
    "SeparableConv2D": {**_CONVOLUTION_1, "groups": 1, "depthwise_regularizer": None, "pointwise_regularizer": None},
    "SpatialDropout1D": _SPATIAL_DROPOUT,
    "SpatialDropout2D": _SPATIAL_DROPOUT,
    "SpatialDropout3D": _SPATIAL_DROPOUT,
}
RENAMED_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "GroupedQueryAttention": "GroupQueryAttention",  # which Keras 3 writes into HDF5 files and does not read again
    "TimeDistributedDense": "Dense",  # a Dense works on the last axis of any number
}
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D")
_POOLING_1 = {"border_mode": "padding", "pool_length": "pool_size", "stride": "strides"}
_CONVOLUTION_1_ARGUMENTS = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
}
_RECURRENT_1_ARGUMENTS = {
    "output_dim": "units",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
RENAMED_ARGUMENTS: dict[str, dict[str, str]] = {
    **{name: _CONVOLUTION_1_ARGUMENTS for name in _CONVOLUTIONS},
    **{f"{kind}Pooling{axes}D": _POOLING_1 for kind in ("Max", "Average") for axes in (1, 2, 3)},
    **{name: {"p": "rate"} for name in ("AlphaDropout", "Dropout", "GaussianDropout")},
    **{f"SpatialDropout{axes}D": {"p": "rate"} for axes in (1, 2, 3)},
    "Dense": {"output_dim": "units", "bias": "use_bias"},
    **{name: _RECURRENT_1_ARGUMENTS for name in ("GRU", "LSTM", "SimpleRNN")},
    "ConvLSTM2D": {**_CONVOLUTION_1_ARGUMENTS, **_RECURRENT_1_ARGUMENTS},
    "GaussianNoise": {"sigma": "stddev"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "UpSampling1D": {"length": "size"},
}
_ONE_AXIS = (
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "UnitNormalization",
    "Softmax",
    "Concatenate",
)
_KERNEL_AXES = ("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3")
_ORDERS = {"tf": "channels_last", "th": "channels_first", "default": None}
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot"}


def rewrite(class_name: str, config: Mapping[str, Any]) -> tuple[str, Config]:
    """The class and configuration of today of a layer of any version. Raises UnsupportedError for a setting that has no equal."""
    name = RENAMED_CLASSES.get(class_name, class_name)
    kept = {
        key: _plain(value) for key, value in config.items() if key not in UNUSED and not key.endswith(UNUSED_ENDINGS)
    }
    kept = _keras_1_sizes(name, kept)
    for old, new in RENAMED_ARGUMENTS.get(name, {}).items():
        if old in kept:
            kept.setdefault(new, kept[old])
            del kept[old]
    for key, nothing in OBSOLETE.get(name, {}).items():
        said = kept.pop(key, None)
        if nothing is not None and said not in (None, nothing):
            raise UnsupportedError(f"{key} {said!r} of Keras 1 or 2; today's {name} has no such setting")
    if name in _ONE_AXIS and isinstance(kept.get("axis"), list) and len(kept["axis"]) == 1:
        (kept["axis"],) = kept["axis"]
    if "dtype" in kept:
        kept["dtype"] = _dtype(kept["dtype"])
    return REWRITES[name](kept) if name in REWRITES else (name, kept)


def _plain(value: Any) -> Any:
    """A number that was an array of NumPy stands as {"type": "ndarray", "value": 0.3} in files of Keras 1 and 2."""
    return value["value"] if isinstance(value, Mapping) and set(value) == {"type", "value"} else value


def _dtype(dtype: Any) -> Any:
    """A policy of types is its name: {"class_name": "Policy", "config": {"name": "float32"}} and relatives."""
    if isinstance(dtype, Mapping) and str(dtype.get("class_name", "")).endswith(("Policy", "PolicyV1")):
        inner = dtype.get("config")
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            return inner["name"]
    return dtype


def _keras_1_sizes(name: str, config: Config) -> Config:
    """Kernel sizes of one argument each, and the order of axes."""
    for axes in _KERNEL_AXES:
        if name in _CONVOLUTIONS and all(axis in config for axis in axes):
            config["kernel_size"] = [config.pop(axis) for axis in axes]
    if "dim_ordering" in config:
        order = config.pop("dim_ordering")
        if order not in _ORDERS:
            raise UnsupportedError(f"dim_ordering {order!r}; it is 'tf' or 'th'")
        if not name.startswith("SpatialDropout"):
            config["data_format"] = _ORDERS[order]
    if config.get("border_mode") == "full":
        raise UnsupportedError("border_mode 'full'; 'valid' and 'same' are supported")
    return config


def _input_layer(config: Config) -> tuple[str, Config]:
    return "InputLayer", {
        key: value for key, value in config.items() if key not in ("optional", "ragged", "sparse") or value
    }


def _thresholded_relu(config: Config) -> tuple[str, Config]:
    """x where x > θ, else 0: a ReLU has x where x ≥ its threshold, which is the next larger float32."""
    theta = np.float32(config.pop("theta", 1.0))
    return "ReLU", {**config, "threshold": float(np.nextafter(theta, np.float32(math.inf)))}


def _lambda(config: Config) -> tuple[str, Config]:
    """A function by its name, or code: [code, defaults, closure]."""
    kept = {
        key: config[key]
        for key in ("name", "trainable", "dtype", "function", "output_shape", "mask", "arguments")
        if key in config
    }
    for key in ("function", "output_shape"):
        kind = config.get(f"{key}_type", "raw" if key == "output_shape" else "lambda")
        value = kept.get(key)
        if isinstance(value, str):
            kept[key] = {"class_name": "function", "module": "builtins", "config": value, "registered_name": value}
        elif kind == "lambda" and isinstance(value, list) and len(value) == 3:
            kept[key] = {
                "class_name": "__lambda__",
                "config": dict(zip(("code", "defaults", "closure"), value, strict=True)),
            }
    return "Lambda", {key: value for key, value in kept.items() if value is not None}


def _merge(config: Config) -> tuple[str, Config]:
    """Keras 1's layer of all merges."""
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw" or mode not in _MERGES:
        raise UnsupportedError(
            f"merges by {mode if isinstance(mode, str) else 'a function'!r}; {', '.join(_MERGES)} can be converted"
        )
    if config.get("layers"):
        raise UnsupportedError(
            "merges models inside a Sequential model; load it with Keras 2 and save it as a functional model"
        )
    extra = {"concat": {"axis": config.get("concat_axis", -1)}, "dot": {"axes": config.get("dot_axes", -1)}}
    return _MERGES[mode], {"name": config["name"], **extra.get(mode, {})}


def _padding_2d(name: str) -> Rewrite:
    """Keras 1 also had {"top_pad": 1, "bottom_pad": 0, …}."""

    def padded(config: Config) -> tuple[str, Config]:
        padding = config.get("padding")
        if isinstance(padding, Mapping):
            pairs = (("top_pad", "bottom_pad"), ("left_pad", "right_pad"))
            config["padding"] = [[padding.get(key, 0) for key in pair] for pair in pairs]
        elif isinstance(padding, list) and len(padding) == 4:
            config["padding"] = [padding[:2], padding[2:]]
        return name, config

    return padded


def _gru(config: Config) -> tuple[str, Config]:
    """Keras 1 and the first of Keras 2 knew no reset_after, and had it off; today's default is on."""
    return "GRU", {"reset_after": False, **config}


def _of_cudnn(name: str) -> Rewrite:
    """Layers of cuDNN had fixed activations, and their GRU the reset gate behind the product."""

    def rewritten(config: Config) -> tuple[str, Config]:
        config = {key: value for key, value in config.items() if key not in _RECURRENT}
        return name, {**config, **({"reset_after": True} if name == "GRU" else {})}

    return rewritten


REWRITES: dict[str, Rewrite] = {
    "CuDNNGRU": _of_cudnn("GRU"),
    "CuDNNLSTM": _of_cudnn("LSTM"),
    "GRU": _gru,
    "InputLayer": _input_layer,
    "Lambda": _lambda,
    "Merge": _merge,
    "ThresholdedReLU": _thresholded_relu,
    "ZeroPadding2D": _padding_2d("ZeroPadding2D"),
}

"""The table of what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# For each module of page/, the addresses of what it runs: modules, and for TensorFlow.js, in this order, scripts.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "webdnn": ("{dist}/webdnn.mjs",),
    "litert": ("/litert/dist/index.js", "/litert-utils/index.js"),
    "onnxruntime": ("/onnxruntime/ort.wasm.bundle.min.mjs",),
    "tfjs": (
        "/tfjs/core/tf-core.es2017.min.js",
        "/tfjs/converter/tf-converter.es2017.min.js",
        "/tfjs/wasm/tf-backend-wasm.es2017.min.js",
    ),
}


@dataclass(frozen=True)
class Runtime:
    """A module of page/, what it loads (a Descriptor or a format of models.EXPORTS), and options for its `load`."""

    module: str
    label: str
    form: str
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


# On the command line → what it is.
RUNTIMES: dict[str, Runtime] = {
    "webdnn": Runtime("webdnn", "WebDNN", "descriptor"),
    "webdnn-2": Runtime("webdnn", "WebDNN", "descriptor", 2),
    "webdnn-simd": Runtime("webdnn", "WebDNN, SIMD only", "descriptor", options={"variant": "simd"}),
    "webdnn-O0": Runtime("webdnn", "WebDNN, --optimize 0", "descriptor-O0"),
    "before": Runtime("webdnn", "WebDNN before", "descriptor-before", options={"dist": "/before"}),
    "before-2": Runtime("webdnn", "WebDNN before", "descriptor-before", 2, {"dist": "/before"}),
    "litert": Runtime("litert", "LiteRT.js", "tflite"),
    "litert-2": Runtime("litert", "LiteRT.js", "tflite", 2),
    "litert-simd": Runtime(
        "litert", "LiteRT.js, SIMD only", "tflite", options={"loader": "litert_wasm_compat_internal.js"}
    ),
    "tfjs": Runtime("tfjs", "TensorFlow.js", "tfjs"),
    "tfjs-2": Runtime("tfjs", "TensorFlow.js", "tfjs", 2),
    "onnxruntime": Runtime("onnxruntime", "onnxruntime-web", "onnx"),
    "onnxruntime-2": Runtime("onnxruntime", "onnxruntime-web", "onnx", 2),
}
OURS = {1: "webdnn", 2: "webdnn-2"}
"""Threads → what the others are compared with."""
BEFORE = ("before", "before-2")
DEFAULT = [name for name in RUNTIMES if name not in BEFORE]

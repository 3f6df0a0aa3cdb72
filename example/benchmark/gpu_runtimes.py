"""The table of what is measured on a GPU, and the files that each runtime needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtimes import Runtime


@dataclass(frozen=True)
class GpuRuntime(Runtime):
    """A runtime, and the modules that its page asks for first."""

    library: tuple[str, ...] = ()


_WEBDNN = ("/webdnn/webdnn.mjs",)
_LITERT = ("/litert/dist/index.js", "/litert-utils/index.js")
_ORT_WEBGPU = ("/onnxruntime/ort.webgpu.bundle.min.mjs",)
_ORT_WEBGL = ("/onnxruntime/ort.webgl.min.mjs",)

# On the command line → what it is. The first one is what the others are compared with.
GPU_RUNTIMES: dict[str, GpuRuntime] = {
    "webgpu": GpuRuntime("webdnn", "WebDNN, webgpu", "descriptor", options={"backend": "webgpu"}, library=_WEBDNN),
    "litert-webgpu": GpuRuntime(
        "litert", "LiteRT.js, webgpu", "tflite", options={"accelerator": "webgpu"}, library=_LITERT
    ),
    "onnxruntime-webgpu": GpuRuntime(
        "onnxruntime_gpu", "onnxruntime-web, webgpu", "onnx", options={"provider": "webgpu"}, library=_ORT_WEBGPU
    ),
    "onnxruntime-capture": GpuRuntime(
        "onnxruntime_gpu",
        "onnxruntime-web, webgpu, graph capture",
        "onnx",
        options={"provider": "webgpu", "capture": True},
        library=_ORT_WEBGPU,
    ),
    "webgl": GpuRuntime("webdnn", "WebDNN, webgl", "descriptor", options={"backend": "webgl"}, library=_WEBDNN),
    "onnxruntime-webgl": GpuRuntime(
        "onnxruntime_gpu", "onnxruntime-web, webgl", "onnx", options={"provider": "webgl"}, library=_ORT_WEBGL
    ),
}

# For each module of page/, what it loads: address → file in node_modules.
FILES: Mapping[str, Mapping[str, str]] = {
    "litert": {
        "litert/dist/index.js": "@litertjs/core/dist/index.js",
        "litert-utils/index.js": "@litertjs/wasm-utils/dist/index.js",
        "litert/wasm/litert_wasm_internal.js": "@litertjs/core/wasm/litert_wasm_internal.js",
        "litert/wasm/litert_wasm_internal.wasm": "@litertjs/core/wasm/litert_wasm_internal.wasm",
    },
    "onnxruntime_gpu": {
        f"onnxruntime/{name}": f"onnxruntime-web/dist/{name}"
        for name in (
            "ort.webgpu.bundle.min.mjs",
            "ort.webgl.min.mjs",
            "ort-wasm-simd-threaded.asyncify.mjs",
            "ort-wasm-simd-threaded.asyncify.wasm",
        )
    },
}

"""WebGPU: WGSL compute kernels, one GPU buffer for each memory slot."""

from webdnn.backend.webgpu.lowering import TARGET

__all__ = ["TARGET"]

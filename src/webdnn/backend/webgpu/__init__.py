"""WebGPU: WGSL compute kernels, one GPU buffer for each memory slot."""

from webdnn.backend.webgpu.target import TARGET

__all__ = ["TARGET"]

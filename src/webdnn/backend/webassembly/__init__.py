"""WebAssembly: C kernels, compiled at conversion to freestanding modules of a few dozen kB."""

from webdnn.backend.webassembly.lowering import TARGET

__all__ = ["TARGET"]

"""WebAssembly: C kernels, compiled at conversion to freestanding modules of a few dozen kB."""

from webdnn.backend.webassembly.target import TARGET

__all__ = ["TARGET"]

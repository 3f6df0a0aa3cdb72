"""The target `fallback`: kernels are functions of the runtime (webdnn_js/src/fallback), so a plan names them and gives their attributes."""

from webdnn.backend.fallback.target import TARGET

__all__ = ["TARGET"]

"""Graph to better graph: the same answers from fewer, larger ops."""

from webdnn.optimizer.passes import PASSES, optimize

__all__ = ["PASSES", "optimize"]

"""Graph to better graph: the same answers from fewer, larger ops."""

from webdnn.optimizer.passes import LAST_PASSES, PASSES, optimize

__all__ = ["LAST_PASSES", "PASSES", "optimize"]

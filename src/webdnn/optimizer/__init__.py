"""Graph to better graph: the same answers from fewer, larger ops."""

from webdnn.optimizer.passes import EXPANSION, LAST_PASSES, PASSES, optimize

__all__ = ["EXPANSION", "LAST_PASSES", "PASSES", "optimize"]

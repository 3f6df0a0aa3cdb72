"""Graph to better graph: the same answers from fewer, larger ops."""

from webdnn.optimizer.passes import ATTENTION, EXPANSION, LAST_PASSES, PASSES, optimize

__all__ = ["ATTENTION", "EXPANSION", "LAST_PASSES", "PASSES", "optimize"]

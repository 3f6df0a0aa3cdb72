"""keras.ops.ctc_decode: the labels of a sequence that was trained with connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import ArgReduce, ArgSort, GatherElements
from webdnn.graph.ops.reduction import Reduce


def lower_decode(c: Context, operation: Any, x: Value, lengths: Any) -> list[Value]:
    """x (B, T, classes), lengths (B) → labels (1, B, T), then −1, and minus the sum of the largest of each step (B, 1). The class `mask_index` is
    none, and one that repeats the step before is not counted again if `merge_repeated`."""
    if operation.strategy != "greedy":
        raise UnsupportedError(
            f"strategy {operation.strategy!r}; greedy is supported, and gives the likeliest label of each step"
        )
    _ = operation.beam_width, operation.top_paths  # of other strategies
    e = c.elementwise
    steps = known(x.shape[1], "ctc_decode")
    none = float(operation.mask_index if operation.mask_index is not None else known(x.shape[2], "classes") - 1)
    ends = tensor(c, lengths)
    is_over = e("greater_equal", c.literal(np.arange(steps)), c.reshape(ends, (ends.shape[0], 1)))
    labels = e("where", is_over, none, c.apply(ArgReduce("max", 2), x))
    scores = e("where", is_over, 0.0, c.apply(Reduce("max", (2,)), x))
    if operation.merge_repeated and steps > 1:
        repeats = e("equal", c.cut(labels, 1, 1, steps - 1), c.cut(labels, 1, 0, steps - 1))
        labels = e("where", c.frame_axis(repeats, 1, 1, 0), none, labels)
    labels = e("where", e("equal", labels, none), -1.0, labels)
    # What counts comes first: one that does not stands where the sequence ends.
    order = e("where", e("equal", labels, -1.0), float(steps), c.literal(np.arange(steps)))
    places = c.apply(ArgSort(steps), e("bitwise_not", order))
    labels = c.apply(GatherElements(), labels, places)
    total = e("neg", c.apply(Reduce("sum", (1,), True), scores))
    return [c.reshape(labels, (1, *labels.shape)), total]


OPERATIONS: dict[str, OperationLowering] = {"CTCDecode": lower_decode}

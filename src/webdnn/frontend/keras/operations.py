"""Operations of keras.ops that stand in a model's graph without a layer: `x * 2`, `keras.ops.relu(x)`, `x[:, 1:]`.

A lowering of these is a function `(context, operation, *arguments, **keywords) -> Value | Sequence[Value]`: the call's arguments with values for
tensors.
"""

from __future__ import annotations

from webdnn.frontend.keras import operation_elementwise, operation_moves, operation_products, operation_reductions
from webdnn.frontend.keras.operation_elementwise import OperationLowering

_FAMILIES = (operation_elementwise, operation_moves, operation_products, operation_reductions)
OPERATIONS: dict[str, OperationLowering] = {
    name: lower for family in _FAMILIES for name, lower in family.OPERATIONS.items()
}

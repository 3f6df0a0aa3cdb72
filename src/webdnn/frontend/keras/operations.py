"""Operations of keras.ops that stand in a model's graph without a layer: `x * 2`, `keras.ops.relu(x)`, `x[:, 1:]`.

A lowering of these is a function `(context, operation, *arguments) -> Value | Sequence[Value]`: the call's arguments in the order of Keras's
parameters, with values for tensors. An argument that it does not take or read is refused where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webdnn.frontend.keras import operation_elementwise, operation_moves, operation_products, operation_reductions
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_elementwise import OperationLowering
from webdnn.frontend.keras.reading import lowered_operation
from webdnn.graph.graph import Value

_FAMILIES = (operation_elementwise, operation_moves, operation_products, operation_reductions)
OPERATIONS: dict[str, OperationLowering] = {
    name: lower for family in _FAMILIES for name, lower in family.OPERATIONS.items()
}


def lower_operation(context: Context, node: Any, known: Mapping[int, Value | None]) -> list[Value]:
    """Values of the results of one call of an operation; `known` has the values of the tensors that it reads, by id."""
    arguments, keywords = node.arguments.fill_in(known)
    lowering = OPERATIONS[type(node.operation).__name__]
    found = lowered_operation(lowering, context, node.operation, arguments, keywords)
    return [found] if isinstance(found, Value) else list(found)

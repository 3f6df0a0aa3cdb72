"""Operations of keras.ops that stand in a model's graph without a layer: `x * 2`, `keras.ops.relu(x)`, `x[:, 1:]`.

A lowering of these is a function `(call, operation, *arguments) -> Value | Sequence[Value]`: the call's arguments in the order of Keras's
parameters, with values for tensors, tuples for lists and tuples, and Python's numbers for NumPy's. A saved model knows no other, so it is converted
like the one in memory. An argument that a lowering does not take or read is refused where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from webdnn.frontend.keras import (
    operation_attention,
    operation_elementwise,
    operation_images,
    operation_indices,
    operation_moves,
    operation_order,
    operation_products,
    operation_reductions,
    operation_truth,
)
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import Call, dtype_of, settled
from webdnn.frontend.keras.operation_elementwise import OperationLowering
from webdnn.frontend.keras.reading import lowered_operation
from webdnn.graph.graph import Value

_MOVES = (operation_indices, operation_moves)
_FAMILIES = (
    *_MOVES,
    operation_attention,
    operation_elementwise,
    operation_images,
    operation_order,
    operation_products,
    operation_reductions,
    operation_truth,
)
OPERATIONS: dict[str, OperationLowering] = {
    name: lower for family in _FAMILIES for name, lower in family.OPERATIONS.items()
}


def lower_operation(context: Context, node: Any, known: Mapping[int, Value | None]) -> list[Value]:
    """Values of the results of one call of an operation; `known` has the values of the tensors that it reads, by id."""
    operation, arguments = node.operation, node.arguments
    name = type(operation).__name__
    given = (*arguments.args, *arguments.kwargs.values())
    operands = [dtype for leaf in leaves(given) if (dtype := dtype_of(leaf)) is not None]
    call = Call.within(context, operands, node.outputs[0].dtype)
    positional, keywords = arguments.fill_in(known)
    found = lowered_operation(
        OPERATIONS[name], call, operation, [plain(x) for x in positional], {k: plain(x) for k, x in keywords.items()}
    )
    results = [found] if isinstance(found, Value) else list(found)
    moves = any(name in family.OPERATIONS for family in _MOVES)
    return [
        settled(call, name, value, tensor.dtype, moves) for value, tensor in zip(results, node.outputs, strict=True)
    ]


def leaves(arguments: Any) -> list[Any]:
    """What stands in a structure of lists and tuples."""
    if isinstance(arguments, (list, tuple)):
        return [leaf for inner in arguments for leaf in leaves(inner)]
    return [arguments]


def plain(argument: Any) -> Any:
    """An argument in the one form in which lowerings get it, whether it comes from memory or from a file, which turns tuples into lists."""
    if isinstance(argument, (list, tuple)):
        return tuple(map(plain, argument))
    if isinstance(argument, slice):
        return slice(plain(argument.start), plain(argument.stop), plain(argument.step))
    return argument.item() if isinstance(argument, np.generic) else argument

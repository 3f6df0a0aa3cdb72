"""Operations of keras.ops that stand in a model's graph without a layer: `x * 2`, `keras.ops.relu(x)`, `x[:, 1:]`.

A lowering of these is a function `(call, operation, *arguments) -> Value | Sequence[Value]`: the call's arguments in the order of Keras's
parameters, with values for tensors, tuples for lists and tuples, and Python's numbers for NumPy's. A saved model knows no other, so it is converted
like the one in memory. An argument that a lowering does not take or read is refused where it is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from webdnn.frontend.keras import (
    operation_attention,
    operation_coordinates,
    operation_ctc,
    operation_elementwise,
    operation_images,
    operation_indices,
    operation_matrices,
    operation_moves,
    operation_numbers,
    operation_order,
    operation_products,
    operation_quantiles,
    operation_ranges,
    operation_rearrange,
    operation_reductions,
    operation_segments,
    operation_special,
    operation_spectra,
    operation_truth,
)
from webdnn.frontend.keras.lengths import Length, has_lengths
from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import (
    AS_IS,
    INDEX,
    RANGES,
    WIDE,
    Call,
    actual_dtype,
    array_as,
    converted,
    dtype_of,
    graph_dtype,
    number_as,
    settled,
    takes,
    wanted,
)
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.reading import lowered_operation
from webdnn.frontend.keras.size_values import size_value
from webdnn.graph.dim import Dim, product
from webdnn.graph.graph import Value

_FAMILIES = (
    operation_attention,
    operation_coordinates,
    operation_ctc,
    operation_elementwise,
    operation_images,
    operation_indices,
    operation_matrices,
    operation_moves,
    operation_numbers,
    operation_order,
    operation_products,
    operation_quantiles,
    operation_ranges,
    operation_rearrange,
    operation_reductions,
    operation_segments,
    operation_special,
    operation_spectra,
    operation_truth,
)
OPERATIONS: dict[str, OperationLowering] = {
    name: lower for family in _FAMILIES for name, lower in family.OPERATIONS.items()
}


def lower_operation(context: Context, node: Any, known: Mapping[int, Value | None]) -> list[Value]:
    """Values of the results of one call of an operation; `known` has the values of the tensors that it reads, by id."""
    operation, given = node.operation, node.arguments
    name = type(operation).__name__
    operands, results, is_sure = dtypes(node, known)
    call = Call.within(context, operands, results[0])
    signature = inspect.signature(operation.call)
    bound = signature.bind(*given.args, **given.kwargs)
    order = list(signature.parameters)
    for parameter, argument in bound.arguments.items():
        rules = takes(name)
        rule = rules[min(order.index(parameter), len(rules) - 1)]
        bound.arguments[parameter] = taken(call, rule, argument, known)
    found = lowered_operation(OPERATIONS[name], call, operation, bound.args, bound.kwargs)
    values = [found] if isinstance(found, Value) else list(found)
    first = next(iter(node.arguments.keras_tensors), None)
    elements: Any = None if first is None else product(known[id(first)].shape) // values[0].type.elements  # type: ignore[union-attr]
    return [settled(call, name, value, dtype, elements, is_sure) for value, dtype in zip(values, results, strict=True)]


def dtypes(node: Any, known: Mapping[int, Value | None]) -> tuple[list[str], list[str], bool]:
    """Keras's dtypes of the arguments of a call that hold numbers, and of its results; whether these are what Keras computes, and not only what it
    declares. It declares for many operations the dtype of an operand that is a whole number, and gives floats, so it is asked to compute."""
    arguments = node.arguments
    actual = {id(t): actual_dtype(t, known[id(t)]) for t in arguments.keras_tensors}  # type: ignore[arg-type]
    operands = [
        dtype
        for leaf in leaves((*arguments.args, *arguments.kwargs.values()))
        if (dtype := actual.get(id(leaf)) or dtype_of(leaf)) is not None
    ]
    declared = [str(tensor.dtype) for tensor in node.outputs]
    if any(map(has_lengths, vars(node.operation).values())):
        return operands, declared, True  # It moves elements; and Keras cannot compute with symbolic sizes.
    if all(actual[id(t)] == t.dtype for t in arguments.keras_tensors) and not any(
        dtype in RANGES for dtype in operands
    ):
        return operands, declared, True
    shapes = {id(t): known[id(t)].shape for t in arguments.keras_tensors}  # type: ignore[union-attr]
    computed = computed_dtypes(node, actual, shapes)
    return operands, computed or declared_dtypes(node, actual), computed is not None


def computed_dtypes(node: Any, actual: Mapping[int, str], shapes: Mapping[int, Any]) -> list[str] | None:
    """The dtypes of what Keras computes in a call whose tensors have the `actual` dtypes and these shapes, or None where it cannot."""
    import keras
    from keras.src.backend import compute_output_spec

    tensors = node.arguments.keras_tensors

    def compute(*values: Any) -> Any:
        given = {id(t): value for t, value in zip(tensors, values, strict=True)}
        args, keywords = node.arguments.convert(lambda x: 2 if isinstance(x, Length) else given.get(id(x), x))
        return node.operation.call(*args, **keywords)

    stand_ins = [
        keras.KerasTensor([size if isinstance(size, int) else None for size in shapes[id(t)]], actual[id(t)])
        for t in tensors
    ]
    try:
        return [str(tensor.dtype) for tensor in keras.tree.flatten(compute_output_spec(compute, *stand_ins))]
    except Exception:  # Of any class that the framework has: it cannot compute this, or not with sizes that are open.
        return None


def declared_dtypes(node: Any, actual: Mapping[int, str]) -> list[str]:
    """The dtypes that Keras declares for the results of a call whose tensors have the `actual` dtypes."""
    import keras

    outputs = node.outputs
    if any(actual[id(t)] != t.dtype for t in node.arguments.keras_tensors):

        def changed(x: Any) -> Any:
            if isinstance(x, keras.KerasTensor):
                return keras.KerasTensor(x.shape, actual[id(x)])
            return 2 if isinstance(x, Length) else x  # Which number it is makes no difference to dtypes.

        again, keywords = node.arguments.convert(changed)
        outputs = keras.tree.flatten(node.operation.compute_output_spec(*again, **keywords))
    return [str(tensor.dtype) for tensor in outputs]


def taken(call: Call, rule: str, argument: Any, known: Mapping[int, Value | None]) -> Any:
    """An argument with values in place of tensors, and numbers in the dtype that `rule` says."""
    import keras

    if isinstance(argument, (list, tuple)):
        inner = leaves(argument)
        if rule not in (AS_IS, INDEX) and inner and all(isinstance(x, (bool, int, float)) for x in inner):
            return taken(call, rule, np.array(argument), known)
        return tuple(taken(call, rule, x, known) for x in argument)
    if isinstance(argument, keras.KerasTensor):
        value = known[id(argument)]
        return None if value is None else converted(call, rule, value, actual_dtype(argument, value))
    argument = plain(argument)
    if isinstance(argument, Dim) and rule not in (AS_IS, INDEX):
        return converted(call, rule, size_value(call, argument), "int")
    if rule == AS_IS or dtype_of(argument) is None:
        return argument
    if isinstance(argument, (bool, int, float)):
        return argument if rule == INDEX else taken_number(call, rule, argument)
    return taken_array(call, rule, argument)


def taken_number(call: Call, rule: str, argument: float) -> np.ndarray:
    """A Python number as an array of no axes, which says its dtype; a float keeps its digits until it is written."""
    dtype = call.result if rule == WIDE else wanted(call, rule)
    number = number_as(argument, dtype)
    return np.array(number, ("int32" if rule == WIDE else graph_dtype(dtype)) if dtype in RANGES else None)


def taken_array(call: Call, rule: str, argument: Any) -> Any:
    """A constant array or variable in the dtype that `rule` says: an array again, a literal for a single number, or else a value."""
    dtype = call.result if rule == WIDE else wanted(call, rule)
    if not hasattr(argument, "trainable"):
        array = array_as(array_of(argument), dtype)
        if array is not None:
            return array_as(array, "int32" if dtype in RANGES else "float32") if rule == WIDE else array
    return converted(call, rule, tensor(call, argument), str(dtype_of(argument)))


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
    if isinstance(argument, Length):
        return argument.size
    return argument.item() if isinstance(argument, np.generic) else argument

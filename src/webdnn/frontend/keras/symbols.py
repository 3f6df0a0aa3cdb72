"""The symbolic tensors of traced code, and what they are in the graph.

Keras knows of a symbolic tensor which sizes are open. The graph knows what they are: expressions of placeholders. So when traced code asks for a size
(`ops.shape(x)`, or `x.shape` outside of Keras), the calls that lead to that tensor are written into the graph at once, and the answer is that of the
graph: a number where it is one, else a `Length`. Operations that are given lengths are written at once, too, since Keras cannot tell their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from webdnn.frontend.keras.calls import Tensor, constant, is_array
from webdnn.frontend.keras.lengths import Length, has_lengths, is_whole, length, sizes_of
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import dtype_of
from webdnn.frontend.keras.size_tensors import as_size, sizes_in
from webdnn.frontend.keras.size_values import MAKERS, size_value
from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

Lower: TypeAlias = "Callable[[Any, dict[int, Tensor], Context], list[Tensor]]"
_NOT_OF_THIS_TRACE = "it uses a symbolic tensor that was made outside of this call; hand it to the call as an argument"
# Operations whose lowerings take sizes, in their settings or as arguments.
TAKING_SIZES = ("BroadcastTo", "Full", "GetItem", "Repeat", "Reshape", "Slice", "Tile")


class UnknownSizeError(Exception):
    """Code asked for a size of a tensor that could not be written into the graph; why is told already."""


@dataclass
class Symbols:
    """`lower` writes one call, given its node, what is known of the tensors that it reads, and the context. Traced code begins at the symbolic
    tensors `inputs`, and `known` says by their ids what symbolic tensors are in the graph."""

    lower: Lower
    context: Context
    inputs: list[Any] = field(default_factory=list)
    known: dict[int, Tensor] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)  # what `known` has the ids of

    def stand_for(self, tensor: Tensor, dtype: str | None = None) -> Any:
        """A symbolic tensor for what the graph has. It is a model's input: others may not be left unused, or returned as they are."""
        import keras

        value = tensor.value
        if value is None:
            raise UnknownSizeError
        found = keras.Input(batch_shape=_open(value.shape), dtype=dtype or value.dtype)
        self.inputs.append(found)
        self.known[id(found)] = tensor
        return found

    def made(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """What a function of keras.ops that makes a tensor of nothing but sizes gives."""
        sizes = sizes_of(self.lengths_in(arguments))
        others = {name: sizes_of(self.lengths_in(value)) for name, value in keywords.items()}
        value, dtype = MAKERS[function](self.context, *sizes, **others)
        return self.stand_for(Tensor(value), dtype)

    def symbol_of(self, x: Any) -> Any:
        """A symbolic tensor for a length, for an array, or for each number in a list that has lengths."""
        if is_whole(x):
            return self.stand_for(Tensor(size_value(self.context, sizes_of(x))))
        if is_array(x):
            return self.stand_for(Tensor(constant(x, self.context)), dtype_of(x))
        return type(x)(map(self.symbol_of, x)) if has_lengths(x) else x

    def lengths_in(self, structure: Any) -> Any:
        """A setting with the sizes that its symbolic tensors hold in their place."""
        import keras

        if isinstance(structure, keras.KerasTensor):
            held = sizes_in(self.value(structure))
            return (
                length(as_size(held[()])) if held.ndim == 0 else tuple(length(as_size(size)) for size in held.ravel())
            )
        if isinstance(structure, (list, tuple)):
            return type(structure)(map(self.lengths_in, structure))
        return structure

    def shape(self, x: Any) -> tuple[int | Length, ...]:
        """The shape of a symbolic tensor, with lengths for what is no number."""
        if all(isinstance(size, int) for size in x._shape) or not hasattr(x, "_keras_history"):
            return tuple(x._shape)
        return tuple(map(length, self.value(x).shape))

    def value(self, x: Any) -> Value:
        self.reach([x])
        value = self.known[id(x)].value
        if value is None:
            raise UnknownSizeError
        return value

    def reach(self, tensors: Sequence[Any]) -> None:
        """Writes all calls that lead to `tensors` and are not yet written."""
        stack = list(reversed(tensors))
        while stack:
            if id(stack[-1]) in self.known:
                stack.pop()
                continue
            node = _node_of(stack[-1])
            missing = [t for t in node.arguments.keras_tensors if id(t) not in self.known]
            stack += reversed(missing)
            if not missing:
                self.write(node)

    def write(self, node: Any) -> None:
        results = self.lower(node, self.known, self.context)
        self.kept.append(node)
        self.known.update({id(t): x for t, x in zip(node.outputs, results, strict=True)})

    def call(self, operation: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The symbolic result of an operation that is given lengths, or symbolic tensors in place of settings."""
        from keras.src.ops.node import Node

        if type(operation).__name__ in TAKING_SIZES:
            return self.moved(operation, arguments, keywords)
        settings = [value for value in vars(operation).values() if has_lengths(value)]
        if settings:
            raise UnsupportedError(
                f"{type(operation).__name__} with the symbolic size {settings[0]} among its settings is not supported"
            )
        outputs = operation.compute_output_spec(*_numbers(arguments), **_numbers(dict(keywords)))
        Node(operation, call_args=arguments, call_kwargs=keywords, outputs=outputs)
        return outputs

    def moved(self, operation: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The same for one that moves elements: its shape is what the graph says."""
        import keras
        from keras.src.ops.node import Node

        for name, value in list(vars(operation).items()):
            if not name.startswith("_"):
                setattr(operation, name, self.lengths_in(value))
        first = next(x for x in (*arguments, *keywords.values()) if isinstance(x, keras.KerasTensor))
        result = keras.KerasTensor((), dtype=getattr(operation, "dtype", None) or first.dtype)
        Node(operation, call_args=arguments, call_kwargs=keywords, outputs=result)
        result._shape = _open(self.value(result).shape)
        return result


def _open(shape: Sequence[Size]) -> tuple[int | None, ...]:
    """A shape as Keras has it: a symbolic size is open."""
    return tuple(size if isinstance(size, int) else None for size in shape)


def _node_of(tensor: Any) -> Any:
    """The call that gives a tensor."""
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        raise UnsupportedError(_NOT_OF_THIS_TRACE)
    node = history.operation._inbound_nodes[history.node_index]
    if node.is_input:
        raise UnsupportedError(_NOT_OF_THIS_TRACE)
    return node


def _numbers(structure: Any) -> Any:
    """A structure with 2 for each length, where only the dtype of a result depends on it."""
    import keras

    return keras.tree.map_structure(lambda x: 2 if isinstance(x, Length) else x, structure)

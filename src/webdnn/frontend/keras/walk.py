"""Walks the graph of a Keras model and writes ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from webdnn.frontend.keras.activation import unknown_activation
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import NUMBERS
from webdnn.frontend.keras.operations import lower_operation
from webdnn.frontend.keras.sizes import sizes_message
from webdnn.frontend.keras.support import INPUT, LAYERS, Trouble, class_trouble, is_operation, refuse
from webdnn.frontend.keras.tracing import call_keywords, has_own_graph, is_own, symbols, trace
from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError, ModelError, UnsupportedError
from webdnn.graph.graph import Graph, Input, Placeholder, Value, apply, collect_constraints
from webdnn.graph.types import TensorType
from webdnn.graph.verify import verify

Tensor = Any  # a KerasTensor
_DIFFERENT_IN_TRAINING = ("BatchNormalization",)


@dataclass
class Walk:
    """One conversion: what it met that it could not convert.

    A value is None where a layer before it could not be converted; layers that read it are judged by their class only, so that one run lists
    everything.
    """

    troubles: list[Trouble] = field(default_factory=list)

    def model(self, model: Any, inputs: Sequence[Value | None], context: Context) -> list[Value | None]:
        """Values of the outputs of a Functional model, keras.Function or built Sequential, on `inputs`."""
        graph = functional(model)
        known: dict[int, Value | None] = {id(t): v for t, v in zip(graph.inputs, inputs, strict=True)}
        for node in nodes_in_order(graph):
            if all(id(t) in known for t in node.outputs):
                continue  # an input
            results = self.node(node, known, context)
            known.update({id(t): v for t, v in zip(node.outputs, results, strict=True)})
        return [known[id(t)] for t in graph.outputs]

    def node(self, node: Any, known: Mapping[int, Value | None], context: Context) -> list[Value | None]:
        """Values of the outputs of one call of a layer, nested model or operation."""
        layer = node.operation
        inside = context.inside(layer.name)
        inputs = [known[id(t)] for t in node.arguments.keras_tensors]
        if has_own_graph(layer):
            return self.model(layer, inputs, inside)
        traced = is_lambda(layer) or is_own(layer)
        reason = None if traced else class_trouble(type(layer).__name__, type(layer).__module__, None)
        reason = reason or call_trouble(node, traced)
        if reason:
            self.trouble(layer, inside, reason)
        elif traced:
            return self.function(node, inputs, inside)
        if reason or any(v is None for v in inputs):
            return [None] * len(node.outputs)
        try:
            results = self.lower(node, known, inside)
            return [results] if isinstance(results, Value) else list(results)
        except (UnsupportedError, GraphError) as error:
            self.trouble(layer, inside, str(error), misfit=isinstance(error, GraphError))
            return [None] * len(node.outputs)

    def function(self, node: Any, inputs: Sequence[Value | None], context: Context) -> list[Value | None]:
        """Values of the outputs of a Lambda or subclassed layer, whose `call` is traced."""
        nothing: list[Value | None] = [None] * len(node.outputs)
        values = [v for v in inputs if v is not None]
        if len(values) < len(inputs):
            return nothing
        tensors = node.arguments.keras_tensors
        inner = symbols([v.shape for v in values], [t.dtype for t in tensors])
        arguments, keywords = node.arguments.fill_in(dict(zip(map(id, tensors), inner, strict=True)))
        layer = node.operation
        try:
            traced = trace(layer.call, inner, arguments, call_keywords(layer, keywords))
        except UnsupportedError as error:
            self.trouble(layer, context, str(error))
            return nothing
        return self.model(traced, inputs, context)

    def lower(self, node: Any, known: Mapping[int, Value | None], context: Context) -> Value | Sequence[Value]:
        layer = node.operation
        if is_operation(type(layer).__module__):
            return lower_operation(context, node, known)
        return lower_layer(layer, [v for t in node.arguments.keras_tensors if (v := known[id(t)]) is not None], context)

    def trouble(self, layer: Any, context: Context, reason: str, misfit: bool = False) -> None:
        config = layer.get_config() if type(layer).__module__.startswith("keras.") else {}
        self.troubles.append(Trouble(context.path, type(layer).__name__, reason, config, misfit))


def lower_layer(layer: Any, inputs: Sequence[Value], context: Context) -> Value:
    """One call of a layer that is in LAYERS, or of a model with one output."""
    if has_own_graph(layer) or is_own(layer):
        graph = layer
        if not has_own_graph(layer):
            inner = symbols([x.shape for x in inputs], ["float32"] * len(inputs))
            graph = trace(layer.call, inner, inner, call_keywords(layer, {}))
        walk = Walk()
        results = walk.model(graph, inputs, context)
        refuse(layer.name, walk.troubles)
        (result,) = [value for value in results if value is not None]
        return result
    name = type(layer).__name__
    if name not in LAYERS:
        raise UnsupportedError(f"{name} is not supported")
    return LAYERS[name](layer, inputs, context)


def is_lambda(layer: Any) -> bool:
    """Whether `layer` is a Lambda of Keras. One from a file gets here only if the user allowed its code."""
    import keras

    return type(layer) is keras.layers.Lambda


def functional(model: Any) -> Any:
    """The object that holds the graph: a Sequential keeps a Functional inside."""
    return getattr(model, "_functional", None) or model


def nodes_in_order(graph: Any) -> list[Any]:
    """Calls of layers, each after those that it reads."""
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def call_trouble(node: Any, traced: bool) -> str | None:
    """Why this call cannot be converted whatever its layer does, or None. What is `traced` is looked at in its parts."""
    layer, arguments = node.operation, node.arguments
    if arguments.kwargs.get("training") and (
        "seed_generator" in vars(layer) or type(layer).__name__ in _DIFFERENT_IN_TRAINING
    ):
        return "called with training=True"
    unknown = None if traced else unknown_activation(getattr(layer, "activation", None))
    if unknown:
        return f"activation {unknown!r} is not supported"
    allowed = NUMBERS if traced or is_operation(type(layer).__module__) else ("float32",)
    for tensor in [*arguments.keras_tensors, *node.outputs]:
        if tensor.dtype not in allowed:
            return f"dtype {tensor.dtype}; {' and '.join(allowed)} is supported"
    policy = getattr(layer, "dtype_policy", None)
    if policy is not None and policy.compute_dtype != "float32":
        return f"computes in {policy.compute_dtype}; float32 is supported"
    return None


def build_graph(model: Any, shapes: Sequence[tuple[Size, ...]], placeholders: Mapping[str, Placeholder]) -> Graph:
    """The graph of a model whose inputs have these shapes. Raises UnsupportedError that lists all that cannot be converted."""
    walk = Walk()
    inputs = []
    for tensor, shape in zip(functional(model).inputs, shapes, strict=True):
        if tensor.dtype != "float32":
            walk.troubles.append(Trouble(tensor.name, INPUT, f"dtype {tensor.dtype}; float32 is supported"))
        inputs.append(apply(Input(tensor.name, TensorType(shape)), origin=(tensor.name,)))
    outputs = walk.model(model, inputs, Context(lower_layer=lower_layer))
    wanted = [(tensor.name, tuple(tensor.shape)) for tensor in functional(model).inputs]
    open_sizes = any(size is None for _, shape in wanted for size in shape[1:])
    if open_sizes and walk.troubles and all(trouble.misfit for trouble in walk.troubles):
        raise ModelError(sizes_message(model, wanted, shapes, walk.troubles))
    refuse(model.name, walk.troubles)
    found = [value for value in outputs if value is not None]
    graph = Graph(tuple(inputs), tuple(found), output_names(model), placeholders=dict(placeholders), name=model.name)
    graph = replace(graph, constraints=collect_constraints(graph))
    verify(graph)
    return graph


def output_names(model: Any) -> tuple[str, ...]:
    """Keras's names of the outputs, made distinct by a number where a layer gives several."""
    names: list[str] = []
    for tensor in functional(model).outputs:
        base = name = tensor._keras_history.operation.name
        number = 1
        while name in names:
            name = f"{base}_{number}"
            number += 1
        names.append(name)
    return tuple(names)

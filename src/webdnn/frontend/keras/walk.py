"""Walks the graph of a Keras model and writes ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from webdnn.frontend.keras.calls import (
    LayerCall,
    Tensor,
    constant,
    flat,
    functional,
    is_array,
    nested_inputs,
)
from webdnn.frontend.keras.converters import Converters
from webdnn.frontend.keras.core import TRAINING_ONLY
from webdnn.frontend.keras.layer_dtypes import ENCODING, dtype_loss, inputs_as_taken
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_control import CONTROL
from webdnn.frontend.keras.operation_dtypes import FLOATS, NUMBERS, RANGES, actual_dtype, graph_dtype
from webdnn.frontend.keras.operations import lower_operation
from webdnn.frontend.keras.reading import check_names, lowered, settings
from webdnn.frontend.keras.sizes import sizes_message
from webdnn.frontend.keras.stateful import kept_states
from webdnn.frontend.keras.support import INPUT, LAYERS, TRACED, Trouble, class_trouble, is_operation, refuse
from webdnn.frontend.keras.symbols import Symbols, UnknownSizeError
from webdnn.frontend.keras.tracing import (
    Recording,
    Subclassed,
    call_keywords,
    has_own_graph,
    is_own,
    mask_of,
    set_mask,
    trace,
)
from webdnn.frontend.keras.training import training_counts, warn_of_training
from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError, ModelError, UnsupportedError
from webdnn.graph.graph import Graph, Input, Placeholder, Value, apply, collect_constraints
from webdnn.graph.types import TensorType
from webdnn.graph.verify import verify

_MAY_RETURN_INPUT = ("Cast", "ConvertToTensor")
_LOOK_AT_MASKS = ("Maximum", "Minimum", "Multiply", "SpectralNormalization")  # without a parameter for them
NOTHING = Tensor(None)


@dataclass
class Walk:
    """One conversion: what it met that it could not convert.

    A tensor's value is None where a layer before it could not be converted; layers that read it are judged by their class only, so that one run
    lists everything.
    """

    troubles: list[Trouble] = field(default_factory=list)

    def whole(self, model: Any, inputs: Sequence[Tensor], context: Context) -> tuple[list[Tensor], tuple[str, ...]]:
        """The outputs of the model to convert, and their names."""
        if not isinstance(model, Subclassed):
            return self.model(model, inputs, context), output_names(functional(model).outputs)
        symbols = self.symbols(context)
        for x, reference in zip(inputs, model.inputs, strict=True):
            symbols.stand_for(x, str(reference.dtype))
        try:
            recording = model.trace(symbols)
        except UnknownSizeError:
            return [], ()
        return self.recorded(recording, symbols), output_names(recording.outputs)

    def model(self, model: Any, inputs: Sequence[Tensor], context: Context) -> list[Tensor]:
        """The outputs of a Functional model, keras.Function or built Sequential, on `inputs`."""
        graph = functional(model)
        known = {id(t): x for t, x in zip(graph.inputs, inputs, strict=True)}
        for node in nodes_in_order(graph):
            if all(id(t) in known for t in node.outputs):
                continue  # an input
            results = self.node(node, known, context)
            known.update({id(t): x for t, x in zip(node.outputs, results, strict=True)})
        return [known[id(t)] for t in graph.outputs]

    def node(self, node: Any, known: dict[int, Tensor], context: Context) -> list[Tensor]:
        """The outputs of one call of a layer, nested model or operation."""
        layer = node.operation
        inside = context.inside(layer.name)
        nested = has_own_graph(layer)
        traced = nested or has_code(layer) or context.converter(layer) is not None
        try:
            reason = None if traced else class_trouble(type(layer).__name__, type(layer).__module__, None)
            reason = reason or dtype_trouble(node, traced)
            if reason:
                raise UnsupportedError(reason)
            if not nested and any(known[id(t)].value is None for t in node.arguments.keras_tensors):
                return [NOTHING] * len(node.outputs)
            results = self.results(node, known, inside)
            if len(results) != len(node.outputs):
                raise UnsupportedError(f"it gives {len(results)} results, and Keras {len(node.outputs)}")
            return results
        except UnknownSizeError:
            return [NOTHING] * len(node.outputs)
        except (UnsupportedError, GraphError) as error:
            self.trouble(layer, inside, str(error), misfit=isinstance(error, GraphError))
            return [NOTHING] * len(node.outputs)

    def results(self, node: Any, known: dict[int, Tensor], context: Context) -> list[Tensor]:
        layer = node.operation
        if type(layer).__name__ in CONTROL and is_operation(type(layer).__module__):
            return self.control(node, known, context)
        if is_operation(type(layer).__module__):
            found = lower_operation(context, node, {key: tensor.value for key, tensor in known.items()})
            returns_input = type(layer).__name__ in _MAY_RETURN_INPUT
            return as_they_are(found, node, known) if returns_input else list(map(Tensor, found))
        call = LayerCall(node, known)
        training = training_counts(call, context)
        if has_own_graph(layer):
            return self.model(
                layer, nested_inputs(call, context), replace(context, is_inference=True, in_training=False)
            )
        if context.converter(layer) is None and (has_code(layer) or sees_masks(call)):
            results = self.own(call, training, context)
        else:
            if training and is_own(layer):
                raise UnsupportedError("called with training=True, for which its converter was not made")
            found = lower_layer(layer, call.inputs(context), context, **call.keywords(context))
            values = [found] if isinstance(found, Value) else list(found)
            is_input = type(layer).__name__ in TRAINING_ONLY
            results = as_they_are(values, node, known) if is_input else list(map(Tensor, values))
        return self.with_masks(call, results, context)

    def own(self, call: LayerCall, training: bool, context: Context) -> list[Tensor]:
        """The outputs of a layer whose `call` is traced. A quantized one has another `call`."""
        if getattr(call.layer, "quantization_mode", None):
            raise UnsupportedError(f"quantization {call.layer.quantization_mode!r}")
        symbols = self.symbols(replace(context, in_training=training))
        masked: list[tuple[Any, Tensor]] = []

        def stand_in(leaf: Any) -> Any:
            tensor = call.tensor(leaf)
            if tensor is None or tensor.value is None:
                return converted(call.layer, leaf)
            found = symbols.stand_for(tensor, dtype_in_keras(leaf, tensor.value))
            if tensor.mask is not None:
                set_mask(found, symbols.stand_for(Tensor(tensor.mask)))
                masked.append((found, tensor))
            return found

        arguments, keywords = call.changed(stand_in)
        keywords = call_keywords(call.layer, keywords, training)
        with kept_states(call.layer, symbols):
            recording = trace(call.layer.call, symbols, arguments, keywords, training=training)
        results = self.recorded(recording, symbols)
        call.forget_masks([tensor for found, tensor in masked if mask_of(found) is None])
        return results

    def control(self, node: Any, known: Mapping[int, Tensor], context: Context) -> list[Tensor]:
        """The outputs of an operation that calls functions, which are traced."""
        import keras

        symbols = self.symbols(context)

        def stand_in(leaf: Any) -> Any:
            tensor = known.get(id(leaf))
            if tensor is None or tensor.value is None:
                return leaf
            return symbols.stand_for(tensor, dtype_in_keras(leaf, tensor.value))

        given = (node.arguments.args, node.arguments.kwargs)
        arguments, keywords = keras.tree.map_structure(stand_in, given)
        return self.recorded(trace(node.operation.call, symbols, arguments, keywords), symbols)

    def symbols(self, context: Context) -> Symbols:
        """What code that is traced next begins with: nothing yet. It calls its layers itself, so there `training` has effect."""
        return Symbols(self.node, replace(context, is_inference=False))

    def recorded(self, recording: Recording, symbols: Symbols) -> list[Tensor]:
        """The outputs of traced code: some that it computes, others that are inputs or constants."""

        def found(y: Any) -> Tensor:
            return Tensor(constant(y, symbols.context)) if is_array(y) else symbols.known[id(y)]

        # A mask is one that layers hand on, or else one that the code itself attached.
        outputs = [found(y) for y in recording.outputs]
        masks = [None if mask is None else found(mask).value for mask in recording.masks]
        return [y if y.mask is not None else Tensor(y.value, mask) for y, mask in zip(outputs, masks, strict=True)]

    def with_masks(self, call: LayerCall, results: list[Tensor], context: Context) -> list[Tensor]:
        """`results` with the masks that Keras attaches to them."""
        layer, previous = call.layer, call.previous_masks()
        is_default = getattr(layer.compute_mask, "_is_default", False)
        if not layer.supports_masking or all(result.mask is not None for result in results):
            return results
        if all(mask is None for mask in flat(previous)) and (is_default or not makes_masks(layer)):
            return results
        masks = flat(previous) if is_default else self.computed_masks(call, previous, context)
        values = [None if mask is None else call.value(mask, context) for mask in masks]
        values += [None] * (len(results) - len(values))
        return [r if r.mask is not None else Tensor(r.value, m) for r, m in zip(results, values, strict=False)]

    def computed_masks(self, call: LayerCall, previous: Any, context: Context) -> list[Tensor | None]:
        """What the layer's `compute_mask` gives, traced."""
        import keras

        symbols = self.symbols(context)

        def stand_in(leaf: Any) -> Any:
            if leaf is None:
                return None
            value = call.value(leaf, context)
            return symbols.stand_for(Tensor(value), dtype_in_keras(leaf, value))

        arguments = [keras.tree.map_structure(stand_in, structure) for structure in (call.first, previous)]
        recording = trace(call.layer.compute_mask, symbols, arguments, {}, allow_none=True)
        found = iter(self.recorded(recording.without_none(), symbols))
        return [None if mask is None else Tensor(next(found).value) for mask in recording.outputs]

    def trouble(self, layer: Any, context: Context, reason: str, misfit: bool = False) -> None:
        of_keras = type(layer).__module__.startswith("keras.")
        given = {name: value for name, (value, _) in settings(layer).items()} if of_keras else {}
        config = {name: value for name, value in given.items() if all(map(_is_plain, flat(value)))}
        self.troubles.append(Trouble(context.path, type(layer).__name__, reason, config, misfit))


def lower_layer(layer: Any, inputs: Sequence[Value], context: Context, **others: Any) -> Any:
    """One call of a layer that has a converter of its own or is in LAYERS, or of a model, a subclassed layer or a function with one result."""
    import keras

    if (own := context.converter(layer)) is not None:
        check_names(own, others)
        return lowered(layer, lambda reading: own(reading, inputs, context, **others))
    if not isinstance(layer, keras.Layer) or has_own_graph(layer) or has_code(layer):
        return lower_part(layer, inputs, context, **others)
    name = type(layer).__name__
    if name not in LAYERS:
        raise UnsupportedError(f"{name} is not supported")
    if not layer.built:
        raise UnsupportedError(f"{name} has no weights yet; call the model on an example, which makes them")
    lowering = LAYERS[name]
    check_names(lowering, others)
    taken = inputs_as_taken(layer, inputs, context)
    return lowered(layer, lambda reading: lowering(reading, taken, context, **others), name not in TRAINING_ONLY)


def lower_part(part: Any, inputs: Sequence[Value], context: Context, mask: Value | None = None) -> Value:
    """One call of a model, a subclassed layer or a function that another layer holds; a layer that looks at masks is given one."""
    walk, values = Walk(), [Tensor(x) for x in inputs]
    if has_own_graph(part):
        values = [Tensor(x, mask) for x in inputs]
        results = walk.model(part, values, replace(context, is_inference=True, in_training=False))
    else:
        symbols = walk.symbols(replace(context, in_training=False))
        inner = [symbols.stand_for(x) for x in values]
        given = {} if mask is None else {"mask": symbols.stand_for(Tensor(mask))}
        keywords = call_keywords(part, given) if hasattr(part, "call") else given
        code = part.call if hasattr(part, "call") else part
        results = walk.recorded(trace(code, symbols, inner, keywords), symbols)
    if walk.troubles:
        name = getattr(part, "name", getattr(part, "__name__", type(part).__name__))
        raise UnsupportedError(f"in {name!r}: " + "; ".join(str(trouble).strip() for trouble in walk.troubles))
    if len(results) != 1 or results[0].value is None:
        raise UnsupportedError(f"a part of it gives {len(results)} results; one is supported")
    return results[0].value


def converted(layer: Any, leaf: Any) -> Any:
    """An argument of a subclassed layer's call, of the dtype with which Keras hands it to the code. An array becomes a variable, which can stand
    beside a symbolic tensor in every expression; a tensor of the framework cannot."""
    import keras

    if not is_array(leaf) or isinstance(leaf, keras.Variable) or not layer._convert_input_args:
        return leaf
    array = layer.dtype_policy.convert_input(leaf, layer.autocast, layer.input_dtype)
    return keras.Variable(array, trainable=False, dtype=keras.backend.standardize_dtype(array.dtype))


def as_they_are(results: Sequence[Value], node: Any, known: Mapping[int, Tensor]) -> list[Tensor]:
    """What Keras gives back as it is, such as a cast to the dtype that a tensor has, keeps its mask."""
    given = {id(known[id(t)].value): known[id(t)] for t in node.arguments.keras_tensors}
    return [given.get(id(value), Tensor(value)) for value in results]


def sees_masks(call: LayerCall) -> bool:
    """Whether the layer looks at the masks of its inputs though its `call` has no parameter for them, or hands them to a layer inside. Lowerings do
    not know of such masks, but Keras's own code does."""
    if all(call.mask(leaf) is None for leaf in flat(call.first)):
        return False
    has_layer = hasattr(getattr(call.layer, "activation", None), "compute_mask")
    name = type(call.layer).__name__
    return name in _LOOK_AT_MASKS or (name == "Activation" and has_layer)


def makes_masks(layer: Any) -> bool:
    """Whether a layer's `compute_mask` may give a mask where no input has one. Merging layers do not."""
    return type(layer).__name__ in ("Embedding", "Masking") or has_code(layer)


def has_code(layer: Any) -> bool:
    """Whether what a layer does is found by tracing its `call`: a layer of the user's, a Lambda, or one of Keras in TRACED."""
    return is_lambda(layer) or is_own(layer) or type(layer).__name__ in TRACED


def is_lambda(layer: Any) -> bool:
    """Whether `layer` is a Lambda of Keras. One from a file gets here only if the user allowed its code."""
    import keras

    return type(layer) is keras.layers.Lambda


def nodes_in_order(graph: Any) -> list[Any]:
    """Calls of layers, each after those that it reads."""
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def dtype_in_keras(leaf: Any, value: Value) -> str:
    """The dtype of an argument of a call: a tensor of Keras, or ours that stands for a mask."""
    return value.dtype if isinstance(leaf, Tensor) else actual_dtype(leaf, value)


def dtype_trouble(node: Any, traced: bool) -> str | None:
    """Why this call cannot be converted by its dtypes, or None. What is `traced` is looked at in its parts."""
    layer = node.operation
    for tensor in [*node.arguments.keras_tensors, *node.outputs]:
        if tensor.dtype not in (*NUMBERS, *FLOATS):
            return f"dtype {tensor.dtype}; {', '.join(NUMBERS)} are supported"
    policy = getattr(layer, "dtype_policy", None)
    allowed = ("float32", *(RANGES if type(layer).__name__ in ENCODING else ()))
    if policy is not None and policy.compute_dtype not in allowed:
        return f"computes in {policy.compute_dtype}; float32 is supported"
    is_layer = not traced and not is_operation(type(layer).__module__)
    return dtype_loss(layer, node.arguments.keras_tensors, node.outputs) if is_layer else None


def build_graph(
    model: Any,
    shapes: Sequence[tuple[Size, ...]],
    placeholders: Mapping[str, Placeholder],
    is_trial: bool = False,
    converters: Converters | None = None,
) -> Graph:
    """The graph of a model, or of a subclassed one, whose inputs have these shapes. Raises UnsupportedError that lists all that cannot be
    converted, and ModelError, with sizes that fit, where only sizes are at fault: those are sought by trials, which seek no further ones.
    `converters` are lowerings besides LAYERS."""
    walk = Walk()
    inputs = []
    for tensor, shape in zip(functional(model).inputs, shapes, strict=True):
        dtype = str(tensor.dtype)
        if dtype not in (*NUMBERS, *FLOATS):
            reason = f"dtype {dtype}; {', '.join(NUMBERS)} are supported"
            walk.troubles.append(Trouble(tensor.name, INPUT, reason))
        type_ = TensorType(shape, graph_dtype(dtype) if dtype in RANGES else "float32")
        inputs.append(apply(Input(tensor.name, type_), origin=(tensor.name,)))
    is_inference = not isinstance(model, Subclassed) and hasattr(model, "predict")
    converter = (converters or Converters()).find
    context = Context(lower_layer=lower_layer, converter=converter, is_inference=is_inference)
    outputs, names = walk.whole(model, [Tensor(x) for x in inputs], context)
    wanted = [(tensor.name, tuple(tensor.shape)) for tensor in functional(model).inputs]
    open_sizes = any(size is None for _, shape in wanted for size in shape[1:])
    if open_sizes and not is_trial and walk.troubles and all(trouble.misfit for trouble in walk.troubles):
        trial = partial(build_graph, model, is_trial=True, converters=converters)
        raise ModelError(sizes_message(model.name, wanted, shapes, walk.troubles, trial))
    refuse(model.name, walk.troubles)
    warn_of_training(model.name, context.overruled)
    found = [tensor.value for tensor in outputs if tensor.value is not None]
    graph = Graph(tuple(inputs), tuple(found), names, context.states.collected(), dict(placeholders), name=model.name)
    graph = replace(graph, constraints=collect_constraints(graph))
    verify(graph)
    return graph


def output_names(tensors: Sequence[Any]) -> tuple[str, ...]:
    """Keras's names of a model's outputs, made distinct by a number where a layer gives several."""
    names: list[str] = []
    for tensor in tensors:
        base = name = tensor._keras_history.operation.name
        number = 1
        while name in names:
            name = f"{base}_{number}"
            number += 1
        names.append(name)
    return tuple(names)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))

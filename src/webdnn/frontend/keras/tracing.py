"""Subclassed layers and models: their `call` runs on symbolic tensors, which record the layers and operations that it uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any

from webdnn.frontend.input_shape import InputShape, match_input_shapes
from webdnn.frontend.keras import operation_control, recurrent
from webdnn.frontend.keras.symbols import Symbols, UnknownSizeError
from webdnn.frontend.keras.traced_lengths import replaced, taking_lengths
from webdnn.graph.errors import ModelError, UnsupportedError

Shape = tuple[int | None, ...]
_FLAGS = ("training", "mask")  # parameters of `call` that Keras itself sets
_OPERATORS = "add sub mul truediv floordiv mod pow matmul lt le gt ge eq ne and or xor"
_ADVICE = {
    "bool": "replace Python's `if` and `while` on values by keras.ops.where",
    "numpy": "use keras.ops in place of NumPy",
    "cannot convert it to an int": "a graph has no loops or sizes that depend on values",
    "is not defined": "code in a model's file is stored without its imports: write it as a layer with keras.ops in a Python file, and name that "
    "with --custom_objects",
    "used as input": "use keras.ops in place of another framework's functions",
}


def is_own(layer: Any) -> bool:
    """Whether what a layer does is written by the user: its class, or the `call` of it."""
    import keras

    if not isinstance(layer, keras.Layer):
        return False
    return not _of_keras(inspect.getmodule(type(layer).call)) or not _of_keras(inspect.getmodule(type(layer)))


def has_own_graph(layer: Any) -> bool:
    """Whether `layer` is a keras.Function or a built Functional or Sequential model, whose `call` runs that graph and nothing else."""
    import keras

    if isinstance(layer, keras.Function) and not isinstance(layer, keras.Layer):
        return True
    if not isinstance(layer, keras.Model) or not _of_keras(inspect.getmodule(type(layer).call)):
        return False
    if isinstance(layer, keras.Sequential):
        return getattr(layer, "_functional", None) is not None
    return hasattr(layer, "_nodes_by_depth")


def _of_keras(module: Any) -> bool:
    return getattr(module, "__name__", "").split(".")[0] == "keras"


def set_mask(x: Any, mask: Any) -> None:
    """Attaches a symbolic mask to a symbolic tensor, as Keras does."""
    from keras.src.backend import set_keras_mask

    set_keras_mask(x, mask)


def mask_of(x: Any) -> Any:
    """The mask attached to a symbolic tensor, or None."""
    from keras.src.backend import get_keras_mask

    return get_keras_mask(x)


@dataclass(frozen=True)
class Recording:
    """What traced code gives: tensors that it computes or was given, and constants."""

    outputs: Sequence[Any]

    @cached_property
    def masks(self) -> list[Any]:
        """The masks attached to the outputs, None where there is none."""
        return [None if y is None else mask_of(y) for y in self.outputs]

    @cached_property
    def symbolic(self) -> list[Any]:
        """The outputs and masks that are no constants."""
        import keras

        return [y for y in (*self.outputs, *self.masks) if isinstance(y, keras.KerasTensor)]

    def without_none(self) -> Recording:
        return Recording([y for y in self.outputs if y is not None])


def trace(
    call: Callable[..., Any],
    symbols: Symbols,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    training: bool = False,
    allow_none: bool = False,
) -> Recording:
    """What `call(*arguments, **keywords)` gives, with symbolic tensors of `symbols` in its arguments; its results are written into the graph. Layers
    that it calls are told `training` unless it tells them otherwise.

    Raises UnsupportedError with the reason and the place when `call` does more than layers and operations, and UnknownSizeError when it asks for a
    size of a tensor which could not be written.
    """
    import keras

    try:
        with _recording(keras, training), taking_lengths(symbols), _telling(training):
            outputs = keras.tree.flatten(call(*arguments, **keywords))
        wrong = [type(y).__name__ for y in outputs if not (_is_tensor(keras, y) or (allow_none and y is None))]
        if wrong:
            raise UnsupportedError(f"it returns {', '.join(wrong)}, which is no tensor")
        recording = Recording(outputs)
        symbols.reach(recording.symbolic)
        return recording
    except Exception as error:  # the code is the user's: it may raise anything
        if _is_about_unknown(error):
            raise UnknownSizeError from error
        raise UnsupportedError(_explain(keras, error)) from error


def _is_about_unknown(error: BaseException | None) -> bool:
    """Whether it began with UnknownSizeError. Keras puts errors of its own around others."""
    while error is not None and not isinstance(error, UnknownSizeError):
        error = error.__cause__ or error.__context__
    return error is not None


def _is_tensor(keras: Any, y: Any) -> bool:
    return isinstance(y, keras.KerasTensor) or hasattr(y, "__array__") or keras.ops.is_tensor(y)


def call_keywords(layer: Any, keywords: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
    """`keywords` for `layer.call`, with `training` if it wants to know."""
    names = inspect.signature(type(layer).call).parameters
    return {
        **{k: v for k, v in keywords.items() if v is not None},
        **({"training": training} if "training" in names else {}),
    }


@contextmanager
def _telling(training: bool) -> Iterator[None]:
    """Layers take `training` from the call around them, as Keras hands it on."""
    from keras.src.backend.common import global_state
    from keras.src.layers.layer import CallContext

    around = CallContext(entry_layer=None)
    around.set_value("training", training)
    before = global_state.get_global_attribute("current_call_ctx")
    global_state.set_global_attribute("current_call_ctx", around)
    try:
        yield
    finally:
        global_state.set_global_attribute("current_call_ctx", before)


@contextmanager
def _recording(keras: Any, training: bool) -> Iterator[None]:
    """Symbolic tensors may be right operands of variables; what a graph cannot record is refused: random numbers, variables that change."""
    from keras.src.random.seed_generator import SeedGenerator

    def deferring(original: Callable[..., Any]) -> Callable[..., Any]:
        def operator(self: Any, other: Any) -> Any:
            return NotImplemented if isinstance(other, keras.KerasTensor) else original(self, other)

        return operator

    def refusing(reason: str) -> Callable[..., Any]:
        def refuse(self: Any, *_: Any, **__: Any) -> Any:
            raise UnsupportedError(reason)

        return refuse

    patches: list[tuple[Any, str, Callable[..., Any]]] = [
        (SeedGenerator, "next", refusing("it draws random numbers")),
        (keras.Variable, "assign", refusing("it changes a variable")),
        (keras.Layer, "add_loss", lambda self, loss: None),
        *recurrent.patches(training),
        *operation_control.patches(),
    ]
    for name in _OPERATORS.split():
        method = f"__{name}__"
        patches.append((keras.Variable, method, deferring(getattr(keras.Variable, method))))
    with replaced(patches):
        yield


def _explain(keras: Any, error: BaseException) -> str:
    """What went wrong, in which layer and line, and what to write instead."""
    frames = list(walk_tb(error.__traceback__))
    while "_error_repr" in str(error) and error.__context__:  # Keras stumbles while it adds to an error of JAX
        error = error.__context__
        frames += walk_tb(error.__traceback__)
    where = ""
    for frame, line in frames:
        layer = frame.f_locals.get("self")
        if isinstance(layer, keras.Layer) and not _of_keras(inspect.getmodule(frame)):
            file = Path(frame.f_code.co_filename).name
            where = f" in layer {layer.name!r} ({type(layer).__name__}.{frame.f_code.co_name}, {file} line {line})"
    text = str(error).strip()
    if "Exception encountered when calling" in text:  # Keras's own frame around it
        paragraphs = [p for p in text.split("\n\n") if p.strip()]
        text = paragraphs[1] if len(paragraphs) > 1 else text
    reason = " ".join(text.replace("\x1b[1m", "").replace("\x1b[0m", "").split()).split(". The error occurred")[0]
    advice = next((advice for word, advice in _ADVICE.items() if word in reason.lower()), "")
    return f"its call cannot be traced{where}: {_shortened(reason)}" + (f"; {advice}" if advice else "")


def _shortened(text: str, length: int = 240) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


class Subclassed:
    """A subclassed model whose `call` is traced, on inputs of given shapes, or else of those that it was built with.

    Raises ModelError when the shapes of its inputs are neither given nor known, UnsupportedError when it cannot be built.
    """

    def __init__(self, model: Any, shapes: Sequence[InputShape]) -> None:
        import keras

        self.model, self.name = model, str(model.name)
        self._structures = _input_structures(model, shapes)
        wanted: list[tuple[str, Shape]] = []
        for parameter, structure in self._structures.items():
            wanted += _leaves(structure, parameter)
        if shapes:  # they need not be those of an example that the model was called with
            wanted = [(name, (None,) * len(shape)) for name, shape in wanted]
        sizes, _ = match_input_shapes(wanted, shapes)
        self.inputs = [
            keras.Input(batch_shape=tuple(s if isinstance(s, int) else None for s in shape), name=name)
            for (name, _), shape in zip(wanted, sizes, strict=True)
        ]
        if not model.built:
            self._build()

    def trace(self, symbols: Symbols) -> Recording:
        """What its `call` gives for the inputs of `symbols`."""
        import keras

        with self._named():
            traced = trace(self.model.call, symbols, (), self._keywords(symbols.inputs))
            constants = [type(y).__name__ for y in traced.outputs if not isinstance(y, keras.KerasTensor)]
            if constants:
                raise UnsupportedError(f"it returns {', '.join(constants)}, which does not depend on its inputs")
        return traced

    def _keywords(self, inputs: Sequence[Any]) -> dict[str, Any]:
        remaining = iter(list(inputs))
        arguments = {parameter: _filled(structure, remaining) for parameter, structure in self._structures.items()}
        return call_keywords(self.model, arguments)

    def _build(self) -> None:
        """Makes the variables of a model that was never called, as Keras does, by running it on JAX's own symbols. Code that these stop, as
        `keras.ops.bincount` does, may still be traced, which makes the variables, too: so what is wrong is told by `trace`, which always follows."""
        with suppress(Exception):
            self.model(**self._keywords(self.inputs))

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except UnsupportedError as error:
            raise UnsupportedError(f"model {self.name!r} ({type(self.model).__name__}): {error}") from error


def _leaves(structure: Any, name: str) -> list[tuple[str, Shape]]:
    """The shapes in a structure, named after their places."""
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in _leaves(structure[key], str(key))]
    if isinstance(structure, list):
        return [leaf for number, inner in enumerate(structure) for leaf in _leaves(inner, f"{name}_{number}")]
    return [(name, structure)]


def _filled(structure: Any, inputs: Iterator[Any]) -> Any:
    """The structure with the next of `inputs` for every shape, in the order of `_leaves`."""
    if isinstance(structure, Mapping):
        return {key: _filled(structure[key], inputs) for key in sorted(structure)}
    if isinstance(structure, list):
        return [_filled(inner, inputs) for inner in structure]
    return next(inputs)


def _input_structures(model: Any, shapes: Sequence[InputShape]) -> dict[str, Any]:
    """For each parameter of the model's `call`, a shape or a list or dictionary of shapes."""
    signature = list(inspect.signature(type(model).call).parameters.values())[1:]
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = [p.name for p in signature if p.default is p.empty and p.kind not in variadic and p.name not in _FLAGS]
    built = [
        tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or ()
    ]  # a Functional model with a `call` of its own
    known = (
        {"inputs": built[0] if len(built) == 1 else built}
        if built
        else getattr(model, "_build_shapes_dict", None) or {}
    )
    if len(names) == 1 and len(known) == 1:
        return {names[0]: _with_open_batch(*known.values())}
    if len(names) > 1 and all(f"{name}_shape" in known for name in names):
        return {name: _with_open_batch(known[f"{name}_shape"]) for name in names}
    ranks = [(None,) * len(shape.shape) for shape in shapes]
    if len(names) == len(ranks):
        return dict(zip(names, ranks, strict=True))
    if len(names) == 1 and ranks:
        return {names[0]: ranks}
    raise ModelError(
        f"model {model.name!r} ({type(model).__name__}) is subclassed and does not know the shapes of its inputs "
        f"({', '.join(names)}); give one --input_shape for each"
    )


def _with_open_batch(structure: Any) -> Any:
    """The structure of shapes, in lists and dictionaries. The batch is open: that of a call is one example."""
    if isinstance(structure, Mapping):
        return {key: _with_open_batch(inner) for key, inner in structure.items()}
    if isinstance(structure, (list, tuple)) and any(isinstance(inner, (list, tuple)) for inner in structure):
        return [_with_open_batch(inner) for inner in structure]
    return (None, *structure[1:])

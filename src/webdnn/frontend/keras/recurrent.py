"""Recurrent layers of Keras: their own code is traced, and so are their cells, which may be the user's. Only the loop over time is ours.

Every recurrent layer hands its step to `keras.src.backend.rnn`, which is the framework's. While code is traced, that is `loop`, which writes a Repeat
with the step as its body. So the arguments of the layers mean what Keras's code makes of them, and structures of states may be any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webdnn.frontend.keras import stateful
from webdnn.frontend.keras.calls import Tensor
from webdnn.frontend.keras.operation_moves import reversed_along
from webdnn.frontend.keras.symbols import Symbols
from webdnn.frontend.keras.traced_lengths import Patch, current_symbols
from webdnn.frontend.loops import Loop
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce

# The classes whose code is traced.
TRACED = (
    *("RNN", "SimpleRNN", "LSTM", "GRU", "Bidirectional"),
    *("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"),
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "ConvLSTMCell"),
)


def patches(training: bool) -> list[Patch]:
    """What recurrent layers find in place of the framework's loops and kernels while they are traced."""
    from keras import layers
    from keras.src import backend
    from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

    found: list[Patch] = [
        (backend, "rnn", _loop_of(backend.rnn)),
        (backend, "convert_to_tensor", stateful.convert(_convert_of(backend.convert_to_tensor))),
        # Kernels of cuDNN give the same answers faster; `use_cudnn` asks for nothing else.
        *((layer, "inner_loop", _inner_loop) for layer in (layers.LSTM, layers.GRU)),
        *((layers.Bidirectional, f"_can_attempt_fused_{name}", lambda *_, **__: False) for name in ("lstm", "gru")),
    ]
    if not training:  # Keras draws masks of dropout in any case, and uses them in training only.
        names = ("get_dropout_mask", "get_recurrent_dropout_mask")
        found += [(DropoutRNNCell, name, lambda *_: None) for name in names]
    return found


def _inner_loop(layer: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
    """Of LSTM and GRU: that of RNN."""
    import keras

    mask = mask[0] if keras.tree.is_nested(mask) else mask
    return keras.layers.RNN.inner_loop(layer, sequences, initial_state, mask, training=training)


def _convert_of(original: Callable[..., Any]) -> Callable[..., Any]:
    def convert_to_tensor(x: Any, dtype: Any = None, **others: Any) -> Any:
        import keras

        if not isinstance(x, keras.KerasTensor):
            return original(x, dtype=dtype, **others)
        return x if dtype is None or x.dtype == dtype else keras.ops.cast(x, dtype)

    return convert_to_tensor


def _loop_of(original: Callable[..., Any]) -> Callable[..., Any]:
    """`rnn` of the framework, which is `loop` where something is symbolic."""

    def rnn(step_function: Any, inputs: Any, initial_states: Any, *others: Any, **keywords: Any) -> Any:
        import keras

        given = keras.tree.flatten([inputs, initial_states, keywords.get("mask")])
        if any(isinstance(x, keras.KerasTensor) for x in given):
            return loop(step_function, inputs, initial_states, *others, **keywords)
        return original(step_function, inputs, initial_states, *others, **keywords)

    return rnn


def loop(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:
    """The last output, all outputs in the order of computing, and the last states of steps over time, with the parameters and meaning of `rnn` of
    Keras's JAX backend; sequences are (N, T, …), or (T, N, …) if `time_major`, and a mask is (N, T).

    `unroll` changes no graph, but what a masked step gives, as it does in Keras. `input_length` is the length that the sequences have anyway.
    """
    symbols = current_symbols()
    steps = _Steps(symbols, step_function, inputs, initial_states, tuple(constants or ()), go_backwards, time_major)
    output = steps.write(mask, unroll, zero_output_for_mask)
    return steps.finish(output, return_all_outputs)


@dataclass
class _Steps:
    """A loop over time. `write` writes what one step computes, `finish` the loop."""

    symbols: Symbols
    function: Callable[..., Any]
    inputs: Any
    initial: Any
    constants: tuple[Any, ...]
    reverse: bool
    time_major: bool

    def __post_init__(self) -> None:
        import keras

        self.context = self.symbols.context
        leaves = keras.tree.flatten(self.inputs)
        sequences = [self._by_time(self._value(x)) for x in leaves]
        self.loop = Loop(self.context, sequences[0].shape[0], self.reverse)
        self.dtypes = [str(x.dtype) for x in keras.tree.flatten(self.initial)]
        self.states = [self.loop.state(self._value(x)) for x in keras.tree.flatten(self.initial)]
        elements = [self.loop.element(x) for x in sequences]
        symbolic = [self._symbol(x, str(leaf.dtype)) for x, leaf in zip(elements, leaves, strict=True)]
        self.element = keras.tree.pack_sequence_as(self.inputs, symbolic)
        self.nexts: list[Value] = []

    def write(self, mask: Any, unroll: bool, zero_output: bool) -> Value:
        """The output of a step; sets the next states."""
        import keras

        states = keras.tree.pack_sequence_as(self.initial, self._symbolic(self.states))
        if self.constants:
            states = [*states, *self.constants]
        result, following = self.function(self.element, states)
        self.dtype = str(result.dtype)
        output = self._value(result)
        self.nexts = [self._value(x) for x in keras.tree.flatten(following)]
        if len(self.nexts) != len(self.states):
            raise UnsupportedError(f"its cell has {len(self.states)} states and gives {len(self.nexts)}")
        if mask is not None:
            output = self._masked(output, self._counts(mask), unroll, zero_output)
        return output

    def finish(self, output: Value, all_outputs: bool) -> tuple[Any, Any, Any]:
        import keras

        c = self.context
        place = next((number for number, x in enumerate(self.nexts) if x == output), None)
        if place is None and not all_outputs:
            place = len(self.states)
            self._carry(output)
            self.nexts.append(output)
        for state, value in zip(self.states, self.nexts, strict=True):
            self.loop.set_next(state, value)
        finals, stacks = self.loop.finish([output] if all_outputs else [])
        if place is not None:
            last = finals[place]
        else:
            end = c.cut(stacks[0], 0, 0 if self.reverse else self.loop.count - 1, 1)
            last = c.reshape(end, output.shape)
        outputs = stacks[0] if all_outputs else c.reshape(last, (1, *last.shape))
        outputs = reversed_along(c, outputs, [0]) if self.reverse and all_outputs else outputs
        states = keras.tree.pack_sequence_as(self.initial, self._symbolic(finals[: len(self.dtypes)]))
        return self._symbol(last, self.dtype), self._symbol(self._by_time(outputs), self.dtype), states

    def _masked(self, output: Value, counts: Value, unroll: bool, zero_output: bool) -> Value:
        """The output of a step of which some examples do not count: they keep their states. Their output is 0 if `zero_output`, or else what Keras
        takes for that of the step before: the first state, of the last cell. Where Keras unrolls the loop, or where that state has another shape,
        it is the output of the step before itself, which is 0 at first."""
        chosen: dict[tuple[Value | float, Value], Value] = {}
        which: dict[int, Value] = {}  # `counts`, by the rank of what it is for

        def choose(before: Value | float, after: Value) -> Value:
            rank = after.type.rank
            if rank not in which:
                which[rank] = self.context.reshape(counts, (*counts.shape, *(1,) * (rank - 1)))
            if (before, after) not in chosen:
                chosen[before, after] = self.context.elementwise("where", which[rank], after, before)
            return chosen[before, after]

        first = self._first_state()
        if zero_output and not unroll:
            kept: Value | float = 0.0
        else:
            kept = first if not unroll and first.type == output.type else self._carry(output)
        masked = choose(kept, output)
        self.nexts = [choose(state, x) for state, x in zip(self.states, self.nexts, strict=False)]
        self.nexts += [masked] * (len(self.states) - len(self.nexts))
        return masked

    def _first_state(self) -> Value:
        """The state that stands first, of the last cell where each has a structure of its own."""
        import keras

        if not keras.tree.is_nested(self.initial[0]):
            return self.states[0]
        return self.states[-len(keras.tree.flatten(self.initial[-1]))]

    def _carry(self, output: Value) -> Value:
        """A further state: the output, which is 0 before the first step."""
        self.states.append(self.loop.state(self.context.fill(output.shape, 0.0, output.dtype)))
        return self.states[-1]

    def _counts(self, mask: Any) -> Value:
        """Which examples count in a step, (N). A mask of features counts where any does."""
        c, value = self.context, self._by_time(self._value(mask))
        value = c.cast(value, "bool")
        if value.type.rank > 2:
            value = c.apply(Reduce("max", tuple(range(2, value.type.rank))), value)
        return self.loop.element(value)

    def _by_time(self, x: Value) -> Value:
        """(N, T, …) as (T, N, …), or the other way round."""
        return x if self.time_major else self.context.swap(x, 0, 1)

    def _value(self, x: Any) -> Value:
        import keras

        return self.symbols.value(x if isinstance(x, keras.KerasTensor) else self.symbols.symbol_of(x))

    def _symbol(self, x: Value, dtype: str) -> Any:
        return self.symbols.stand_for(Tensor(x), dtype)

    def _symbolic(self, states: Sequence[Value]) -> list[Any]:
        return [self._symbol(x, dtype) for x, dtype in zip(states, self.dtypes, strict=True)]

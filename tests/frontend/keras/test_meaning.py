"""What a call says is what is converted: constants, masks, keywords, settings, activation functions, `training=True`; or it is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest
from keras import layers, ops

from harness import keras_meaning
from harness.calibrate import randomize
from harness.keras_cases import LAYER_CASES, MEANING_CASES, KerasCase, building, check_graphs, keras_model
from harness.keras_compare import compare, errors, fixed, refused
from harness.keras_layers import Build
from harness.keras_meaning import ROWS, gelu
from harness.keras_models import noise
from webdnn.frontend.keras import from_model, load
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.frontend.keras.reading import Reading, lowered, settings
from webdnn.frontend.keras.support import LAYERS
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6
# What Keras itself cannot save, or reads back as something else.
NOT_SAVED = (
    "with a variable",
    "by keywords",
    "Lambda",
    "partial",
    "activation function: own",
    "activation function: Activation",
    "activation function: over time",
    "ops.gelu",
)
SEVERAL_AXES = ("several axes", "softmax of all")  # what Keras's reader of HDF5 makes −1 of


def cases(*families: str) -> Any:
    chosen = [case for case in MEANING_CASES if case.name.startswith(families)]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


def built(build: Build, *shapes: tuple[int, ...]) -> Any:
    return keras_model(build, *shapes)


@cases("constant among arguments")
def test_a1_constants_among_the_arguments(case: KerasCase) -> None:
    check_graphs(case)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:(?s).*was passed an input with a mask")
def test_a1_a2_b6_calls_of_saved_models(suffix: str, tmp_path: Path) -> None:
    """The same graphs from a file."""
    different: list[str] = []
    for case in MEANING_CASES:
        if any(part in case.name for part in NOT_SAVED) or (suffix == ".h5" and case.name.endswith(SEVERAL_AXES)):
            continue
        with building(case.name):
            model = built(case.build, *case.shapes)
        model.save(tmp_path / f"model{suffix}")
        inputs = case.inputs(0)
        want = interpret(from_model(model, fixed(inputs)), inputs)
        graph = load(tmp_path / f"model{suffix}", fixed(inputs), custom_objects=[keras_meaning.__file__])
        found = interpret(graph, inputs)
        if not all(map(np.array_equal, found, want)):
            different.append(case.name)
    assert not different


def test_a1_what_is_no_number_is_refused() -> None:
    x = keras.Input((3,))
    refused(
        keras.Model(x, layers.Add()([x, ROWS.astype(np.complex64)])), r"'add\w*' \(Add\): an array of dtype complex64"
    )


def test_a1_tensors_in_place_of_settings_are_refused() -> None:
    """Keras takes them and then cannot compute with them."""
    x = keras.Input((3,))
    refused(keras.Model(x, ops.clip(x, x, 2.0)), r"\(Clip\): x_min is computed by another layer")


@pytest.mark.slow
@cases("mask of Softmax", "mask of pooling")
def test_a2_masks(case: KerasCase) -> None:
    check_graphs(case)


def test_a2_masks_inside_of_time_that_do_not_fit_are_refused() -> None:
    """Keras fails on them, too: the mask of a step has no axis for its classes."""
    x = keras.Input((4, 3))
    model = keras.Model(x, layers.TimeDistributed(layers.Softmax())(layers.Masking()(x)))
    refused(model, r"\(TimeDistributed\): .*softmax.*do not broadcast")


def test_a2_keywords_that_a_layer_does_not_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the layer: a lowering without a parameter for an argument of the call never runs."""
    monkeypatch.setitem(LAYERS, "Softmax", lambda layer, inputs, context: inputs[0])
    x = keras.Input((4, 4))
    refused(
        keras.Model(x, layers.Softmax()(x, mask=x > 0)),
        r"\(Softmax\): its call has mask=<Value>, which is not supported",
    )


class TestSettings:
    """Arguments of constructors."""

    @pytest.mark.parametrize(
        ("kind", "layer", "shape", "dropped"),
        [
            ("Conv2D", layers.Conv2D(4, 3, dilation_rate=2), (9, 9, 2), "dilation_rate"),
            ("Conv2D", layers.Conv2D(4, 3, groups=2), (9, 9, 2), "groups"),
            ("MaxPooling2D", layers.MaxPooling2D(2, data_format="channels_first"), (4, 4, 4), "data_format"),
            ("UpSampling2D", layers.UpSampling2D(2, interpolation="bilinear"), (4, 4, 4), "interpolation"),
            ("LayerNormalization", layers.LayerNormalization(axis=1), (4, 4), "axis"),
            ("Rescaling", layers.Rescaling(1.0, offset=[1.0, 2.0, 3.0, 4.0]), (4,), "offset"),
            ("Dot", layers.Dot(1, normalize=True), (4,), "normalize"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a2_a6_unread_settings_are_refused(
        self, kind: str, layer: Any, shape: tuple[int, ...], dropped: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lowering that does not look at one setting does not get through."""
        lowering = LAYERS[kind]

        def blind(reading: Reading, inputs: Any, context: Any) -> Any:
            result = lowering(reading, inputs, context)
            reading._names.discard(dropped)
            return result

        monkeypatch.setitem(LAYERS, kind, blind)
        x = keras.Input(shape)
        model = keras.Model(x, layer([x, x] if kind == "Dot" else x))
        randomize(model)
        refused(model, rf"\({kind}\): {dropped}=.* is not supported")

    def test_settings_that_are_defaults_need_not_be_read(self) -> None:
        """In whatever form Keras keeps them."""
        convolution = layers.Conv2D(4, 3, strides=1, dilation_rate=(1, 1), data_format="channels_last")
        with pytest.raises(UnsupportedError) as caught:
            lowered(convolution, lambda reading: reading.activation)
        assert str(caught.value) == "kernel_size=(3, 3) is not supported"

    def test_settings_have_values(self) -> None:
        """Every argument of a layer's constructor can be compared with its default, but one that is in the shape of the weights, and one that is a
        weight."""
        made = [case.build for case in LAYER_CASES if isinstance(case.build, layers.Layer)]
        missing = {(type(m).__name__, name) for m in made for name in settings(m) if not hasattr(m, name)}
        assert missing == {("EinsumDense", "output_shape"), ("Normalization", "variance")}


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda x: ops.max(x, axis=1, initial=0.5), "initial"),
        (lambda x: ops.min(x, axis=1, keepdims=True, initial=-0.5), "initial"),
        (lambda x: ops.cumsum(x, 0, dtype="int32"), "dtype"),
        (lambda x: ops.cumsum(x, axis=1, dtype="int32") + 0.5, "dtype"),
        (lambda x: ops.prod(x, axis=1, dtype="int32") + 0.5, "dtype"),
        (lambda x: ops.full_like(x, 2.7, dtype="int32") + x, "dtype"),
    ],
    ids=["max", "min", "cumsum", "cumsum of the other axis", "prod", "full_like"],
)
def test_a6_arguments_of_operations_are_honoured_or_refused(build: Build, name: str) -> None:
    model = built(build, (3,))
    inputs = [noise([(2, 3)])[0] * 3]
    refusal = ""
    try:
        worst = errors(from_model(model, fixed(inputs)), model, inputs)
    except UnsupportedError as error:
        worst, refusal = np.inf, str(error)
    assert worst <= TOLERANCE or f"{name}=" in refusal


@pytest.mark.parametrize(
    ("build", "kind", "name"),
    [
        (lambda x: ops.max(x, axis=1, initial=0.5), "Max", "initial=0.5"),
        (lambda x: ops.sum(x, axis=1, keepdims=True), "Sum", "keepdims=True"),
        (lambda x: ops.cumsum(x, axis=1, dtype="int32"), "Cumsum", "dtype='int32'"),
        (lambda x: ops.pad(x, ((0, 0), (1, 1)), mode="reflect"), "Pad", "mode='reflect'"),
        (lambda x: ops.pad(x, ((0, 0), (1, 1)), constant_values=2.0), "Pad", "constant_values=2.0"),
        (lambda x: ops.where(x > 0, x, 1.0), "Where", "x2=1.0"),
    ],
    ids=["Max", "Sum", "Cumsum", "Pad", "Pad: an argument of the call", "Where"],
)
def test_a6_arguments_that_a_lowering_drops_are_refused(
    build: Build, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the operation: a lowering that looks at everything else, and not at that."""
    other = {"Max": "keepdims", "Sum": "", "Cumsum": "", "Pad": "", "Where": ""}[kind]

    def blind(context: Any, operation: Any, x: Any, *rest: Any) -> Any:
        for setting in ("axis", "pad_width", *filter(None, [other])):
            getattr(operation, setting, None)
        return x

    def narrow(context: Any, operation: Any, x: Any, y: Any = None) -> Any:
        for setting in ("pad_width", "mode"):
            getattr(operation, setting, None)
        return y if kind == "Where" else x

    def one(context: Any, operation: Any, x: Any) -> Any:
        return narrow(context, operation, x)

    is_call = name.startswith(("constant_values", "x2"))
    lowering: Callable[..., Any] = (narrow if kind == "Where" else one) if is_call else blind
    monkeypatch.setitem(OPERATIONS, kind, lowering)
    refused(built(build, (3,)), rf"\({kind}\): {re.escape(name)} is not supported")


@pytest.mark.slow
@cases("activation function")
def test_a4_b2_b15_activation_functions(case: KerasCase) -> None:
    check_graphs(case)


def test_a4_functions_of_one_name_are_told_apart() -> None:
    """Six functions that are called gelu, or wrap one that is."""
    x = keras.Input((3,))
    functions = [keras.activations.gelu, ops.gelu, gelu, partial(ops.gelu, approximate=False), "gelu"]
    model = keras.Model(x, [layers.Activation(function)(x) for function in functions])
    inputs = noise([(2, 3)])
    graph = from_model(model, fixed(inputs))
    assert errors(graph, model, inputs) <= 1e-6
    exact, approximate, own, partially, by_name = interpret(graph, inputs)
    assert np.array_equal(exact, by_name)
    assert np.array_equal(exact, partially)
    assert np.abs(exact - approximate).max() > 1e-5
    assert np.abs(own - exact).max() > 0.5


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (jax.nn.gelu, r"activation 'gelu': its call cannot be traced.*use keras.ops in place of another framework"),
        (np.tanh, r"activation 'tanh': .*use keras.ops in place of NumPy"),
        (partial(jax.nn.leaky_relu, negative_slope=0.3), r"activation 'partial': "),
        (lambda x: x if x > 0 else -x, r"activation '<lambda>': .*keras.ops.where"),
        (lambda x: ops.nonzero(x)[0], r"activation '<lambda>': in '<lambda>': .*\(Nonzero\): it has as many"),
    ],
    ids=["jax", "NumPy", "partial", "control flow", "unsupported operation"],
)
def test_a4_b2_other_functions_are_refused(function: Any, reason: str) -> None:
    x = keras.Input((3,))
    layer = layers.Dense(4, name="dense")
    layer.activation = function  # Keras itself cannot call some of them
    model = keras.Model(x, layers.Dense(4, name="first")(x))
    model.layers[1].activation = function
    refused(model, r"'first' \(Dense\): " + reason)


def test_b15_activation_layers_without_weights_are_refused() -> None:
    """Keras makes the weights of a layer inside another at the first call on numbers."""
    x = keras.Input((3,))
    refused(
        keras.Model(x, layers.Dense(4, activation=layers.PReLU())(x)),
        r"\(Dense\): PReLU has no weights yet; call the model",
    )


def test_b15_activation_functions_in_files(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "import keras\n\n@keras.saving.register_keras_serializable(package='mine')\n"
        "def swoosh(x):\n    return keras.ops.sigmoid(x) * 3 - x\n"
    )
    scope: dict[str, Any] = {}
    exec(code.read_text(), scope)
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(4, activation=scope["swoosh"])(x))
    model.save(tmp_path / "model.keras")
    inputs = noise([(2, 3)])
    graph = load(tmp_path / "model.keras", fixed(inputs), custom_objects=[code])
    assert errors(graph, model, inputs) <= TOLERANCE


class Applied(layers.Layer):
    """Any function of a tensor, as the `call` of a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("WhileLoop", lambda x: ops.while_loop(lambda v: ops.sum(v) < 3, lambda v: v + 1, [x])[0]),
        ("ForiLoop", lambda x: ops.fori_loop(0, 3, lambda _, v: v + 1, x)),
        ("Scan", lambda x: ops.scan(lambda carry, v: (carry + v, carry), ops.zeros((3,)), x)[1]),
        ("Map", lambda x: ops.map(lambda v: v + 1, x)),
        ("VectorizedMap", lambda x: ops.vectorized_map(lambda v: v + 1, x)),
        ("AssociativeScan", lambda x: ops.associative_scan(lambda a, b: a + b, x)),
        ("Switch", lambda x: ops.switch(ops.cast(ops.sum(x), "int32"), [lambda v: v, lambda v: -v], x)),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["", "in a layer"])
def test_b2_operations_that_take_functions(kind: str, function: Build, inside: bool) -> None:
    model = built(Applied(function).__call__ if inside else function, (3,))
    if kind == "WhileLoop":
        refused(model, "give it maximum_iterations")
        return
    compare(model, noise([(2, 3)]), 3e-6)


def test_b2_conditions() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, Applied(lambda x: ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x))(x))
    (numbers,) = noise([(2, 3)])
    for sign in (1.0, -1.0):
        compare(model, [sign * numbers], 3e-6)


@cases("unchanged")
def test_b6_inputs_that_a_layer_returns_unchanged(case: KerasCase) -> None:
    check_graphs(case)


def test_b6_subclassed_model() -> None:
    class Same(keras.Model):
        def call(self, x: Any, training: bool | None = None) -> Any:
            return {"same": x, "twice": 2 * x}

    model = Same()
    inputs = noise([(2, 3)])
    model(inputs[0])
    same, twice = interpret(from_model(model, fixed(inputs)), inputs)
    assert np.array_equal(same, inputs[0])
    assert np.array_equal(twice, 2 * inputs[0])


def test_b6_arguments_that_a_layer_leaves_unused() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Lambda(lambda xs: xs[0] * 2)([x, x + 1]))
    inputs = noise([(2, 3)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) == 0


def test_b6_what_is_no_tensor_is_refused() -> None:
    x = keras.Input((3,))
    refused(keras.Model(x, Applied(lambda x: 3.0)(x)), r"\(Applied\): .*it returns float, which is no tensor")

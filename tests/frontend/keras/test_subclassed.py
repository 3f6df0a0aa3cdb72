"""Subclassed layers and models: traced, saved and loaded, and refused where they cannot be traced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness import keras_subclasses
from harness.calibrate import randomize
from harness.keras_compare import errors, fixed
from harness.keras_models import noise
from harness.keras_subclasses import Block, Doubled, Gate, Pair, ResidualNet
from harness.metric import error
from webdnn.cli.convert_keras import main as convert_keras
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load
from webdnn.frontend.keras.support import LAYERS
from webdnn.graph.errors import ModelError, UnsupportedError
from webdnn.graph.interpreter import interpret

CODE = keras_subclasses.__file__
TOLERANCE = 3e-6


@pytest.fixture
def residual() -> Any:
    model = ResidualNet(name="net")
    model(np.zeros((1, 9, 7, 3), np.float32))
    randomize(model)
    return model


def test_residual_model(residual: Any) -> None:
    inputs = noise([(2, 9, 7, 3)])
    graph = from_model(residual, fixed(inputs))
    assert errors(graph, residual, inputs) <= TOLERANCE
    paths = {name for node in graph.nodes() for name in node.origin}
    assert "block_1/squeeze/dense" in {path.replace(residual.blocks[1].name, "block_1") for path in paths}


def test_shapes_of_the_call_are_known(residual: Any) -> None:
    """The batch of that call is an example: it is open, so 1 if not given."""
    (value,) = from_model(residual).inputs
    assert value.shape == (1, 9, 7, 3)


def test_symbolic_sizes() -> None:
    x = keras.Input((None, None, 4))
    model = keras.Model(x, Block(4)(x))
    randomize(model)
    graph = from_model(model, [parse_input_shape("(N,H,W,4)")])
    for shape in ((3, 9, 7, 4), (1, 4, 5, 4)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.parametrize("named", [False, True])
def test_several_arguments_and_results(named: bool) -> None:
    model = Pair()
    left, right = noise([(2, 5, 4), (2, 5, 3)])
    want = model(left, right)
    shapes = [parse_input_shape("(2,5,4)"), parse_input_shape("(2,5,3)")]
    if named:
        shapes = [parse_input_shape("right=(2,5,3)"), parse_input_shape("left=(2,5,4)")]
    graph = from_model(model, shapes)
    assert [v.node.origin[0] for v in graph.inputs] == ["left", "right"]
    found = interpret(graph, [left, right])
    for have, name in zip(found, sorted(want), strict=True):
        assert error(have, np.asarray(want[name])) <= TOLERANCE


def test_inputs_in_lists_and_dictionaries() -> None:
    class Listed(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs[0] * 2 - inputs[1]

    class Named(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs["plus"] - inputs["minus"] * 3

    left, right = noise([(2, 4), (2, 4)])
    listed, named = Listed(), Named()
    listed([left, right])
    named({"plus": left, "minus": right})
    assert error(interpret(from_model(listed, fixed([left, right])), [left, right])[0], left * 2 - right) <= TOLERANCE
    graph = from_model(named, fixed([right, left]))  # by name
    assert error(interpret(graph, [right, left])[0], left - right * 3) <= TOLERANCE


def test_own_call_of_keras_classes() -> None:
    """A layer of Keras and a Functional model whose `call` was replaced do what that says."""

    class Tripled(keras.Model):
        def __init__(self) -> None:
            x = keras.Input((4,))
            super().__init__(x, layers.Dense(3)(x))

        def call(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
            return super().call(x) * 3.0

    inputs = noise([(2, 4)])
    x = keras.Input((4,))
    for model in (Tripled(), keras.Model(x, Doubled(3, activation="relu")(x))):
        randomize(model)
        assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


def test_inside_time_distributed() -> None:
    class Shifted(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.exp(x) - 1

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3, 4))
    model = keras.Model(x, layers.TimeDistributed(Shifted())(x))
    inputs = noise([(2, 3, 4)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


def test_constants_of_layers_that_a_call_makes_for_itself() -> None:
    """Such a layer is gone when the call was traced, and the next may be made in its place."""

    class Rescaled(layers.Layer):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def call(self, x: Any) -> Any:
            return layers.Rescaling(np.full(3, self.factor, np.float32))(x)

    x = keras.Input((3,))
    y = x
    for factor in (1.5, 0.25, 3.0, -2.0):
        y = Rescaled(factor)(y)
    model = keras.Model(x, y)
    inputs = noise([(2, 3)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


def test_variadic_calls_of_subclassed_layers() -> None:
    class Sum(layers.Layer):
        def call(self, *xs: Any, **options: Any) -> Any:
            return xs[0] + options.get("factor", 1) * xs[1]

        def compute_output_shape(self, *shapes: Any, **_: Any) -> Any:
            return shapes[0]

        def compute_output_spec(self, *xs: Any, **_: Any) -> Any:
            return keras.KerasTensor(xs[0].shape)

    x = keras.Input((3,))
    model = keras.Model(x, Sum()(x, x * x, factor=3.0))
    inputs = noise([(2, 3)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


class TestFiles:
    def test_model(self, residual: Any, tmp_path: Path) -> None:
        residual.save(tmp_path / "net.keras")
        inputs = noise([(2, 9, 7, 3)])
        graph = load(tmp_path / "net.keras", fixed(inputs), custom_objects=[CODE])
        assert errors(graph, residual, inputs) <= TOLERANCE

    @pytest.mark.filterwarnings(
        "ignore:(?s).*does not have a `build"
    )  # it has sublayers only, which Keras builds a moment later
    @pytest.mark.parametrize("suffix", [".keras", ".h5"])
    def test_layers(self, tmp_path: Path, suffix: str) -> None:
        """One registered, one found by its name in the file."""
        x = keras.Input((6, 5, 4))
        model = keras.Model(x, Doubled(3)(Block(4)(x)))
        randomize(model)
        model.save(tmp_path / f"model{suffix}")
        inputs = noise([(1, 6, 5, 4)])
        assert errors(load(tmp_path / f"model{suffix}", custom_objects=[CODE]), model, inputs) <= TOLERANCE

    def test_command(self, residual: Any, tmp_path: Path) -> None:
        residual.save(tmp_path / "net.keras")
        command = [str(tmp_path / "net.keras"), "--out", str(tmp_path / "out"), "--backend", "fallback", "--quiet"]
        assert convert_keras([*command, "--custom_objects", CODE]) == 0
        assert (tmp_path / "out" / "descriptor.json").exists()

    def test_model_without_its_class(self, residual: Any, tmp_path: Path, capsys: Any) -> None:
        residual.save(tmp_path / "net.keras")
        assert convert_keras([str(tmp_path / "net.keras"), "--out", str(tmp_path / "out"), "--quiet"]) == 1
        message = capsys.readouterr().err
        assert (
            "(ResidualNet): a subclassed model; name the Python file that defines its class with --custom_objects"
            in message
        )

    def test_layers_without_their_classes(self, tmp_path: Path) -> None:
        x = keras.Input((6, 5, 4))
        keras.Model(x, Doubled(3, name="twice")(Block(4, name="block")(x))).save(tmp_path / "model.keras")
        with pytest.raises(UnsupportedError, match="has 2 layers that cannot be converted") as caught:
            load(tmp_path / "model.keras")
        for pattern in (
            r"'block' \(Block\): .*'harness>Block'.*--custom_objects",
            r"'twice' \(Doubled\): .*--custom_objects",
        ):
            assert pytest.raises(UnsupportedError, match=pattern).matches(caught.value), pattern

    def test_class_missing_inside_a_layer(self, tmp_path: Path) -> None:
        (tmp_path / "other.py").write_text("import keras\n")
        x = keras.Input((4,))
        keras.Model(x, layers.TimeDistributed(Doubled(3))(keras.ops.expand_dims(x, 1))).save(tmp_path / "model.keras")
        with pytest.raises(UnsupportedError, match=r"'time_distributed/doubled' \(Doubled\).*--custom_objects"):
            load(tmp_path / "model.keras", custom_objects=[tmp_path / "other.py"])

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(None, "is not a Python file that exists"), ("1 / 0", "cannot be run: ZeroDivisionError")],
    )
    def test_file_that_cannot_be_run(self, tmp_path: Path, residual: Any, content: str | None, reason: str) -> None:
        residual.save(tmp_path / "net.keras")
        if content:
            (tmp_path / "code.py").write_text(content)
        with pytest.raises(ModelError, match=reason):
            load(tmp_path / "net.keras", custom_objects=[tmp_path / "code.py"])


class TestRefusals:
    def refusal(self, call: Any, *patterns: str) -> None:
        class Bad(layers.Layer):
            def __init__(self) -> None:
                super().__init__(name="bad")
                self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        Bad.call = lambda self, x: call(self, x)
        x = keras.Input((4,))
        try:
            model = keras.Model(x, Bad()(x))
        except Exception as error:  # Keras itself cannot make that model
            pytest.fail(str(error))
        with pytest.raises(
            UnsupportedError, match=r"'bad' \(Bad\): its call cannot be traced in layer 'bad'"
        ) as caught:
            from_model(model)
        for pattern in patterns:
            assert pytest.raises(UnsupportedError, match=pattern).matches(caught.value), caught.value

    def test_random_numbers(self) -> None:
        self.refusal(
            lambda _, x: x + keras.random.normal((4,), seed=keras.random.SeedGenerator(1)), "it draws random numbers"
        )

    def test_variable_that_changes(self) -> None:
        def call(layer: Any, x: Any) -> Any:
            layer.count.assign(layer.count + 1)
            return x * layer.count

        self.refusal(call, "it changes a variable", r"test_subclassed\.py line \d+")

    def test_other_framework(self) -> None:
        import jax.numpy as jnp

        self.refusal(lambda _, x: jnp.exp(x), "use keras.ops")

    @pytest.mark.filterwarnings("ignore")  # Keras, of a model that it cannot build
    def test_control_flow(self) -> None:
        """In a model that Keras runs, but cannot trace either."""

        class Gated(keras.Model):
            def __init__(self) -> None:
                super().__init__(name="gated")
                self.dense, self.gate = layers.Dense(3), Gate(name="gate")

            def call(self, x: Any) -> Any:
                return self.gate(self.dense(x))

        model = Gated()
        model(np.ones((1, 4), np.float32))
        with pytest.raises(
            UnsupportedError, match=r"'gated' \(Gated\): .*in layer 'gate' \(Gate.call, keras_subclasses.py line \d+\)"
        ) as caught:
            from_model(model, [parse_input_shape("(1,4)")])
        assert "keras.ops.where" in str(caught.value)

    def test_unknown_shapes(self) -> None:
        with pytest.raises(
            ModelError, match=r"'pair' \(Pair\) .*inputs \(left, right\); give one --input_shape for each"
        ):
            from_model(Pair(name="pair"))

    def test_unsupported_layer_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(LAYERS, "ELU")

        class Reader(layers.Layer):
            def __init__(self) -> None:
                super().__init__(name="reader")
                self.inner = layers.ELU(name="inner")

            def call(self, x: Any) -> Any:
                return self.inner(x)

        x = keras.Input((4, 4, 3))
        with pytest.raises(UnsupportedError, match=r"'reader/inner' \(ELU\): not supported"):
            from_model(keras.Model(x, Reader()(x)))

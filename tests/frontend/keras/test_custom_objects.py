"""Classes and functions of the user, in files that name them and in Python files that define them."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from harness.keras_compare import errors
from harness.keras_files import old_layer, old_model, write_hdf5
from harness.keras_models import noise
from webdnn.frontend.keras import load
from webdnn.frontend.keras.custom import own_objects
from webdnn.graph.errors import ModelError, UnsupportedError

CONSTANTS = '''
    import keras

    class Constants(keras.layers.Layer):
        """Constants that no file holds, by initializers that `build` calls; and weights that start so."""

        def build(self, shape):
            n = shape[-1]
            self.turn = keras.initializers.Identity()((n, n))
            self.blur = keras.initializers.Constant(1 / 9)((n,))
            self.place = keras.initializers.GlorotUniform(seed=7)((n, n))
            self.normal = keras.random.normal((n,), seed=3)
            self.scale = self.add_weight(shape=(n,), initializer=keras.initializers.Constant(3.0), name="scale")
            self.first = keras.ops.sum(self.scale)
            self.gain = self.add_weight(shape=(n,), initializer="glorot_uniform", name="gain")

        def call(self, x):
            y = keras.ops.matmul(x, self.turn + self.place) * self.blur + self.normal
            return y * self.scale + self.first + self.gain
'''


def python(folder: Path, text: str, name: str = "mine.py") -> Path:
    file = folder / name
    file.write_text(textwrap.dedent(text))
    return file


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a3_initializers_that_a_layer_calls_give_their_values(suffix: str, tmp_path: Path) -> None:
    code = python(tmp_path, CONSTANTS)
    x = keras.Input((4,))
    layer = own_objects(keras, [code])["Constants"]()
    model = keras.Model(x, layers.Dense(3, kernel_initializer="orthogonal")(layer(x)))
    layer.scale.assign([1.0, -2.0, 0.5, 3.0])
    model.save(tmp_path / f"model{suffix}")
    graph = load(tmp_path / f"model{suffix}", custom_objects=[code])
    assert errors(graph, model, noise([(1, 4)])) <= 1e-6


@pytest.mark.parametrize("suffix", [".keras"])
def test_a3_weights_that_a_file_does_not_restore_are_refused(suffix: str, tmp_path: Path) -> None:
    code = python(
        tmp_path,
        """
        import keras

        class Forgetful(keras.layers.Layer):
            def build(self, shape):
                self.gain = self.add_weight(shape=(shape[-1],), name="gain")

            def call(self, x):
                return x * self.gain

            def save_own_variables(self, store):
                pass

            def load_own_variables(self, store):
                pass
        """,
    )
    x = keras.Input((4,))
    model = keras.Model(x, own_objects(keras, [code])["Forgetful"](name="lost")(x))
    model.save(tmp_path / f"model{suffix}")
    with pytest.raises(ModelError, match=r"model.keras.*no values for 'lost/gain'"):
        load(tmp_path / f"model{suffix}", custom_objects=[code])


def test_a10_weights_in_memory_that_are_not_finite_are_told() -> None:
    from webdnn.frontend.keras import from_model

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2, name="dense")(x))
    model.get_layer("dense").bias.assign([1.0, np.inf])
    with pytest.warns(UserWarning, match=r"'dense/bias' \(1 of 2\)"):
        from_model(model)


def test_a10_the_command_shows_the_warning(tmp_path: Path, capsys: Any) -> None:
    from webdnn.cli.convert_keras import main

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2, name="dense")(x))
    model.get_layer("dense").bias.assign([1.0, np.nan])
    model.save(tmp_path / "model.h5")
    main([str(tmp_path / "model.h5"), "--backend", "webgl", "--out", str(tmp_path / "out"), "--quiet"])
    assert (
        "warning: weights are NaN or infinite, and so will answers be: 'dense/bias' (1 of 2)" in capsys.readouterr().err
    )


def test_b7_custom_layers_without_a_module(tmp_path: Path) -> None:
    class Strange(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    x = keras.Input((4,))
    model = keras.Model(x, Strange(name="odd")(x))
    model.save(tmp_path / "model.h5")
    with pytest.raises(UnsupportedError, match=r"'odd' \(Strange\): custom layer.*--custom_objects"):
        load(tmp_path / "model.h5")
    code = python(
        tmp_path, "import keras\nclass Strange(keras.layers.Layer):\n    def call(self, x):\n        return x * 2\n"
    )
    assert errors(load(tmp_path / "model.h5", custom_objects=[code]), model, noise([(1, 4)])) == 0


def twice(x: Any) -> Any:
    return x * 2


@pytest.mark.parametrize("suffix", [".h5", ".keras", "of Keras 2"])
def test_b7_lambdas_of_named_functions(suffix: str, tmp_path: Path) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, layers.Lambda(twice, name="double")(x))
    if suffix == "of Keras 2":
        config = {"function": "twice", "function_type": "function", "output_shape": None}
        config |= {"output_shape_type": "raw", "output_shape_module": None, "arguments": {}}
        entry = old_layer("Lambda", "double", [["x", 0, 0, {}]], **config)
        entry["config"]["module"] = "__main__"
        image = old_layer("InputLayer", "x", batch_input_shape=[None, 4])
        file = write_hdf5(
            tmp_path / "m.h5", old_model("net", [image, entry], ["double", 0, 0]), {}, keras_version="2.3.1"
        )
    else:
        file = tmp_path / f"model{suffix}"
        model.save(file)
    for allowed in (False, True):
        with pytest.raises(
            UnsupportedError, match=r"'double' \(Lambda\): calls the function 'twice'.*--custom_objects"
        ):
            load(file, allow_unsafe=allowed)
    code = python(tmp_path, "def twice(x):\n    return x * 2\n")
    assert errors(load(file, custom_objects=[code]), model, noise([(1, 4)])) == 0


def test_b7_a_lambda_that_uses_imports_of_its_file(tmp_path: Path) -> None:
    K = keras.ops
    x = keras.Input((4,))
    function = eval("lambda x: K.square(x)", {"K": K})
    keras.Model(x, layers.Lambda(function, name="code", output_shape=(4,))(x)).save(tmp_path / "model.keras")
    with pytest.raises((ModelError, UnsupportedError), match=r"name 'K' is not defined.*--custom_objects") as caught:
        load(tmp_path / "model.keras", allow_unsafe=True)
    assert "without its imports" in str(caught.value)


def test_b7_a_lambda_of_keras_2_is_code(tmp_path: Path) -> None:
    entry = old_layer(
        "Lambda", "code", [["x", 0, 0, {}]], function=["bm9uc2Vuc2U=", None, None], function_type="lambda"
    )
    image = old_layer("InputLayer", "x", batch_input_shape=[None, 4])
    file = write_hdf5(tmp_path / "m.h5", old_model("net", [image, entry], ["code", 0, 0]), {}, keras_version="2.3.1")
    with pytest.raises(UnsupportedError, match="Python code, which has not been run, in 'code'"):
        load(file)
    with pytest.raises(ModelError, match=r"compiled by another version of Python.*--custom_objects"):
        load(file, allow_unsafe=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import not_installed_here", "pip install not_installed_here"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_b7_python_files_that_cannot_be_run(text: str, message: str, tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, layers.Dense(2)(x)).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=message):
        load(tmp_path / "model.keras", custom_objects=[python(tmp_path, text)])


def test_b7_a_python_file_may_define_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions, initializers, plain classes, and what it imports from its neighbours."""
    python(tmp_path, "def near(x):\n    return x + 1\n", "neighbour_of_mine.py")
    code = python(
        tmp_path,
        """
        import keras
        from keras.layers import Dense
        from neighbour_of_mine import near

        class Settings:
            def __init__(self, by):
                self.by = by

            def get_config(self):
                return {"by": self.by}

            @classmethod
            def from_config(cls, config):
                return cls(**config)

        class Mine(keras.initializers.Initializer):
            def __call__(self, shape, dtype=None):
                return keras.ops.ones(shape, dtype)

            def get_config(self):
                return {}

        class Scaled(keras.layers.Layer):
            def __init__(self, settings, **options):
                super().__init__(**options)
                self.settings = settings

            def call(self, x):
                return near(x) * self.settings.by

            def get_config(self):
                return {**super().get_config(), "settings": keras.saving.serialize_keras_object(self.settings)}

            @classmethod
            def from_config(cls, config):
                return cls(**{**config, "settings": keras.saving.deserialize_keras_object(config["settings"])})
        """,
    )
    found = own_objects(keras, [code])
    assert {"near", "Settings", "Mine", "Scaled"} <= set(found)
    assert "Dense" not in found
    x = keras.Input((4,))
    dense = layers.Dense(3, kernel_initializer=found["Mine"](), name="dense")
    model = keras.Model(x, found["Scaled"](found["Settings"](2.5))(dense(x)))
    model.save(tmp_path / "model.keras")
    assert errors(load(tmp_path / "model.keras", custom_objects=[code]), model, noise([(1, 4)])) <= 1e-6


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_initializers_and_regularizers_need_no_code(suffix: str, tmp_path: Path) -> None:
    """They have no part in an answer, so those of the user are not looked for."""

    class Mine(keras.initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return keras.ops.ones(shape, dtype)

        def get_config(self) -> dict[str, Any]:
            return {}

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(3, kernel_initializer=Mine(), name="dense")(x))
    model.save(tmp_path / f"model{suffix}")
    assert errors(load(tmp_path / f"model{suffix}"), model, noise([(1, 4)])) <= 1e-6


@pytest.mark.parametrize("module", ["keras.src.utils.file_utils", "keras.utils", "os", "builtins"])
def test_b9_a_configuration_makes_keras_look_up_nothing_else(module: str, tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, layers.ReLU(name="relu")(x)).save(tmp_path / "model.h5")
    for value in (
        {"module": module, "class_name": "function", "config": "get_file", "registered_name": "get_file"},
        {"module": module, "class_name": "Popen", "config": {"args": "touch proof"}, "registered_name": None},
    ):
        with h5py.File(tmp_path / "model.h5", "a") as file:
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][1]["config"]["max_value"] = value
            file.attrs["model_config"] = json.dumps(config)
        with pytest.raises(UnsupportedError, match=r"'relu'.*its configuration names"):
            load(tmp_path / "model.h5")


def test_a_file_with_a_dataclass(tmp_path: Path) -> None:
    """Python looks for the module of a dataclass while it makes one; afterwards the module is gone again, and the next file may have its name."""
    code = """
    from __future__ import annotations
    from dataclasses import dataclass

    @dataclass
    class Sizes:
        width: int = {width}
    """
    for width in (3, 4):
        file = tmp_path / str(width) / "sizes_of_mine.py"
        file.parent.mkdir()
        file.write_text(textwrap.dedent(code.format(width=width)))
        assert own_objects(keras, [file])["Sizes"]().width == width

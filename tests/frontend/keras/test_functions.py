"""Every public function of keras.ops is compared with Keras, or refused with its reason."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import keras
import numpy as np
import pytest
from keras import ops

from harness import keras_functions, keras_image_functions, keras_layers, keras_operations
from harness.keras_cases import FUNCTION_CASES, KerasCase, check_graphs
from harness.keras_compare import errors, fixed, predict, refused
from harness.keras_functions import (
    CONTROL_FUNCTIONS,
    FUNCTION_TABLES,
    IN_CODE,
    NOT_SAVED,
    ON_ARRAYS_ONLY,
    REFUSED,
    positive,
    spectrum,
    square,
)
from harness.keras_image_functions import IMAGE_FUNCTIONS
from harness.keras_models import noise
from harness.keras_together import Together
from harness.metric import error
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6  # Keras itself computes in float32
SHAPE = (5, 3)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keras warns of every .h5 file that it writes, and NumPy of infinities."""
    logging.disable(logging.WARNING)
    with np.errstate(all="ignore"):
        yield
    logging.disable(logging.NOTSET)


def public_functions() -> set[str]:
    """Of keras.ops and the modules in it, but keras.ops.image."""
    modules = [ops, ops.numpy, ops.nn, ops.linalg]
    found = {(name, getattr(module, name)) for module in modules for name in dir(module) if not name.startswith("_")}
    return {name for name, value in found if callable(value)}


def called_in(module: ModuleType) -> set[str]:
    """The functions of keras.ops that the source of a table names: `ops.sum`, `ops.image.resize`, or a text "sum"."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_public_function_is_in_a_table() -> None:
    tested = set().union(*map(called_in, (keras_functions, keras_image_functions, keras_layers, keras_operations)))
    others = {*CONTROL_FUNCTIONS, *ON_ARRAYS_ONLY, *IMAGE_FUNCTIONS}
    assert sorted(public_functions() - tested - others) == []
    assert not ({*REFUSED, *CONTROL_FUNCTIONS, *ON_ARRAYS_ONLY} - public_functions() - set(dir(ops.linalg)))


def test_the_documents_name_what_is_refused() -> None:
    """docs/keras.md has a table of them, with the modules in which Keras has them."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "keras.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.split("\n## ")[1].splitlines() if line.startswith("| `")]
    named = {name.split(".")[-1] for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert named == {*REFUSED, *ON_ARRAYS_ONLY, "elastic_transform"}


def test_the_first_functions_of_each_table() -> None:
    """JAX compiles for seconds what the default tier leaves out."""
    first = {table: next(iter(builds.values())) for table, builds in FUNCTION_TABLES.items()}
    Together({table: (build, (SHAPE,)) for table, build in first.items()}).check_with_keras(TOLERANCE)


@pytest.mark.exhaustive
@pytest.mark.parametrize("table", FUNCTION_TABLES)
def test_functions(table: str) -> None:
    Together({name: (build, (SHAPE,)) for name, build in FUNCTION_TABLES[table].items()}).check_with_keras(TOLERANCE)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(name, marks=[] if name == "function of places" else [pytest.mark.exhaustive])
        for name in FUNCTION_TABLES
    ],
)
def test_functions_from_files(table: str, tmp_path: Path) -> None:
    cases = {name: (build, (SHAPE,)) for name, build in FUNCTION_TABLES[table].items() if name not in NOT_SAVED}
    Together(cases).check_files(tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", FUNCTION_CASES, ids=lambda case: case.name)
def test_function_in_float64_and_optimized(case: KerasCase) -> None:
    check_graphs(case)


class Called(keras.Model):
    """A model of the user's own, which calls a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize("name", IN_CODE)
def test_function_in_code_of_the_user(name: str) -> None:
    model, inputs = Called(IN_CODE[name]), noise([(2, *SHAPE)], seed=0)
    found = interpret(from_model(model, fixed(inputs)), inputs)
    for have, want in zip(found, predict(model, inputs), strict=True):
        assert have.dtype == want.dtype
        assert error(have, want) <= TOLERANCE


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    build, reason = REFUSED[name]
    x = keras.Input(SHAPE, batch_size=2)
    refused(keras.Model(x, build(x)), reason)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda x: ops.unique(ops.round(x)), "unique without size.*give a size"),
        (lambda x: ops.unique(ops.round(x), axis=1, size=2), "unique along axis 1"),
        (lambda x: ops.bincount(ops.cast(x[0, :, 0] * 3, "int32"), minlength=4), r"ops.clip\(x, 0, 3\), minlength=4"),
        (lambda x: ops.segment_max(x[0], np.array([0, 1, 2, 0, 1])), "without num_segments"),
        (lambda x: ops.segment_max(x[0] > 0, np.array([0, 1, 2, 0, 1]), num_segments=3), "cast to int32"),
        (lambda x: ops.logspace(x[0, 0], 2, 3, dtype="int32"), "powers as int32.*ops.round"),
        (lambda x: ops.view(x, dtype="int32"), "bits of float32 as int32"),
        (lambda x: ops.ctc_decode(x, np.array([5, 3]), strategy="beam_search"), "strategy 'beam_search'.*greedy"),
        (lambda x: ops.nanquantile(x, 0.3, method="inverted_cdf"), "method 'inverted_cdf'; linear"),
        (lambda x: ops.norm(x, 1), "order 1 over 3 axes"),
        (lambda x: ops.stft(x, 3, 1, 3, window="boxcar"), "window 'boxcar'; hann and hamming"),
    ],
)
def test_arguments_that_are_refused_say_why(build: Any, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        from_model(Called(build), fixed(noise([(2, *SHAPE)])))


@pytest.mark.parametrize(
    "build",
    [
        lambda x: ops.inv(square(x)),
        lambda x: ops.solve_triangular(square(x), x[:, 1:4, :2], lower=True),
        lambda x: ops.cholesky(positive(x)),
        lambda x: ops.qr(x)[1],
        lambda x: ops.svd(x, compute_uv=False),
        lambda x: ops.eigh(positive(x))[0],
        lambda x: ops.fft(spectrum(x, 6))[1],
        lambda x: ops.cumprod(x, axis=0),
        lambda x: ops.erfc(x),
        lambda x: ops.size(x),
    ],
)
def test_a_batch_of_any_size(build: Any) -> None:
    x = keras.Input(SHAPE)
    model = keras.Model(x, build(x))
    graph = from_model(model, [parse_input_shape("(N,5,3)")])
    for batch in (3, 1):
        assert errors(graph, model, noise([(batch, *SHAPE)])) <= TOLERANCE


def test_sequences_of_any_length() -> None:
    """Functions that work along an axis whose size is open."""
    x = keras.Input((None, 3))
    found = [
        *(ops.tril(x, -1), ops.triu(x, 1), ops.flip(x, axis=1), ops.repeat(x, 3, axis=1)),
        *(x[:, ::2], x[:, 1:-1:3], x[:, ::-2], ops.sort(x, axis=1), ops.argsort(x, axis=1), ops.cumprod(x, axis=1)),
        *(ops.median(x, axis=1), ops.nanmedian(ops.log(x), axis=1), ops.quantile(x, np.array([0.2, 0.7]), axis=(1,))),
        *(ops.slice_update(x, [0, at, 1], x[:, 1:3, :2] * 9) for at in (1, 6, -2, 30)),
        *(
            ops.slice_update(x, [0, ops.cast(x[0, 0, 0] * 9, "int32"), 1], x[:, 1:3, :2] * 9),
            ops.extract_sequences(ops.swapaxes(x, 1, 2), 4, 3),
        ),
        ops.slice(x, ops.cast(x[0, 0] * 3, "int32"), (1, 5, 2)),
        ops.scatter_update(x, np.array([[0, 1, 2], [0, -1, 0]]), np.array([7, 8], np.float32)),
    ]
    model = keras.Model(x, found)
    graph = from_model(model, [parse_input_shape("(N,T,3)")])
    for shape in ((2, 7, 3), (1, 12, 3)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.exhaustive
def test_sound_of_any_length() -> None:
    """To frequencies and back, and mirrored ends."""
    x = keras.Input((None,))
    parts = ops.stft(x, 8, 3, 10)
    padded = [ops.pad(x, [[0, 0], [2, 3]], mode=mode) for mode in ("reflect", "symmetric", "edge", "wrap")]
    model = keras.Model(x, [*parts, ops.istft(parts, 8, 3, 10), ops.cumprod(x, axis=1), *padded])
    graph = from_model(model, [parse_input_shape("(N,T)")])
    for shape in ((2, 31), (1, 12)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE
    assert [(str(c.left), str(c.right)) for c in graph.constraints if c.symbols == {"T"}] == [("6", "T")]


SPECIAL_VALUES = np.array(
    [0, -0.0, 1, -1, 0.5, -0.5, 2, -3.7, 1e-30, 1e20, -1e20, 3e38, -3e38, np.inf, -np.inf, np.nan, 88, -88, 7.25],
    np.float32,
)
UNARY = """
    abs angle arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil celu cos cosh deg2rad elu erf erfc erfinv exp exp2 expm1 floor hard_shrink
    hard_sigmoid hard_silu hard_tanh imag isfinite isinf isnan isneginf isposinf isreal leaky_relu log log10 log1p log2 log_sigmoid logical_not
    nan_to_num negative rad2deg reciprocal relu relu6 round rsqrt selu sigmoid sign signbit sin sinc sinh soft_shrink softplus softsign sparse_plus
    sparse_sigmoid sqrt square squareplus tan tanh tanh_shrink trunc max min nanmax nanmin nansum nanmean nanprod sort argsort argmax argmin
    nanargmax nanargmin softmax log_softmax logsumexp median nanmedian any all count_nonzero cumsum nancumsum flip
""".split()
BINARY = """
    add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot isclose less less_equal logaddexp
    logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply nextafter not_equal power subtract
""".split()


def test_special_values() -> None:
    """NaN, infinities, zeros of either sign and numbers that overflow, alone and in pairs, element by element."""
    count = len(SPECIAL_VALUES)
    left, right = np.repeat(SPECIAL_VALUES, count)[None], np.tile(SPECIAL_VALUES, count)[None]
    x, y, z = keras.Input((count,), batch_size=1), *(keras.Input((count**2,), batch_size=1) for _ in range(2))
    results = {name: getattr(ops, name)(x) for name in UNARY} | {name: getattr(ops, name)(y, z) for name in BINARY}
    model = keras.Model([x, y, z], list(results.values()))
    inputs = [SPECIAL_VALUES[None], left, right]
    found = interpret(from_model(model, fixed(inputs)), inputs)
    wanted = jax.jit(lambda *given: model(list(given)))(*inputs)
    for name, have, want in zip(results, found, wanted, strict=True):
        nothing = 2e-8 if name == "logaddexp2" else 2e-36  # Keras has −1e-8 where log₂(½ + ½) is 0
        np.testing.assert_allclose(have, np.asarray(want), rtol=3e-6, atol=nothing, err_msg=name)

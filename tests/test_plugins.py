"""Plugins: the worked example on all backends, and what is said of plugins that are wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import webdnn
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.graph.errors import PluginError, UnsupportedError
from webdnn.graph.graph import Graph, Input, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "example" / "plugin"
TARGETS = ("webgpu", "webgl", "webassembly", "fallback")
SIZES = ({"N": 1, "T": 1}, {"N": 3, "T": 7})


def haar_model() -> Any:
    """Both results are read, one of them where a concatenation wants it; sizes are no multiples of a texel."""
    import keras

    from webdnn.plugin import loaded

    with loaded([EXAMPLE / "haar.py"]) as plugins:
        ((layer, _),) = plugins.layers("keras").items()
    x = keras.Input((None, 10), name="x")
    low, high = layer(scale=0.75)(keras.layers.Dense(6)(x))
    low, finer = layer()(keras.layers.Concatenate()([low * 2.0, high]))
    return keras.Model(x, [keras.layers.Concatenate(axis=1)([low, finer]), high])


@pytest.fixture(scope="module")
def haar(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("haar")
    model = haar_model()
    model.save(folder / "model.keras")
    webdnn.convert(
        folder / "model.keras", folder / "output", "(N,T,10)", backends=TARGETS, plugins=[EXAMPLE / "haar.py"]
    )
    return folder, model


def runs(model: Any) -> list[tuple[dict[str, int], list[np.ndarray], list[np.ndarray]]]:
    random = np.random.default_rng(1)
    inputs = [random.standard_normal((s["N"], s["T"], 10)).astype(np.float32) for s in SIZES]
    return [(s, [x], [np.asarray(y) for y in model(x)]) for s, x in zip(SIZES, inputs, strict=True)]


@pytest.mark.slow
@pytest.mark.browser
def test_an_op_of_two_outputs_on_every_backend(haar: tuple[Path, Any], browser: Any, serve_session: Any) -> None:
    folder, model = haar
    server = serve_session({"/haar/": folder / "output", "/plugin/": EXAMPLE})
    page = browser.new_page()
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    wanted = runs(model)
    jobs = [job("/haar", name, [(symbols, inputs) for symbols, inputs, _ in wanted]) for name in TARGETS]
    *answers, without = run_jobs(page, jobs)
    assert isinstance(without, PageError)
    assert "this model needs the page's kernel 'haar': run haar.js before load" in str(without)
    page.evaluate(
        "Promise.all([import('/plugin/haar.js'), import('/runtime/webdnn.mjs')]).then(([m, W]) => m.registerHaar(W))"
    )
    answers += run_jobs(page, jobs[-1:])
    for name, answer in zip(TARGETS, answers, strict=True):
        assert not isinstance(answer, PageError), (name, answer)
        for outputs, (_, _, expected) in zip(answer, wanted, strict=True):
            for have, want in zip(outputs, expected, strict=True):
                np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6, err_msg=name)
    page.close()


def test_from_a_file_and_from_memory_by_the_interpreter(haar: tuple[Path, Any]) -> None:
    folder, model = haar
    plugins = [EXAMPLE / "haar.py"]
    for source in (model, folder / "model.keras"):
        graph = webdnn.load(source, "(N,T,10)", plugins=plugins)
        assert str(graph).count("HaarStep") == 2
        for symbols, inputs, expected in runs(model):
            for have, want in zip(interpret(graph, inputs, symbols), expected, strict=True):
                np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def test_nothing_is_left_of_a_plugin(haar: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = haar
    before = list(sys.path), set(sys.modules)
    graph = webdnn.load(folder / "model.keras", "(1,2,10)", plugins=[EXAMPLE / "haar.py"])
    assert (list(sys.path), {name for name in sys.modules if "haar" in name}) == (before[0], set())
    with pytest.raises(UnsupportedError, match="custom layer"):
        webdnn.load(folder / "model.keras", "(1,2,10)")
    with pytest.raises(UnsupportedError, match=r"HaarStep 'haar'.*not supported"):
        webdnn.convert(graph, tmp_path / "out", backends=["fallback"])
    webdnn.convert(graph, tmp_path / "out", backends=["fallback"], plugins=[EXAMPLE / "haar.py"])


RULE = """
from webdnn.graph.ops import Elementwise
from webdnn.graph.ops.elementwise import elementwise

def exact(value, context):
    if isinstance(value.op, Elementwise) and [c.function for c in value.op.program.calls] == ["tanh"]:
        return elementwise("sin", *value.node.inputs, origin=value.origin)
    return None

def register(plugin):
    plugin.rule(exact)
"""


def test_a_rule_is_tried_for_one_conversion(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text(RULE)
    x = apply(Input("x", TensorType((2, 3))))
    graph = Graph((x,), (elementwise("tanh", x),), ("y",))

    def plan(name: str, **options: Any) -> str:
        webdnn.convert(graph, tmp_path / name, backends=["fallback"], **options)
        return next((tmp_path / name).glob("plan.*.json")).read_text()

    assert "sin" in plan("with", plugins=[tmp_path / "rule.py"])
    assert "tanh" in plan("without")
    assert "tanh" in plan("plain", plugins=[tmp_path / "rule.py"], optimize=False)


def write_plugin(folder: Path, body: str) -> Path:
    text = (
        "from dataclasses import dataclass\nimport keras\nfrom webdnn.graph.graph import Op\n\n\n"
        "def register(plugin):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    )
    file = folder / "wrong.py"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("plugin.layer('Dense', print)", "'Dense' is a layer of Keras that WebDNN converts"),
        ("plugin.layer('A', print)\nplugin.layer('A', print)", "line 8: A has a converter already"),
        ("plugin.layer(3, print)", "line 7: a layer is a class or the name of one, got 3"),
        ("plugin.layer('A', None)", "the converter of 'A' is None, which is no function"),
        ("plugin.layer('A', print, frontend='onnx')", "no frontend 'onnx'; choose from keras"),
        ("plugin.lowering('cuda', Op, print)", "no backend 'cuda'; choose from webgpu"),
        ("plugin.lowering('webgpu', int, print)", "int'> is no subclass"),
        ("class Pool2D(Op): pass\nplugin.lowering('webgpu', Pool2D, print)", "Pool2D is an op of WebDNN"),
        ("plugin.templates('nowhere')", "nowhere' does not exist"),
        ("plugin.rule(7)", "a rule is 7, which is no function"),
        ("plugin.layre('A', print)", "line 7: AttributeError: 'Plugin' object has no attribute 'layre'"),
        ("plugin.rule(lambda value, context: 1 / 0)", "line 7: ZeroDivisionError"),
    ],
)
def test_wrong_plugins(tmp_path: Path, body: str, message: str) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(PluginError, match=re.escape(message)):
        webdnn.convert(model, tmp_path / "out", backends=["fallback"], plugins=[write_plugin(tmp_path, body)])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.py", None, "--plugin '.*none.py' is not a Python file that exists"),
        ("empty.py", "", r"defines no function register\(plugin\)"),
        ("bad.py", "x = 1\ny = z\n", "bad.py', line 2, cannot be run: NameError"),
        ("syntax.py", "x = 1\ndef f(:\n", "syntax.py', line 2, cannot be run: SyntaxError"),
    ],
)
def test_files_that_are_no_plugins(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(PluginError, match=message):
        webdnn.load("any.keras", plugins=[tmp_path / name])


def test_a_template_that_has_the_name_of_another(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels/header.wgsl.jinja").write_text("")
    file = write_plugin(tmp_path, "plugin.templates('kernels')")
    x = apply(Input("x", TensorType((2, 3))))
    graph = Graph((x,), (elementwise("tanh", x),), ("y",))
    with pytest.raises(PluginError, match=r"header\.wgsl\.jinja': WebDNN itself has a template of that name"):
        webdnn.convert(graph, tmp_path / "out", backends=["webgpu"], plugins=[file])
    webdnn.convert(graph, tmp_path / "out", backends=["webgl"], plugins=[file])


def test_the_document_shows_the_example() -> None:
    """Each block of code stands in a file of the example as it is."""
    blocks = re.findall(r"```(?:py|javascript|wgsl|glsl|c)\n(.*?)```", (ROOT / "docs/plugins.md").read_text(), re.S)
    files = [file.read_text() for file in EXAMPLE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert len(blocks) == 11
    for block in blocks:
        assert any(block in file for file in files), block

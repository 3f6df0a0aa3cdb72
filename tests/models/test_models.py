"""Whole Keras models: saved, converted, run on every backend, against Keras in float64."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.applications import NATIVE, REDUCED, in_tiers
from harness.keras_models import MODELS, noise
from harness.metric import error
from harness.node import run_in_node
from harness.page import PageError, job
from harness.workshop import Model, convert
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import load
from webdnn.graph.graph import Constant, Graph, Node, Value
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, DepthwiseConv2D
from webdnn.optimizer.passes import optimize

Array = np.ndarray
TOLERANCE = 1e-5
KERNEL_BYTES = 80_000
WEBASSEMBLY = {
    "webassembly simd": {"variant": "simd"},
    "webassembly relaxed-simd": {"variant": "relaxed-simd"},
}
OTHERS: dict[str, dict[str, str]] = {
    "fallback": {},
    "webgpu": {},
    "webgl": {},
}  # the last two on SwiftShader, about 0.5 GFLOP/s
DEVICES = WEBASSEMBLY | OTHERS


def check(answer: list[Array], wanted: list[Array], record: Any) -> None:
    """Fails when an output is off; writes the largest error down in the results of the test."""
    errors = [error(have, want) for have, want in zip(answer, wanted, strict=True)]
    record("measured", f"error {max(errors):.2e}")
    assert max(errors) <= TOLERANCE


# Well-known networks, each from its HDF5 file.


@pytest.mark.parametrize("device", WEBASSEMBLY)
@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_native_size(workshop: Any, run_in_page: Any, record_property: Any, name: str, device: str) -> None:
    model = workshop.application(name, NATIVE[name])
    (answer,) = run_in_page(model.descriptor, "webassembly", [({}, model.inputs)], **DEVICES[device])
    check(answer, model.wanted, record_property)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_native_size_on_fallback(workshop: Any, run_in_page: Any, record_property: Any, name: str) -> None:
    model = workshop.application(name, NATIVE[name])
    check(run_in_page(model.descriptor, "fallback", [({}, model.inputs)])[0], model.wanted, record_property)


@pytest.mark.parametrize("device", OTHERS)
@pytest.mark.parametrize("name", in_tiers(REDUCED))
def test_reduced_size(workshop: Any, run_in_page: Any, record_property: Any, name: str, device: str) -> None:
    model = workshop.application(name, REDUCED[name])
    check(run_in_page(model.descriptor, device, [({}, model.inputs)])[0], model.wanted, record_property)


@pytest.mark.parametrize(
    ("backend", "sizes"),
    [("webassembly", NATIVE), ("fallback", REDUCED)],
    ids=lambda v: v if isinstance(v, str) else "",
)
@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_node(workshop: Any, runtime_dist: Path, record_property: Any, name: str, backend: str, sizes: Any) -> None:
    model = workshop.application(name, sizes[name])
    options = {"variant": "simd"} if backend == "webassembly" else {}
    one = job(str(model.descriptor), backend, [({}, model.inputs)], **options)
    (answer,) = run_in_node(runtime_dist / "webdnn.mjs", [one])
    if isinstance(answer, PageError):
        raise answer
    check(answer[0], model.wanted, record_property)


@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_both_formats_give_the_same_descriptor(workshop: Any, tmp_path: Path, name: str) -> None:
    model = workshop.application(name, NATIVE[name])
    convert(model.file, tmp_path / "out", model.shapes)
    other = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert {file.name for file in model.descriptor.iterdir()} == set(other)
    assert [file.name for file in model.descriptor.iterdir() if file.read_bytes() != other[file.name]] == []


@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_compiled_kernels_are_small(workshop: Any, record_property: Any, name: str) -> None:
    """What a page fetches besides the weights: one of these modules, compressed."""
    modules = list(workshop.application(name, NATIVE[name]).descriptor.glob("*.wasm"))
    assert len(modules) == 4
    size = max(len(gzip.compress(module.read_bytes(), 9)) for module in modules)
    record_property("measured", f"{size:,} bytes")
    assert size <= KERNEL_BYTES


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", in_tiers(REDUCED))
def test_application_without_optimizer(
    workshop: Any, run_in_page: Any, record_property: Any, tmp_path: Path, name: str
) -> None:
    """`--optimize 0` gives the same answers."""
    model = workshop.application(name, REDUCED[name])
    plain = tmp_path / f"plain-{name}"
    convert(model.hdf5, plain, model.shapes, "--optimize", "0", "--backend", "webassembly")
    check(run_in_page(plain, "webassembly", [({}, model.inputs)])[0], model.wanted, record_property)


CONVERSION = """
import sys
from pathlib import Path
from webdnn.cli.convert_keras import main
assert main(sys.argv[1:]) == 0
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell how much memory a process took"
)
@pytest.mark.parametrize("name", in_tiers(["vgg16"]))
def test_memory_of_a_conversion(workshop: Any, record_property: Any, tmp_path: Path, name: str) -> None:
    """VGG16 has 553 MB of weights."""
    model = workshop.application(name, NATIVE[name])
    arguments = [str(model.hdf5), "--input_shape", *model.shapes, "--out", str(tmp_path / "out"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", CONVERSION, *arguments], capture_output=True, text=True, check=True)
    peak = 1024 * int(done.stdout)
    record_property("measured", f"{peak / 1e9:.2f} GB")
    assert peak <= 3e9


# Small models.


ON_ALL = ("residual", "three_inputs", "unet", "waveform")
"""In the default tier these run on every device, the others on one of the CPU and one of the GPU."""
OF_ALL = ("webassembly simd", "webgl")


def device_parameters() -> list[Any]:
    """(model, device); the first model is in the fast tier."""
    found = []
    for name in MODELS:
        for device in DEVICES:
            exhaustive = [] if name in ON_ALL or device in OF_ALL else [pytest.mark.exhaustive]
            found.append(pytest.param(name, device, marks=[pytest.mark.fast] if name == ON_ALL[0] else exhaustive))
    return found


@pytest.mark.parametrize(("name", "device"), device_parameters())
def test_small_models(workshop: Any, run_in_one_page: Any, record_property: Any, name: str, device: str) -> None:
    """Several inputs and outputs, shared layers, nested models, dense and pre-activation blocks."""
    model = workshop.small(name)
    (answer,) = run_in_one_page(model.descriptor, device.split()[0], [({}, model.inputs)], **DEVICES[device])
    check(answer, model.wanted, record_property)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ON_ALL else [pytest.mark.exhaustive]) for n in MODELS]
)
def test_without_optimizer(
    workshop: Any, run_in_one_page: Any, record_property: Any, tmp_path: Path, name: str
) -> None:
    """`--optimize 0` gives the same answers."""
    model = workshop.small(name)
    plain = tmp_path / f"plain-{name}"
    convert(model.file, plain, model.shapes, "--optimize", "0", "--backend", "webassembly")
    check(run_in_one_page(plain, "webassembly", [({}, model.inputs)])[0], model.wanted, record_property)


# Sizes that the page chooses.

ON_SOME = [pytest.param(d, marks=[] if d in (*OF_ALL, "fallback") else [pytest.mark.exhaustive]) for d in DEVICES]


def check_sizes(
    workshop: Any,
    run_in_page: Any,
    model: Model,
    descriptor: Path,
    device: str,
    runs: list[tuple[dict[str, int], list[Array]]],
) -> None:
    answers = run_in_page(descriptor, device.split()[0], runs, **DEVICES[device])
    wanted = workshop.answers(model.file, [inputs for _, inputs in runs])
    for (answer,), (want,) in zip(answers, wanted, strict=True):
        assert error(answer, want) <= TOLERANCE


@pytest.mark.parametrize("device", ON_SOME)
def test_symbolic_unet(workshop: Any, run_in_page: Any, device: str) -> None:
    """One descriptor, three batch sizes, two image sizes; a size that breaks the divisibility is refused with the constraint."""
    model = workshop.application("unet", REDUCED["unet"])
    descriptor = workshop.converted(model.hdf5, ["(N<=8,H,W,3)"])
    shapes = [(1, 32, 48, 3), (3, 16, 16, 3), (8, 16, 32, 3)]
    runs = [(dict(zip("NHW", shape, strict=False)), noise([shape], seed=3)) for shape in shapes]
    check_sizes(workshop, run_in_page, model, descriptor, device, runs)
    broken = ({"N": 1, "H": 40, "W": 32}, noise([(1, 40, 32, 3)]))
    with pytest.raises(PageError, match="H = 40 does not fit the model, which needs H % 16 == 0, such as 32 or 48"):
        run_in_page(descriptor, device.split()[0], [broken], **DEVICES[device])
    too_many = ({"N": 9, "H": 16, "W": 16}, noise([(9, 16, 16, 3)]))
    with pytest.raises(PageError, match="N"):
        run_in_page(descriptor, device.split()[0], [too_many], **DEVICES[device])


@pytest.mark.parametrize("device", ON_SOME)
def test_symbolic_batch(workshop: Any, run_in_page: Any, device: str) -> None:
    size = REDUCED["mobilenet_v2"]
    model = workshop.application("mobilenet_v2", size)
    descriptor = workshop.converted(model.hdf5, [f"(N,{size},{size},3)"])
    runs = [({"N": n}, noise([(n, size, size, 3)], seed=n)) for n in (1, 3, 8)]
    check_sizes(workshop, run_in_page, model, descriptor, device, runs)


# The harness's own test: a wrong model must not pass.


def mutant_of(graph: Graph, target: Node, mutate: Callable[[Node], Node]) -> Graph:
    """`graph` with one node changed."""
    known: dict[Value, Value] = {}
    for node in graph.nodes():
        fresh = Node(node.op, tuple(known[v] for v in node.inputs), node.origin) if node.inputs else node
        known.update(zip(node.outputs, (mutate(fresh) if node is target else fresh).outputs, strict=True))
    return replace(graph, outputs=tuple(known[v] for v in graph.outputs))


def without_bias(node: Node) -> Node:
    """The same convolution with its bias set to zero."""
    bias = node.inputs[2]
    assert isinstance(bias.op, Constant)
    zero = Node(Constant(np.zeros_like(bias.op.array)), (), bias.origin)
    return Node(node.op, (*node.inputs[:2], zero.outputs[0], *node.inputs[3:]), node.origin)


def shifted_pad(node: Node) -> Node:
    """The same convolution with its padding moved by one pixel."""
    assert isinstance(node.op, Conv2D | DepthwiseConv2D)
    (top, bottom), columns = node.op.padding
    return Node(replace(node.op, padding=((top + 1, bottom - 1), columns)), node.inputs, node.origin)


@pytest.mark.parametrize("name", in_tiers(REDUCED))
def test_mutants_fail(workshop: Any, name: str) -> None:
    """Dropping any one bias, or shifting any one pad, is seen by the comparison."""
    model = workshop.application(name, REDUCED[name])
    graph = optimize(load(model.file, [parse_input_shape(model.shapes[0])]))
    assert error(interpret(graph, model.inputs)[0], model.wanted[0]) <= TOLERANCE
    convolutions = [n for n in graph.nodes() if isinstance(n.op, Conv2D | DepthwiseConv2D)]
    biased = [n for n in convolutions if len(n.inputs) > 2 and isinstance(n.inputs[2].op, Constant)]
    padded = [n for n in convolutions if n.op.padding[0][1] > 0]
    # A depthwise convolution of a separable one has no bias, and DenseNet's every second convolution none.
    assert len(biased) >= 0.45 * sum(isinstance(n.op, Conv2D) for n in convolutions)
    assert padded
    for node, mutate in [*((n, without_bias) for n in biased[::9]), *((n, shifted_pad) for n in padded[::9])]:
        found = error(interpret(mutant_of(graph, node, mutate), model.inputs)[0], model.wanted[0])
        assert found > 10 * TOLERANCE, f"{mutate.__name__} of {node.origin} changes the answer by {found:.1e} only"

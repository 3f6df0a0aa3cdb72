"""Whole Keras models: saved, converted, run on every backend, against Keras in float64."""

from __future__ import annotations

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
from harness.reference import keras_float64
from harness.workshop import Converted, convert
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import load
from webdnn.graph.graph import Constant, Graph, Node, Value
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, DepthwiseConv2D
from webdnn.optimizer.passes import optimize

Array = np.ndarray
TOLERANCE = 1e-5
FAST = {
    "webassembly simd": {"variant": "simd"},
    "webassembly relaxed-simd": {"variant": "relaxed-simd"},
    "fallback": {},
}
SLOW = {"webgpu": {}, "webgl": {}}  # on SwiftShader, about 0.5 GFLOP/s


def check(answer: list[Array], converted: Converted) -> None:
    for have, want in zip(answer, converted.wanted, strict=True):
        assert error(have, want) <= TOLERANCE


@pytest.mark.parametrize("device", [name for name in FAST if name != "fallback"])
@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_native_size(workshop: Any, run_in_page: Any, name: str, device: str) -> None:
    converted = workshop.application(name, NATIVE[name])
    answer = run_in_page(converted.descriptor, device.split()[0], [({}, converted.inputs)], **FAST[device])
    check(answer[0], converted)


@pytest.mark.parametrize("device", ["fallback", *SLOW])
@pytest.mark.parametrize("name", in_tiers(REDUCED))
def test_reduced_size(workshop: Any, run_in_page: Any, name: str, device: str) -> None:
    converted = workshop.application(name, REDUCED[name])
    check(run_in_page(converted.descriptor, device, [({}, converted.inputs)])[0], converted)


@pytest.mark.parametrize("backend", ["webassembly", "fallback"])
@pytest.mark.parametrize("name", in_tiers(NATIVE))
def test_node(workshop: Any, runtime_dist: Path, name: str, backend: str) -> None:
    converted = workshop.application(name, NATIVE[name])
    options = {"variant": "simd"} if backend == "webassembly" else {}
    one = job(str(converted.descriptor), backend, [({}, converted.inputs)], **options)
    (answer,) = run_in_node(runtime_dist / "webdnn.mjs", [one])
    if isinstance(answer, PageError):
        raise answer
    check(answer[0], converted)


@pytest.mark.parametrize("device", FAST | SLOW)
@pytest.mark.parametrize("name", MODELS)
def test_small_models(workshop: Any, run_in_page: Any, name: str, device: str) -> None:
    """Several inputs and outputs, shared layers, nested models, dense and pre-activation blocks."""
    converted = workshop.small(name)
    options = (FAST | SLOW)[device]
    check(run_in_page(converted.descriptor, device.split()[0], [({}, converted.inputs)], **options)[0], converted)


@pytest.mark.slow
@pytest.mark.parametrize("device", FAST | SLOW)
def test_symbolic_unet(workshop: Any, run_in_page: Any, tmp_path: Path, device: str) -> None:
    """One descriptor, three batch sizes, two image sizes; a size that breaks the divisibility is refused with the constraint."""
    converted = workshop.application("unet", REDUCED["unet"])
    descriptor = tmp_path / f"symbolic-{device.replace(' ', '-')}"
    convert(converted.file, descriptor, ["(N<=8,H,W,3)"], "--backend", device.split()[0])
    shapes = [(1, 32, 48, 3), (3, 16, 16, 3), (8, 16, 32, 3)]
    runs = [(dict(zip("NHW", shape, strict=False)), noise([shape], seed=3)) for shape in shapes]
    options = (FAST | SLOW)[device]
    answers = run_in_page(descriptor, device.split()[0], runs, **options)
    for answer, (_, inputs) in zip(answers, runs, strict=True):
        assert error(answer[0], keras_float64(converted.file, inputs)[0]) <= TOLERANCE
    broken = ({"N": 1, "H": 40, "W": 32}, noise([(1, 40, 32, 3)]))
    with pytest.raises(PageError, match="H = 40 does not fit the model, which needs H % 16 == 0, such as 32 or 48"):
        run_in_page(descriptor, device.split()[0], [broken], **options)
    with pytest.raises(PageError, match="N"):
        run_in_page(descriptor, device.split()[0], [({"N": 9, "H": 16, "W": 16}, noise([(9, 16, 16, 3)]))], **options)


@pytest.mark.slow
@pytest.mark.parametrize("device", FAST | SLOW)
def test_symbolic_batch(workshop: Any, run_in_page: Any, tmp_path: Path, device: str) -> None:
    name = "mobilenet_v2"
    converted = workshop.application(name, REDUCED[name])
    descriptor = tmp_path / f"batch-{device.replace(' ', '-')}"
    size = REDUCED[name]
    convert(converted.file, descriptor, [f"(N,{size},{size},3)"], "--backend", device.split()[0])
    runs = [({"N": n}, noise([(n, size, size, 3)], seed=n)) for n in (1, 3, 8)]
    answers = run_in_page(descriptor, device.split()[0], runs, **(FAST | SLOW)[device])
    for answer, (_, inputs) in zip(answers, runs, strict=True):
        assert error(answer[0], keras_float64(converted.file, inputs)[0]) <= TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_without_optimizer(workshop: Any, run_in_page: Any, tmp_path: Path, name: str) -> None:
    """`--optimize 0` gives the same answers."""
    converted = workshop.small(name)
    plain = tmp_path / f"plain-{name}"
    shapes = [str(x.shape) for x in converted.inputs]
    convert(converted.file, plain, shapes, "--optimize", "0", "--backend", "webassembly")
    check(run_in_page(plain, "webassembly", [({}, converted.inputs)])[0], converted)


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
    converted = workshop.application(name, REDUCED[name])
    graph = optimize(load(converted.file, [parse_input_shape(str(converted.inputs[0].shape))]))
    assert error(interpret(graph, converted.inputs)[0], converted.wanted[0]) <= TOLERANCE
    convolutions = [n for n in graph.nodes() if isinstance(n.op, Conv2D | DepthwiseConv2D)]
    biased = [n for n in convolutions if len(n.inputs) > 2 and isinstance(n.inputs[2].op, Constant)]
    padded = [n for n in convolutions if n.op.padding[0][1] > 0]
    assert len(biased) >= 0.9 * len(convolutions)
    assert padded
    for node, mutate in [*((n, without_bias) for n in biased[::9]), *((n, shifted_pad) for n in padded[::9])]:
        found = error(interpret(mutant_of(graph, node, mutate), converted.inputs)[0], converted.wanted[0])
        assert found > 10 * TOLERANCE, f"{mutate.__name__} of {node.origin} changes the answer by {found:.1e} only"

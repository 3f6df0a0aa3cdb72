"""The picture of a graph: where things stand, and what they say."""

from __future__ import annotations

import random
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.graphs import chain, constant, image, small_graph
from webdnn.cli.layered import Layout, layout
from webdnn.cli.picture import CHARACTER, LONGEST, draw
from webdnn.graph.graph import Graph, Input, Node, apply
from webdnn.graph.ops import Concat, Conv2D, MatMul, Repeat
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import single
from webdnn.graph.types import TensorType

SVG = "{http://www.w3.org/2000/svg}"


def boxes_of(result: Layout, sizes: list[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(result.corners, sizes, strict=True)]


def check(result: Layout, sizes: list[tuple[float, float]], edges: list[tuple[int, int]]) -> None:
    boxes = boxes_of(result, sizes)
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= result.width + 1e-6
        assert bottom <= result.height + 1e-6
        for other in boxes[:number]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top, "boxes overlap"
    for source, target in edges:
        assert boxes[source][3] < boxes[target][1], "an edge runs upwards"
    for link in result.links:
        assert link.upper.bottom < link.lower.top
        for segment in (link.upper, link.lower):
            for left, top, right, bottom in boxes:
                inside = left + 1e-6 < segment.x < right - 1e-6
                assert not (inside and segment.top < bottom - 1e-6 and segment.bottom > top + 1e-6), (
                    "an edge runs through a box"
                )
        # A curve stays between the bands that it joins, where there is no box.
        for _, top, _, bottom in boxes:
            assert bottom <= link.upper.bottom + 1e-6 or top >= link.lower.top - 1e-6
    assert sum(link.arrives for link in result.links) == len(edges)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed):
    choose = random.Random(seed)
    count = choose.randint(2, 40)
    sizes = [(choose.uniform(40, 200), choose.uniform(30, 90)) for _ in range(count)]
    edges = sorted(
        {
            (choose.randint(max(0, t - choose.choice((1, 3, 30))), t - 1), t)
            for t in range(1, count)
            for _ in range(choose.randint(0, 3))
        }
    )
    check(layout(sizes, edges), sizes, edges)


def test_a_value_read_twice_by_one_node():
    check(layout([(50, 30)] * 2, [(0, 1), (0, 1)]), [(50, 30)] * 2, [(0, 1), (0, 1)])


def test_nothing():
    assert layout([], []) == Layout((), (), 0.0, 0.0)


def test_a_chain_is_straight():
    sizes = [(40.0 + 10 * i, 30.0) for i in range(6)]
    result = layout(sizes, list(pairwise(range(6))))
    middles = {round(x + w / 2, 6) for (x, _), (w, _) in zip(result.corners, sizes, strict=True)}
    assert len(middles) == 1


def test_branches_stand_side_by_side():
    result = layout([(50, 30)] * 4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    assert result.corners[1][1] == result.corners[2][1]
    assert result.corners[0][0] == pytest.approx(result.corners[3][0])


def test_a_long_edge_passes_beside_the_boxes_in_a_straight_line():
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    result = layout([(50, 30)] * 5, edges)
    check(result, [(50, 30)] * 5, edges)
    assert len({round(link.lower.x, 6) for link in result.links if not link.arrives}) == 1


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def rnn() -> Graph:
    """A loop, two outputs, and names that need care."""
    state, element = apply(Input("h", TensorType((1, 5)))), apply(Input("x_t", TensorType((1, 8))))
    after = elementwise(
        "tanh",
        apply(MatMul(single("add", None, None)), state, constant(5, 5), apply(MatMul(), element, constant(8, 5))),
    )
    body = Graph((state, element), (after, after), ("h", "y"))
    x = apply(Input("<sequence> & more", TensorType((4, 1, 8))))
    loop = Node(Repeat(4, body, 1, 1), (constant(1, 5), x), ("layer_with_a_name_" + "so_long_" * 12,))
    return Graph((x,), loop.outputs, ("last", "all"), name="a < b")


def test_what_the_boxes_say():
    shown = texts(draw(small_graph()))
    assert shown[0] == "small"
    for line in (
        "Input",
        "image",
        "1×8×8×3",
        "Conv2D 3×3",
        "add bias",
        "Pool2D max 2×2 /2",
        "pool",
        "1×4×4×4",
        "Output",
    ):
        assert line in shown


def test_epilogues_are_shown():
    x = image(1, 4, 4, 3)
    y = apply(Conv2D(epilogue=single("add", None, None)), x, constant(1, 1, 3, 2), constant(2))
    z = apply(Conv2D(epilogue=single("add", None, None)), x, constant(1, 1, 3, 2), y)
    shown = texts(draw(Graph((x,), (z,), ("z",))))
    assert "→ add bias" in shown
    assert "→ add input" in shown


def test_a_loop_is_a_frame_around_its_body():
    svg = draw(rnn())
    shown = texts(svg)
    assert {"Repeat × 4", "x_t", "Elementwise", "tanh", "<sequence> & more", "a < b"} <= set(shown)
    tree = ElementTree.fromstring(svg)
    frame = next(g for g in tree.iter(f"{SVG}g") if any(t.text == "Repeat × 4" for t in g.findall(f"{SVG}text")))
    outer, inner = frame.find(f"{SVG}rect"), frame.find(f"{SVG}g")
    left, top = map(float, inner.get("transform")[len("translate(") : -1].split())
    x, y, width, height = (float(outer.get(name)) for name in ("x", "y", "width", "height"))
    for box in inner.iter(f"{SVG}rect"):
        assert x < left + float(box.get("x"))
        assert left + float(box.get("x")) + float(box.get("width")) < x + width
        assert y < top + float(box.get("y"))
        assert top + float(box.get("y")) + float(box.get("height")) < y + height


def test_text_fits_its_box():
    branches = [
        apply(
            Conv2D(),
            image(1, 4, 4, 3),
            constant(1, 1, 3, 2),
            origin=tuple(f"layer{i}/{'x' * n}" for n in range(0, 90, 9)),
        )
        for i in range(3)
    ]
    joined = apply(Concat(3), *branches)
    for graph in (rnn(), Graph((), (joined,), ("y",))):
        for group in ElementTree.fromstring(draw(graph)).iter(f"{SVG}g"):
            box = group.find(f"{SVG}rect")
            for text in group.findall(f"{SVG}text") if box is not None else []:
                assert len(text.text) <= LONGEST + 1
                assert float(text.get("x")) + len(text.text) * CHARACTER <= float(box.get("x")) + float(
                    box.get("width")
                )


def test_the_same_graph_gives_the_same_picture():
    np.testing.assert_equal(draw(rnn()), draw(rnn()))


def test_a_long_chain():
    assert texts(draw(chain(5000))).count("Pool2D max 3×3") == 5000


@pytest.mark.browser
def test_no_font_is_wider_than_the_boxes_think(page):
    """Measured in the browser: every line ends inside its box."""
    page.set_content(draw(small_graph()))
    outside = page.evaluate(
        """() => [...document.querySelectorAll('g > rect')].flatMap((box) =>
            [...box.parentNode.querySelectorAll(':scope > text')].filter((text) => {
                const inner = text.getBBox(), outer = box.getBBox();
                return inner.x + inner.width > outer.x + outer.width || inner.y + inner.height > outer.y + outer.height;
            }).map((text) => text.textContent))"""
    )
    assert outside == []

"""`--visualize_ir`: the graph as an SVG that people can read. Constants are left out; what they are is written in the boxes that use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from webdnn.cli.layered import Layout, Link, layout
from webdnn.cli.terminal import printable
from webdnn.graph.graph import Constant, Graph, Input, Node, Op, Value
from webdnn.graph.ops import Elementwise, JointElementwise, Pad, Pool2D, Reduce, Repeat, Resize2D, Transpose
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Call, Program
from webdnn.graph.types import TensorType

MARGIN = 24.0
PADDING = 10.0
LINE = 15.0
CHARACTER = 6.7
"""Width of a character of the 11 px monospaced text, rounded up: no font in use is wider."""
TITLE_CHARACTER = 8.2
LONGEST = 38
NAME_LINES = 2

# Family (the module that holds the op) → what the legend calls it, fill, outline.
FAMILIES = {
    "graph": ("input, output", "#ffffff", "#3b4252"),
    "convolution": ("convolution", "#dbe9fb", "#3a6fb0"),
    "matmul": ("matrix product", "#e6dff7", "#6d4fb3"),
    "elementwise": ("elementwise", "#fdebd3", "#c07a1d"),
    "pooling": ("pooling", "#d9f0dd", "#3d8b53"),
    "indexing": ("indices", "#fbe3e0", "#b5533f"),
    "reduction": ("reduction", "#e9f3c8", "#71871f"),
    "resize": ("resizing", "#d2f0f0", "#2a8585"),
    "shape": ("moves elements", "#e9ebee", "#6b7280"),
    "control": ("loop", "#fff9e0", "#a08a1e"),
}
CONSTANT_NAMES = {"add": "bias", "mul": "scale"}
OTHER = ("other", "#f7dfe6", "#a8456a")

STYLE = (
    "text{font:11px 'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2430}"
    ".op{font-weight:bold;font-size:13px}.dim{fill:#5b6270}.epilogue{fill:#a04a00}.shape{fill:#14532d}"
    ".head{font-weight:bold;font-size:17px}"
    ".edge{fill:none;stroke:#8089a0;stroke-width:1.3}.box{stroke-width:1.3}"
)


@dataclass(frozen=True)
class _Box:
    """A box to draw: lines of (class, text), and below them the drawings of the op's bodies, one under the other."""

    lines: tuple[tuple[str, str], ...]
    family: str
    tooltip: str
    bodies: tuple[_Drawing, ...] = ()

    @property
    def text_height(self) -> float:
        return LINE * len(self.lines) + 2 * PADDING

    @property
    def size(self) -> tuple[float, float]:
        width = max(len(text) * (TITLE_CHARACTER if kind == "op" else CHARACTER) for kind, text in self.lines)
        height = self.text_height
        for body in self.bodies:
            width = max(width, body.layout.width)
            height += body.layout.height + PADDING
        return width + 2 * PADDING, height


@dataclass(frozen=True)
class _Drawing:
    boxes: tuple[_Box, ...]
    layout: Layout


def draw(graph: Graph) -> str:
    """The SVG of `graph`."""
    drawing = _drawing(graph)
    families = _families(drawing)
    width, head = max(drawing.layout.width, _legend_width(families), 11 * len(graph.name)), 64.0
    total_width, total_height = width + 2 * MARGIN, drawing.layout.height + head + 2 * MARGIN
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": _number(total_width),
            "height": _number(total_height),
            "viewBox": f"0 0 {_number(total_width)} {_number(total_height)}",
        },
    )
    ElementTree.SubElement(svg, "title").text = graph.name
    ElementTree.SubElement(svg, "style").text = STYLE
    _rectangle(svg, 0, 0, total_width, total_height, fill="#fbfbfa", stroke="none")
    _text(svg, MARGIN, MARGIN + 16, "head", graph.name)
    _draw_legend(svg, families, MARGIN, MARGIN + 34)
    _draw(svg, drawing, MARGIN + (width - drawing.layout.width) / 2, MARGIN + head)
    ElementTree.indent(svg, "")
    # Names of layers may hold control characters, which XML has no way to write.
    return printable(ElementTree.tostring(svg, encoding="unicode")) + "\n"


def _drawing(graph: Graph) -> _Drawing:
    nodes = [node for node in graph.nodes() if not isinstance(node.op, Constant)]
    boxes = [_box(node) for node in nodes]
    index = {node: position for position, node in enumerate(nodes)}
    edges = [(index[value.node], index[node]) for node in nodes for value in node.inputs if value.node in index]
    for name, value in [*zip(graph.output_names, graph.outputs, strict=True), *_states(graph)]:
        if value.node in index:
            edges.append((index[value.node], len(boxes)))
            boxes.append(
                _Box((("op", "Output"), ("dim", _shortened(name)), ("shape", _shape(value.type))), "graph", name)
            )
    return _Drawing(tuple(boxes), layout([box.size for box in boxes], edges))


def _states(graph: Graph) -> list[tuple[str, Value]]:
    return [(f"next {before.op.label}", after) for before, after in graph.states if isinstance(before.op, Input)]


def _box(node: Node) -> _Box:
    op = node.op
    lines = [("op", op.name + _details(node))]
    lines += [("dim", line) for line in _name_lines([op.label] if isinstance(op, Input) else node.origin)]
    if isinstance(op, WithEpilogue) and op.program:
        first, *rest = _steps(op.program, [None, *node.inputs[op.main :]])
        lines += [("epilogue", line) for line in _wrapped([f"→ {first}", *rest], LONGEST)]
    if isinstance(op, Elementwise | JointElementwise):
        lines += [("epilogue", line) for line in _wrapped(_steps(op.program, node.inputs), LONGEST)]
    lines += [("shape", _shape(type_)) for type_ in node.types]
    bodies = tuple(map(_drawing, op.bodies))
    return _Box(tuple((kind, _shortened(text)) for kind, text in lines), _family(op), _tooltip(node), bodies)


def _family(op: Op) -> str:
    return type(op).__module__.rpartition(".")[2]


def _tooltip(node: Node) -> str:
    text = f"{node.op}\n{', '.join(node.origin)}" if node.origin else str(node.op)
    return text if len(text) < 2000 else text[:2000] + " …"


def _details(node: Node) -> str:
    """What tells one op of a kind from the next, in few characters."""
    op = node.op
    attributes = op.attributes()
    text = ""
    if isinstance(op, WithEpilogue):
        text += f" {_by(node.inputs[1].shape[:2])}" if node.inputs[1].type.rank == 4 else ""
    elif isinstance(op, Pool2D):
        text += f" {op.kind} {_by(op.size)}"
    elif isinstance(op, Reduce):
        text += f" {op.kind} over {', '.join(map(str, op.axes))}"
    elif isinstance(op, Resize2D):
        text += f" {op.mode}"
    elif isinstance(op, Transpose):
        text += f" {','.join(map(str, op.permutation))}"
    elif isinstance(op, Pad):
        text += f" with {op.value:g}"
    elif isinstance(op, Repeat):
        text += f" × {op.count}{', backwards' if op.reverse else ''}"
    elif "axis" in attributes:
        text += f" along {attributes['axis']}"
    if attributes.get("strides", (1, 1)) != (1, 1):
        text += f" /{_pair(attributes['strides'])}"
    if attributes.get("dilation", (1, 1)) != (1, 1):
        text += f" dilated {_pair(attributes['dilation'])}"
    return text


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"({pair[0]},{pair[1]})"


def _by(sizes: Sequence[object]) -> str:
    return "×".join(map(str, sizes))


def _steps(program: Program, inputs: Sequence[Value | None]) -> list[str]:
    """The program's functions, each with what it takes besides the running value; `inputs` are the program's, None is the sum of an epilogue."""
    return [" ".join([call.function, *_operands(call, inputs)]) for call in program.calls]


def _operands(call: Call, inputs: Sequence[Value | None]) -> Iterator[str]:
    for operand in call.operands:
        value = inputs[operand] if isinstance(operand, int) and operand < len(inputs) else None
        if isinstance(operand, float):
            yield f"{operand:g}"
        elif value is not None and isinstance(value.op, Constant):
            yield CONSTANT_NAMES.get(call.function, "constant")
        elif value is not None and None in inputs:
            yield "input"


def _shape(type_: TensorType) -> str:
    sizes = [f"({size})" if " " in str(size) else str(size) for size in type_.shape]
    text = "×".join(sizes) if sizes else "scalar"
    return text if type_.dtype == "float32" else f"{text} {type_.dtype}"


def _name_lines(names: Sequence[str]) -> list[str]:
    lines = _wrapped([_shortened(name) for name in names], LONGEST)
    if len(lines) <= NAME_LINES:
        return lines
    shown = sum(line.rstrip(",").count(", ") + 1 for line in lines[:NAME_LINES])
    return [*lines[:NAME_LINES], f"and {len(names) - shown} more"]


def _wrapped(parts: Sequence[str], width: int) -> list[str]:
    """The parts in lines of at most `width` characters, separated by commas; a longer part has a line of its own."""
    lines: list[str] = []
    for position, part in enumerate(parts):
        text = part if position == len(parts) - 1 else f"{part},"
        if lines and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def _shortened(text: str) -> str:
    """Long names lose their middle: the ends tell them apart."""
    if len(text) <= LONGEST + 1:
        return text
    half = LONGEST // 2
    return f"{text[:half]}…{text[-half:]}"


def _draw(parent: ElementTree.Element, drawing: _Drawing, left: float, top: float) -> None:
    group = ElementTree.SubElement(parent, "g", {"transform": f"translate({_number(left)} {_number(top)})"})
    for link in drawing.layout.links:
        _draw_link(group, link)
    for box, (x, y) in zip(drawing.boxes, drawing.layout.corners, strict=True):
        _draw_box(group, box, x, y)


def _draw_link(parent: ElementTree.Element, link: Link) -> None:
    upper, lower = link.upper, link.lower
    end = lower.bottom if not link.arrives else lower.top - 5
    middle = (upper.bottom + lower.top) / 2
    curve = [upper.x, middle, lower.x, middle, lower.x, min(lower.top, end)]
    path = f"M{_number(upper.x)} {_number(upper.top)}V{_number(upper.bottom)}C{' '.join(map(_number, curve))}V{_number(end)}"
    ElementTree.SubElement(parent, "path", {"class": "edge", "d": path})
    if link.arrives:
        head = f"M{_number(lower.x)} {_number(lower.top)}l-3.5 -7h7z"
        ElementTree.SubElement(parent, "path", {"d": head, "fill": "#8089a0"})


def _draw_box(parent: ElementTree.Element, box: _Box, x: float, y: float) -> None:
    width, height = box.size
    _, fill, stroke = FAMILIES.get(box.family, OTHER)
    group = ElementTree.SubElement(parent, "g")
    ElementTree.SubElement(group, "title").text = box.tooltip
    _rectangle(group, x, y, width, height, fill=fill, stroke=stroke)
    for number, (kind, text) in enumerate(box.lines):
        _text(group, x + PADDING, y + PADDING + LINE * number + 11, kind, text)
    top = y + box.text_height
    for body in box.bodies:
        _draw(group, body, x + (width - body.layout.width) / 2, top)
        top += body.layout.height + PADDING


def _families(drawing: _Drawing) -> list[str]:
    found: set[str] = set()
    pending = [drawing]
    while pending:
        for box in pending.pop().boxes:
            found.add(box.family)
            pending.extend(box.bodies)
    return sorted(found, key=lambda f: [*FAMILIES, f].index(f))


def _legend_width(families: list[str]) -> float:
    return sum(len(FAMILIES.get(f, OTHER)[0]) * CHARACTER + 38 for f in families)


def _draw_legend(parent: ElementTree.Element, families: list[str], x: float, y: float) -> None:
    for family in families:
        label, fill, stroke = FAMILIES.get(family, OTHER)
        _rectangle(parent, x, y - 10, 14, 12, fill=fill, stroke=stroke)
        _text(parent, x + 20, y, "dim", label)
        x += len(label) * CHARACTER + 38


def _rectangle(
    parent: ElementTree.Element, x: float, y: float, width: float, height: float, *, fill: str, stroke: str
) -> None:
    numbers = {"x": x, "y": y, "width": width, "height": height, "rx": 4.0}
    attributes = {key: _number(value) for key, value in numbers.items()}
    ElementTree.SubElement(parent, "rect", {"class": "box", **attributes, "fill": fill, "stroke": stroke})


def _text(parent: ElementTree.Element, x: float, y: float, kind: str, text: str) -> None:
    ElementTree.SubElement(parent, "text", {"class": kind, "x": _number(x), "y": _number(y)}).text = text


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

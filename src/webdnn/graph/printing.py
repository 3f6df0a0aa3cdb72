"""A graph as text: one typed line a node, in a stable order."""

from __future__ import annotations

from webdnn.graph.graph import Graph, Value
from webdnn.graph.ops.control import Repeat


def print_graph(graph: Graph, indent: str = "") -> str:
    """The whole program, bodies of loops indented."""
    names: dict[Value, str] = {}
    lines: list[str] = []
    for node in graph.nodes():
        for value in node.outputs:
            names[value] = f"%{len(names)}"
        left = ", ".join(f"{names[v]}: {v.type}" for v in node.outputs)
        arguments = ", ".join(names[v] for v in node.inputs)
        origin = f"  # {', '.join(node.origin)}" if node.origin else ""
        lines.append(f"{indent}{left} = {node.op}({arguments}){origin}")
        if isinstance(node.op, Repeat):
            lines.append(print_graph(node.op.body, indent + "    "))
    for name, value in zip(graph.output_names, graph.outputs, strict=False):
        lines.append(f"{indent}return {name} = {names[value]}")
    for before, after in graph.states:
        lines.append(f"{indent}state {names[before]} <- {names[after]}")
    lines += [f"{indent}require {constraint}" for constraint in graph.constraints]
    return "\n".join(lines)

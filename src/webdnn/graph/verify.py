"""Well-formedness of a graph, checked after the frontend and after every pass."""

from __future__ import annotations

from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Input, symbols_used


def verify(graph: Graph) -> None:
    """Raises GraphError, naming the node, when `graph` is not well formed."""
    if not graph.outputs:
        raise GraphError("the graph has no output")
    if len(graph.output_names) != len(graph.outputs):
        raise GraphError(f"{len(graph.outputs)} outputs have {len(graph.output_names)} names")
    if len(set(graph.output_names)) != len(graph.output_names):
        raise GraphError(f"outputs need distinct names, got {', '.join(graph.output_names)}")
    sources = {v.node for v in graph.inputs} | {before.node for before, _ in graph.states}
    labels = [v.op.label for v in graph.inputs if isinstance(v.op, Input)]
    if len(labels) != len(graph.inputs) or len(set(labels)) != len(labels):
        raise GraphError(f"inputs need distinct names, got {', '.join(labels)}")
    for node in graph.nodes():
        where = f"{node.op.name} '{', '.join(node.origin)}'"
        if isinstance(node.op, Input) and node not in sources:
            raise GraphError(f"{where} reads {node.op.label!r}, which is not an input of the graph")
        if node.op.infer([v.type for v in node.inputs]) != node.types:
            raise GraphError(f"{where} has types that its op does not infer")
        for body in node.op.bodies:
            verify(body)
    sources_in_order = [*graph.inputs, *(before for before, _ in graph.states)]
    if len(set(sources_in_order)) != len(sources_in_order):
        raise GraphError("an input or a state stands for two of the graph's inputs and states")
    for before, after in graph.states:
        if not isinstance(before.op, Input):
            raise GraphError(f"a state begins as {before.op.name}, which is no input")
        if before.type != after.type:
            raise GraphError(f"a state is {before.type} before and {after.type} after a run")
    unknown = symbols_used(graph) - set(graph.placeholders)
    if unknown and graph.placeholders:
        raise GraphError(f"sizes use placeholders {', '.join(sorted(unknown))}, which the graph does not declare")

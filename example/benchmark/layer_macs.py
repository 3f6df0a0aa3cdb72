"""Multiply-accumulates of every layer of a model, as the converter's optimizer leaves it.

usage: python layer_macs.py MODEL.h5 SHAPE LAYERS.json, in the checkout's environment
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import load
from webdnn.graph.cost import MACS
from webdnn.optimizer.passes import optimize


def main(source: str, shape: str, target: str) -> None:
    graph = optimize(load(source, [parse_input_shape(shape)]))
    # The origin is written as in a plan, where it says which layers a step computes.
    layers = [
        {"origin": ", ".join(node.origin), "op": node.op.name, "macs": MACS[type(node.op)](node)}
        for node in graph.nodes()
        if type(node.op) in MACS
    ]
    Path(target).write_text(json.dumps(layers, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

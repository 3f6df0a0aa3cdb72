"""Names in a model are the model's: none of their characters may do something in the user's terminal."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import pytest

from harness.graphs import constant, image
from webdnn.cli.convert_keras import main
from webdnn.cli.terminal import Terminal, printable
from webdnn.graph.graph import Graph, apply
from webdnn.graph.ops import Conv2D, Pool2D

NASTY = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "carriage return": "ok\rconvert_keras: error: none",
    "backspace": "a\x08b\x7f",
    "C1": "\x9b31m",
    "bidi": "\u202egpj.exe\u2066",
    "invisible": "a\u200bb\ufeff",
    "surrogate": "half \ud83d of a pair",
    "separators": "a\u2028b\u2029",
}
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


@pytest.mark.parametrize("name", NASTY)
def test_b13_escaped(name):
    assert not OBEYED.search(printable(NASTY[name]))
    assert printable(NASTY[name]).isprintable()


def test_ordinary_text_is_left_alone():
    text = "conv2d/größe · 畳み込み × 3\n\tindented 🐈"
    assert printable(text) is not None
    assert printable(text) == text


@pytest.mark.parametrize("name", NASTY)
def test_b13_nothing_of_a_model_reaches_the_terminal_raw(folder, give, capsys, name, monkeypatch):
    """Names of the model, its inputs, outputs and layers, in the report, warnings, printed graphs, errors and the picture."""
    nasty = NASTY[name]
    x = image(1, 8, 8, 3)
    y = apply(Conv2D(), x, constant(3, 3, 3, 4), origin=(nasty,))
    y = apply(Pool2D("max", (2, 2), (2, 2)), y, origin=(f"pool {nasty}",))
    give(Graph((x,), (y,), (nasty,), name=nasty))
    monkeypatch.setenv("WEBDNN_DEBUG", "2")
    assert main(["model.keras", "--backend", "fallback", "--visualize_ir", "--dump", "dump"]) == 0
    monkeypatch.delenv("WEBDNN_DEBUG")
    assert main(["model.keras", "--backend", "fallback", "--out", f"{nasty}/file/x"]) in (0, 1)
    assert main([f"{nasty}.keras", "--no-such", nasty]) == 2
    shown = capsys.readouterr()
    assert not OBEYED.search(shown.out + shown.err)
    ElementTree.parse(folder / "output.svg")


def test_text_is_dropped_once_a_stream_fails():
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    terminal = Terminal(Full())
    terminal.print("one")
    terminal.print("two")
    assert terminal.failure is not None
    assert terminal.failure.errno == 28

"""docs/optimizer.md is what the code says."""

from __future__ import annotations

import inspect
from pathlib import Path

from webdnn.optimizer import ATTENTION, EXPANSION, LAST_PASSES, PASSES
from webdnn.optimizer.document import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "optimizer.md"


def test_page_is_fresh():
    stale = "run: python -m webdnn.optimizer.document docs/optimizer.md"
    assert PAGE.read_text(encoding="utf-8") == page(), stale


def test_every_pass_and_rule_is_described():
    text = page()
    for step in (*PASSES, EXPANSION, ATTENTION, *LAST_PASSES):
        assert f". {step.name}\n" in text
        for function in step.functions:
            assert f"`{function.__name__}`" in text
            assert len(inspect.getdoc(function) or "") > 20, function.__name__

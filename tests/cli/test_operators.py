"""docs/operators.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from webdnn.cli.operators import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def test_operator_table_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m webdnn.cli.operators docs/operators.md"


def test_no_backend_lacks_an_op() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| ") and line.endswith("|")]
    assert not [row for row in rows if "| no |" in row]

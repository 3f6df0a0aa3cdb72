"""docs/operators.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from webdnn.cli.operators import function_name, page
from webdnn.frontend.keras.activation import ACTIVATIONS
from webdnn.frontend.keras.operations import OPERATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def test_operator_table_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m webdnn.cli.operators docs/operators.md"


def test_no_backend_lacks_an_op() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| ") and line.endswith("|")]
    assert not [row for row in rows if "| no |" in row]


def test_names_of_keras_exist() -> None:
    import keras

    functions = {function_name(name) for name in OPERATIONS} - {""}
    assert not [name for name in functions if not _has(keras.ops, name)]
    assert all(hasattr(keras.activations, name) or hasattr(keras.ops, name) for name in ACTIVATIONS)


def _has(namespace: object, name: str) -> bool:
    for part in name.split("."):
        namespace = getattr(namespace, part, None)
    return namespace is not None

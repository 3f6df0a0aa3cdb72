"""Layers with random configurations and shapes, before and after the optimizer, against Keras in float64."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from harness.keras_cases import check_graphs
from harness.keras_strategies import FAMILIES, Drawn


def check_family(family: str, count: int, *, derandomize: bool) -> None:
    quiet = list(HealthCheck)

    @settings(max_examples=count, derandomize=derandomize, database=None, deadline=None, suppress_health_check=quiet)
    @given(FAMILIES[family])
    def agrees(drawn: Drawn) -> None:
        check_graphs(drawn.case())

    agrees()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str) -> None:
    """The same examples in every run."""
    check_family(family, 15, derandomize=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", FAMILIES)
def test_family_at_random(family: str) -> None:
    check_family(family, 200, derandomize=False)

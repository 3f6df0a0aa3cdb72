"""Cases side by side in one model, and what is computed of those that a run leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.batches import Batches, batched, side_by_side
from harness.cases import CASES, Array, Case
from harness.cover import features, new_to_backends
from harness.descriptors import check_answer
from harness.page import PageError
from harness.selection import selected_of
from webdnn.backend.fallback import TARGET
from webdnn.graph.interpreter import interpret

SYMBOLIC = [case for case in CASES if case.runs[0].keys() == {"N"}]
FIXED = [case for case in CASES if case.runs == ({},)]


class WithAnInputTooMuch(Case):
    def inputs(self, run: int) -> list[Array]:
        return [*super().inputs(run), np.ones(3, np.float32)]


def test_parts_of_a_graph_answer_as_they_do_alone() -> None:
    for cases in (FIXED[:20], batched(SYMBOLIC)[0]):
        whole = side_by_side({case.name: case.graph for case in cases})
        for run, symbols in enumerate(cases[0].runs):
            outputs = iter(interpret(whole, [x for c in cases for x in c.inputs(run)], symbols, dtype="float64"))
            for case in cases:
                for want in case.expected(run):
                    np.testing.assert_array_equal(next(outputs), want)


def test_only_cases_of_equal_runs_share_a_batch() -> None:
    batches = batched([*CASES, *CASES[:3]], size=7)
    assert sorted(case.name for batch in batches for case in batch) == sorted(case.name for case in CASES)
    assert all(len(batch) <= 7 and len({str(case.runs) for case in batch}) == 1 for batch in batches)


def test_one_wrong_case_fails_alone(browser: Any, serve_session: Any, tmp_path: Path) -> None:
    good, bad = FIXED[:2], WithAnInputTooMuch(FIXED[2].name, FIXED[2].build)
    found = Batches(TARGET, [*good, bad], tmp_path).run(browser, serve_session)
    assert isinstance(found[bad.name], PageError)
    for case in good:
        check_answer(case, found[case.name], "fallback")


def test_a_run_computes_the_batches_that_it_wants(browser: Any, serve_session: Any, tmp_path: Path) -> None:
    fixed, symbolic = FIXED[0], SYMBOLIC[0]
    found = Batches(TARGET, [fixed, symbolic], tmp_path).run(browser, serve_session, {symbolic.name})
    assert list(found) == [symbolic.name]
    check_answer(symbolic, found[symbolic.name], "fallback")


@pytest.mark.parametrize(("device", "case"), [("a", 1), ("a", 2), ("b", 3)])
def test_selected_are_the_parameters_of_this_run(request: pytest.FixtureRequest, device: str, case: int) -> None:
    found = selected_of(request.session.items, __name__, "case", device=device)
    assert case in found
    assert set(found) <= {1, 2} if device == "a" else found == [3]
    assert selected_of([request.node], __name__, "case", device=device) == [case]
    assert selected_of(request.session.items, "another", "case") == []


def test_what_is_new_to_backends_has_every_feature_of_all() -> None:
    def of(cases: list[Case]) -> set[object]:
        return {feature for case in cases for feature in features(case.graph)}

    first, second = CASES[::2], CASES[1::2]
    chosen = new_to_backends(second, first)
    assert len(chosen) < len(second)
    assert of(first) | of(chosen) == of(CASES)
    assert new_to_backends([*second, *first], CASES) == []

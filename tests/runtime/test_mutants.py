"""Descriptors with wrong fields and right hashes: an error of ours or a finished run, never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from harness.server import StaticServer
from runtime.support import BACKENDS, FOLDER, Model
from webdnn.descriptor.writer import file_record

SECONDS = 30
# Batches, and mutants of each.
AMOUNT = {"fallback": (8, 50), "webassembly": (4, 25), "webgpu": (2, 20), "webgl": (2, 20)}
# The words of an accident: an error of ours says them only behind the name of what did not fit.
ACCIDENTS = (
    "Cannot read",
    "is not a function",
    "is not iterable",
    "of undefined",
    "undefined (",
    "Invalid typed array",
)

# Groups of values, each as likely as any other.
VALUES: list[list[Any]] = [
    [None],
    [True, False],
    list(range(-3, 41)),
    [-(2**53), -(2**31), 2**20, 2**28, 2**31 - 1, 2**31, 2**32 + 1, 2**53 + 2, 0.5, 1e300],
    ["", "N", "$0", "__proto__", "float32", "int32", "activation", "weight", "state", "../x", "\0"],
    [[], [0], {}, {"length": 3}, ["*", 2**30, 2**30], ["//", 1, 0], ["+", "$0", 1], ["-", 0, 5]],
]


def mutation(random: Random) -> tuple[str, int, tuple[str, Any]]:
    """Which of the two files, which place of it, and what happens there."""
    happens = [
        ("set", random.choice(random.choice(VALUES))),
        ("add", random.choice([-64, -4, -1, 1, 2, 64])),
        ("scale", random.choice([-1, 2, 1000])),
        (random.choice(["delete", "twice", "swap"]), None),
    ]
    return random.choice(["manifest", "plan", "plan", "plan"]), random.randrange(10**6), random.choice(happens)


def mutations(random: Random) -> list[Any]:
    """Mostly one wrong field; several for what is wrong, but consistent."""
    return [mutation(random) for _ in range(random.choice([1, 1, 1, 2, 3, 4]))]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in list(pairs):
        yield value, key
        yield from places(entry)


def change(document: Any, number: int, kind: str, argument: Any) -> None:
    every = list(places(document))
    container, key = every[number % len(every)]
    old = container[key]
    is_number = isinstance(old, int | float) and not isinstance(old, bool)
    if kind == "set":
        container[key] = copy.deepcopy(argument)  # which later changes may change
    elif kind == "add":
        container[key] = (old if is_number else 0) + argument
    elif kind == "scale":
        container[key] = (old if is_number else 1) * argument
    elif kind == "delete":
        del container[key]
    elif isinstance(container, list):
        if kind == "twice":
            container.append(copy.deepcopy(old))
        else:
            container[key], container[0] = container[0], container[key]


LONGEST_LOOP = 2**16


def shorten_loops(plan: Any) -> None:
    """A shader may loop as often as an argument says. Only a graphics driver's watchdog ends it then, which SwiftShader does not have."""
    for container, key in places(plan):
        if key == "args" and isinstance(container, dict) and isinstance(container[key], list):
            container[key] = [
                LONGEST_LOOP if isinstance(value, int | float) and value > LONGEST_LOOP else value
                for value in container[key]
            ]


class Factory:
    """Makes mutants of `mixed` for one backend. The plan's hash is right again, so that its content reaches the checks."""

    def __init__(self, model: Model, backend: str):
        self.backend = backend
        self.manifest = json.loads(model.manifest)
        self.plans = model.file(f"plan.{backend}.*.json")
        self.plan = json.loads((model.folder / self.plans).read_bytes())

    def make(self, mutant: list[Any]) -> dict[str, str]:
        documents = {"manifest": copy.deepcopy(self.manifest), "plan": copy.deepcopy(self.plan)}
        for target, number, (kind, argument) in mutant:
            if documents[target]:
                change(documents[target], number, kind, argument)
        if self.backend in ("webgpu", "webgl"):
            shorten_loops(documents["plan"])
        plan = json.dumps(documents["plan"])
        backends = documents["manifest"].get("backends")
        files = backends.get(self.backend) if isinstance(backends, dict) else None
        record = files.get("plan") if isinstance(files, dict) else None
        if isinstance(record, dict) and record == self.manifest["backends"][self.backend]["plan"]:
            record |= file_record(record["name"], plan.encode())
        manifest = json.dumps(documents["manifest"])
        return {"manifest": manifest, "plan": plan, "plans": self.plans, "backend": self.backend}


@pytest.fixture(scope="module")
def judge(site: Any, server: StaticServer) -> Iterator[Callable[[list[Any]], list[Any]]]:
    server.add("/mutants.js", (FOLDER / "mutants.js").read_bytes())
    server.add("/mutants.html", (FOLDER / "mutants.html").read_bytes())
    page = site.context.new_page()
    crashes: list[str] = []
    page.on("crash", lambda _: crashes.append("the page crashed"))
    page.goto(server.url("/mutants.html"))
    page.wait_for_function("!!window.judge", timeout=30_000)
    yield lambda mutants: page.evaluate("([mutants, limit]) => judge(mutants, limit)", [mutants, 1000 * SECONDS])
    page.close()
    assert not crashes


def problem(answer: dict[str, Any]) -> str | None:
    """What is wrong with an outcome."""
    if "value" in answer:
        return None
    if "error" not in answer:
        return str(answer)
    error = answer["error"]
    if not error["ours"] or error["name"] != "WebDNNError":
        return f"a foreign error: {error}"
    accident = any(words in error["message"] for words in ACCIDENTS)
    named = any(words in error["message"] for words in ("do not fit", "does not fit"))
    return f"an accident: {error['message']}" if accident and not named else None


@pytest.mark.parametrize("backend", BACKENDS)
def test_mutants(mixed: Model, judge: Any, backend: str) -> None:
    factory = Factory(mixed, backend)
    assert judge([factory.make([])])[0].get("value") == [12, 60, 12], "the model itself runs"
    batches, size = AMOUNT[backend]
    outcomes = {"run": 0, "refused": 0}

    random = Random("mutants")  # Hypothesis would draw by what else is imported
    for _ in range(batches):
        batch = [mutations(random) for _ in range(size)]
        answers = judge([factory.make(one) for one in batch])
        for answer in answers:
            outcomes["run" if "value" in answer else "refused"] += 1
        found = [(m, p) for m, p in zip(batch, map(problem, answers), strict=True) if p]
        assert not found, "\n".join(map(str, found))
    # Else the mutants were all too wild, or all too tame, to tell anything.
    assert outcomes["run"] > 0.02 * sum(outcomes.values())
    assert outcomes["refused"] > 0.2 * sum(outcomes.values())

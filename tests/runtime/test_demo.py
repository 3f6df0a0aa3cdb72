"""The page of `bin/demo`, with a network that was never trained: how it chooses a backend, and how people use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import chromium
from harness.cases import N, Random, graph_of, source
from harness.firefox import Firefox
from harness.server import StaticServer
from runtime.support import write_model
from webdnn.graph.graph import Placeholder, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import MatMul, Reshape, Softmax

EXAMPLE = Path(__file__).resolve().parents[2] / "example" / "digits"
COUNT = 40


@pytest.fixture(scope="module")
def site_of_demo(serve_session: Any, runtime_dist: Path, tmp_path_factory: pytest.TempPathFactory) -> StaticServer:
    folder = tmp_path_factory.mktemp("demo")
    random = Random("demo")
    x = source("image", N, 8, 8, 1)
    y = apply(Softmax(), apply(MatMul(), apply(Reshape((N, 64)), x), random.constant(64, 10, scale=0.05)))
    graph = replace(graph_of([x], [y]), placeholders={"N": Placeholder()})
    write_model(graph, folder / "output")
    images = np.random.default_rng(0).integers(0, 17, (COUNT, 8, 8, 1)).astype(np.float32)
    best = interpret(graph, [images], {"N": COUNT}, dtype="float64")[0].argmax(1).tolist()
    server = serve_session({"/": EXAMPLE, "/output/": folder / "output", "/webdnn/": runtime_dist})
    server.add("/", (EXAMPLE / "index.html").read_bytes())
    server.add("/heldout.bin", images.tobytes())
    server.add("/heldout.json", json.dumps({"labels": best, "keras": best}))
    return server


@pytest.fixture(scope="module")
def plain_browser(browser: Any) -> Iterator[Any]:
    """As a machine has it whose graphics no browser uses."""
    plain = browser.browser_type.launch(executable_path=chromium.executable(), args=chromium.PLAIN_FLAGS)
    yield plain
    plain.close()


def open_demo(page: Any, server: StaticServer) -> Any:
    page.goto(server.url("/"))
    page.wait_for_function("() => window.ready || document.getElementById('failure').textContent", timeout=30_000)
    assert page.evaluate("document.getElementById('failure').textContent") == ""
    return page


@pytest.fixture(scope="module")
def phone(plain_browser: Any, site_of_demo: StaticServer) -> Iterator[Any]:
    """320 pixels wide, with a finger."""
    context = plain_browser.new_context(viewport={"width": 320, "height": 700}, has_touch=True)
    yield open_demo(context.new_page(), site_of_demo)
    context.close()


@pytest.fixture
def demo(phone: Any) -> Any:
    """The page with an empty pad."""
    phone.click("#clear")
    phone.wait_for_function("document.querySelector('#answer span').textContent.startsWith('Draw')")
    return phone


def answer_of(page: Any) -> str:
    page.wait_for_function("document.querySelector('#answer span').textContent.startsWith('with')")
    return page.evaluate("document.querySelector('#answer b').textContent")


def backends_of(page: Any) -> list[list[Any]]:
    return page.evaluate(
        "[...document.querySelectorAll('#backends button')].map((b) => [b.textContent, b.ariaPressed, b.disabled, b.title !== ''])"
    )


def test_c3_backend_as_any_page(phone: Any) -> None:
    """What was chosen is pressed; what could not start is disabled, with the reason; the rest can be pressed."""
    backends = {name: state for name, *state in backends_of(phone)}
    chosen = [name for name, (pressed, _, _) in backends.items() if pressed == "true"]
    assert chosen == [phone.evaluate("first.backend")]
    assert phone.evaluate("first.differing") == 0
    before = list(backends)[: list(backends).index(chosen[0])]
    assert before, "a browser without graphics has chosen a backend of the graphics processor"
    for name, (_, disabled, explained) in backends.items():
        assert disabled == explained == (name in before), name
        assert (f"{name}: " in phone.text_content("#reasons")) == disabled
    phone.click("text=fallback")
    phone.wait_for_function("document.querySelector('[data-backend=fallback]').ariaPressed === 'true'")


def test_c3_narrow(phone: Any) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == 320


def test_c3_empty_pad(demo: Any) -> None:
    assert demo.text_content("#answer b") == "–"
    assert demo.evaluate("[...document.querySelectorAll('.fill')].every((one) => one.style.width === '0%')")
    assert demo.query_selector(".best") is None
    assert demo.get_attribute("#answer", "aria-live") == "polite"


def test_c3_finger(demo: Any) -> None:
    demo.tap("#pad", position={"x": 100, "y": 100})
    assert answer_of(demo).isdigit()


def test_c3_keyboard(demo: Any) -> None:
    """Drawing, and picking a sample, with keys alone."""
    demo.focus("#pad")
    demo.keyboard.press("ArrowUp")
    assert demo.text_content("#answer b") == "–"
    demo.keyboard.press(" ")
    for _ in range(5):
        demo.keyboard.press("ArrowDown")
    assert answer_of(demo).isdigit()
    seen = "[...document.getElementById('seen').getContext('2d').getImageData(0, 0, 8, 8).data].join()"
    before = demo.evaluate(seen)
    demo.focus("#clear")
    for _ in range(10):
        demo.keyboard.press("Tab")
        if demo.evaluate("!!document.activeElement.closest('#samples')"):
            break
    demo.keyboard.press("Enter")
    demo.wait_for_function(f"({seen}) !== {json.dumps(before)}")
    label = demo.evaluate("document.activeElement.ariaLabel")
    assert label == f"a {answer_of(demo)}"


def test_c3_light_and_dark(phone: Any) -> None:
    paper = {}
    for scheme in ("light", "dark"):
        phone.emulate_media(color_scheme=scheme)
        paper[scheme] = sum(map(int, phone.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")))
    assert paper["light"] > 3 * 200
    assert paper["dark"] < 3 * 60


@pytest.mark.exhaustive
def test_c3_firefox(site_of_demo: StaticServer) -> None:
    with Firefox() as firefox:
        page = open_demo(firefox, site_of_demo)
        assert page.evaluate("first.differing") == 0
        page.evaluate("document.querySelector('#samples button').click()")
        assert answer_of(page).isdigit()

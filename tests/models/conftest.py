"""What all tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.page import RUNNER_PAGE, PageError, job, run_jobs

Array = np.ndarray


class Visitor:
    """`run_in_page(descriptor, backend, runs, **options)`: the outputs of each run, in headless Chromium; a page for each call."""

    def __init__(self, browser: Any, server: Any) -> None:
        self.browser = browser
        self.server = server
        self.url = server.add("/runner.html", RUNNER_PAGE.read_bytes())

    @contextmanager
    def page(self) -> Iterator[Any]:
        page = self.browser.new_page()
        page.set_default_timeout(300_000)
        try:
            page.goto(self.url)
            yield page
        finally:
            page.close()

    def run(self, page: Any, descriptor: Path, backend: str, runs: Any, **options: Any) -> list[list[Array]]:
        self.server.mount(f"/{descriptor.name}/", descriptor)
        (answer,) = run_jobs(page, [job(f"/{descriptor.name}", backend, runs, **options)])
        if isinstance(answer, PageError):
            raise answer
        return answer

    def __call__(self, descriptor: Path, backend: str, runs: Any, **options: Any) -> list[list[Array]]:
        with self.page() as page:
            return self.run(page, descriptor, backend, runs, **options)


@pytest.fixture(scope="session")
def run_in_page(browser: Any, serve_session: Any) -> Visitor:
    return Visitor(browser, serve_session())


@pytest.fixture(scope="module")
def run_in_one_page(run_in_page: Visitor) -> Iterator[Callable[..., list[list[Array]]]]:
    """`run_in_page` for small models, all in the same page: a page takes longer than most of them."""
    with run_in_page.page() as page:
        yield partial(run_in_page.run, page)

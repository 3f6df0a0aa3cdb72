"""What all tests of this folder share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.page import RUNNER_PAGE, PageError, job, run_jobs

Array = np.ndarray


@pytest.fixture(scope="session")
def run_in_page(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`run_in_page(descriptor, backend, runs, **options)`: the outputs of each run, in headless Chromium."""
    server = serve_session()
    url = server.add("/runner.html", RUNNER_PAGE.read_bytes())

    def run(descriptor: Path, backend: str, runs: Any, **options: Any) -> list[list[Array]]:
        server.mount(f"/{descriptor.name}/", descriptor)
        page = browser.new_page()
        page.set_default_timeout(300_000)
        try:
            page.goto(url)
            (answer,) = run_jobs(page, [job(f"/{descriptor.name}", backend, runs, **options)])
        finally:
            page.close()
        if isinstance(answer, PageError):
            raise answer
        return answer

    return run

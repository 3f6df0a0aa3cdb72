"""Progress, and keeping the noise of libraries away from it."""

from __future__ import annotations

import io
import os
import sys

import pytest

from webdnn.cli.progress import Progress, silenced
from webdnn.graph.errors import ModelError


def make_noise() -> None:
    os.write(1, b"noise of C++ on stdout\n")
    os.write(2, b"noise of C++ on stderr\n")
    print("noise of Python", file=sys.__stderr__, flush=True)


def fail_noisily(error: Exception) -> None:
    make_noise()
    raise error


def test_noise_is_swallowed(capfd):
    with silenced():
        make_noise()
    print("after", flush=True)
    assert capfd.readouterr() == ("after\n", "")


def test_noise_is_swallowed_for_errors_of_ours(capfd):
    with pytest.raises(ModelError), silenced():
        fail_noisily(ModelError("no model"))
    assert capfd.readouterr() == ("", "")


def test_noise_is_shown_for_errors_of_others(capfd):
    with pytest.raises(RuntimeError), silenced():
        fail_noisily(RuntimeError("broken library"))
    assert "noise of C++ on stdout" in capfd.readouterr().err


def test_noise_is_shown_when_asked_for(capfd):
    with silenced(False):
        os.write(2, b"noise\n")
    assert capfd.readouterr().err == "noise\n"


def test_stages_are_plain_lines_without_a_terminal():
    file = io.StringIO()
    progress = Progress(file=file)
    with progress.stage("load [bold]model[/bold]"):
        pass
    progress.warn("careful")
    assert file.getvalue().splitlines()[0].startswith("load [bold]model[/bold] ")
    assert file.getvalue().splitlines()[1] == "warning: careful"
    assert "\x1b" not in file.getvalue()
    assert list(progress.seconds) == ["load [bold]model[/bold]"]


def test_a_stage_that_fails_has_no_line():
    file = io.StringIO()
    with pytest.raises(ModelError), Progress(file=file).stage("load"):
        raise ModelError("no model")
    assert file.getvalue() == ""


def test_quiet_still_warns():
    file = io.StringIO()
    progress = Progress(quiet=True, file=file)
    with progress.stage("load"):
        progress.note("a note")
        progress.warn("careful")
    assert file.getvalue() == "warning: careful\n"

"""Where a conversion writes: what was there stays, what was begun goes, and the exit code says which of the two it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.graphs import small_graph
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.fallback import TARGET
from webdnn.cli.convert_keras import main
from webdnn.descriptor.staging import OutputError, Staging
from webdnn.descriptor.writer import files_of, write_descriptor
from webdnn.graph.graph import Graph

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["model.keras", "--backend", "fallback", "--quiet"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def write(out: Path, graph: Graph) -> list[Path]:
    weights = WeightTable.of(graph)
    return write_descriptor(out, graph, {"fallback": build_plan(graph, TARGET, weights)}, weights.arrays)


@pytest.fixture
def two_graphs() -> tuple[Graph, Graph]:
    """With other sizes, so that they have other plans."""
    return small_graph(), small_graph(3)


def test_b12_files_of_the_user_stay(folder, give, two_graphs):
    out = folder / "output"
    give(two_graphs[0])
    assert main(QUICK) == 0
    first = set(contents(out))
    (out / "labels.json").write_text('["cat"]')
    (out / "more").mkdir()
    (out / "more/plan.webgl.0123456789ab.json").write_text("mine")
    (out / "plan.webgl.0123456789ab.json").write_text("an older plan that the manifest does not name")
    (out / "link").symlink_to(folder)
    give(two_graphs[1])
    assert main(QUICK) == 0
    after = set(contents(out))
    assert {"labels.json", "more/plan.webgl.0123456789ab.json", "plan.webgl.0123456789ab.json"} <= after
    assert (out / "link").is_symlink()
    plans = {name for name in after if name.startswith("plan.fallback")}
    assert len(plans) == 1
    assert not plans & first


def test_b12_force_adds_to_what_is_there(folder, give):
    give(small_graph())
    (folder / "output").mkdir()
    (folder / "output/thesis.txt").write_text("years of work")
    assert main(QUICK) == 1
    assert main([*QUICK, "--force"]) == 0
    assert (folder / "output/thesis.txt").read_text() == "years of work"
    assert (folder / "output/descriptor.json").is_file()


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[" * 100_000,
        b'{"shards": [{"file": {"name": "../../precious.txt"}}, {"file": {"name": "labels.json"}}], "x": 1}',
    ],
)
def test_b12_a_damaged_or_hostile_manifest_deletes_nothing(folder, give, manifest):
    out = folder / "work/output"
    out.mkdir(parents=True)
    (folder / "precious.txt").write_text("kept")
    (out / "labels.json").write_text("kept")
    (out / "descriptor.json").write_bytes(manifest)
    give(small_graph())
    assert main([*QUICK, "--out", str(out)]) == 0
    assert (folder / "precious.txt").read_text() == "kept"
    assert (out / "labels.json").read_text() == "kept"
    assert json.loads((out / "descriptor.json").read_bytes())["format"] == "webdnn"


def test_b11_a_link_stays_a_link(folder, give, two_graphs):
    (folder / "site").mkdir()
    (folder / "output").symlink_to(folder / "site", target_is_directory=True)
    for graph in two_graphs:
        give(graph)
        assert main(QUICK) == 0
        assert (folder / "output").is_symlink()
        assert len(list((folder / "site").glob("plan.fallback.*"))) == 1


def test_b11_a_dangling_link_is_refused(folder, give, capsys):
    asked = give(small_graph())
    (folder / "output").symlink_to(folder / "nowhere")
    assert main(QUICK) == 1
    assert "does not exist" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(("name", "option"), [("output.report.json", []), ("output.svg", ["--visualize_ir"])])
def test_b11_a_directory_in_the_place_of_a_file_is_found_first(folder, give, capsys, name, option):
    asked = give(small_graph())
    (folder / name).mkdir()
    assert main([*QUICK, *option]) == 1
    assert f"{name}: it is a directory" in capsys.readouterr().err
    assert asked == []
    assert [file.name for file in folder.iterdir()] == [name]


def test_b11_dump_onto_a_file_is_found_first(folder, give, capsys):
    asked = give(small_graph())
    (folder / "dump").write_text("")
    assert main([*QUICK, "--dump", "dump"]) == 1
    assert "choose another --dump" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize("moment", range(4))
def test_b11_interrupted_while_files_are_moved(tmp_path, two_graphs, monkeypatch, moment):
    """At each of the moves: the old Descriptor whole, or the new one."""
    out = tmp_path / "output"
    write(out, two_graphs[0])
    (out / "labels.json").write_text("mine")
    before = contents(out)
    replace, moves = Path.replace, []

    def interrupted(path: Path, target: Path) -> Path:
        if len(moves) == moment:
            raise KeyboardInterrupt
        moves.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    if moment < 3:  # a shard, a plan, the manifest
        with pytest.raises(KeyboardInterrupt):
            write(out, two_graphs[1])
        assert contents(out) == before
    else:
        assert write(out, two_graphs[1]) == []
        assert len(moves) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["output"]
    assert not list(out.glob(".webdnn-*"))


def test_b11_what_cannot_be_deleted_is_said_and_no_error(folder, give, two_graphs, monkeypatch, capsys):
    give(two_graphs[0])
    assert main(QUICK) == 0

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    give(two_graphs[1])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert main(QUICK) == 0
    assert "cannot be deleted" in capsys.readouterr().err


def test_two_conversions_into_one_folder(tmp_path):
    out = tmp_path / "output"
    write(out, small_graph())
    before = contents(out)
    with Staging(out), pytest.raises(OutputError, match="another conversion is writing"):
        write(out, small_graph(3))
    assert contents(out) == before
    write(out, small_graph())


def test_web_servers_may_read_what_is_written(tmp_path):
    before = os.umask(0o022)
    try:
        write(tmp_path / "site/output", small_graph())
        with Staging(tmp_path / "site/output") as staging:
            staging.write_beside(tmp_path / "report.json", "{}")
            staging.write("descriptor.json", b"{}")
            staging.publish([])
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "report.json", *tmp_path.glob("site/**/*")]}
    assert {mode for name, mode in modes.items() if "." in name} == {0o644}
    assert modes["output"] == 0o755


def test_new_folders_go_when_nothing_is_written(tmp_path):
    out = tmp_path / "a/b/output"
    with Staging(out) as staging:
        staging.write("weights.bin", np.zeros(3, np.float32).tobytes())
    assert list(tmp_path.iterdir()) == []


def test_names_of_a_descriptor(tmp_path):
    write(tmp_path / "output", small_graph())
    assert sorted([*files_of(tmp_path / "output"), "descriptor.json"]) == sorted(contents(tmp_path / "output"))
    assert files_of(tmp_path) == []


SCRIPT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from harness.graphs import small_graph
import webdnn.frontend.keras
webdnn.frontend.keras.load = lambda *_, **__: small_graph()
from webdnn.cli.convert_keras import main
sys.exit(main(["model.keras", *sys.argv[1:]]))
"""


def start(folder: Path, *arguments: str, **streams) -> subprocess.Popen:
    """The command in a process of its own, which converts a graph instead of a file."""
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "tests"), *arguments]
    return subprocess.Popen(command, cwd=folder, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_b11_a_full_stream_is_no_failure_of_the_conversion(tmp_path, stream):
    with open("/dev/full", "wb") as full, start(tmp_path, "--backend", "fallback", **{stream: full}) as process:
        shown = process.communicate()
    assert process.returncode == 0, shown
    assert (tmp_path / "output/descriptor.json").is_file()
    if stream == "stdout":
        assert b"its report cannot be printed: No space left on device" in shown[1]


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_b11_closed_streams(tmp_path, closed):
    closing = "import os, sys; [os.close(int(n)) for n in sys.argv[1].split()]; os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    command = [sys.executable, "-c", closing, closed, "-c", SCRIPT, str(ROOT / "tests"), "--backend", "fallback"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    # What was printed for a closed stream stands in none of the files that were opened in its place.
    assert sorted(file.name for file in tmp_path.iterdir()) == ["output", "output.report.json"]
    assert json.loads((tmp_path / "output.report.json").read_bytes())["name"] == "small"


def test_b11_a_reader_that_stops_reading(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with start(tmp_path, "--backend", "fallback", stdout=writing) as process:
        os.close(writing)
        _, shown = process.communicate()
    assert process.returncode == 0, shown
    assert b"Error" not in shown


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_b11_signals_end_compilers_and_leave_nothing(tmp_path, name, code):
    """While the C compiler runs: within a second, and neither its process nor its temporary folder stays."""
    (tmp_path / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    with start(tmp_path, "--backend", "webassembly,fallback", env=environment) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "temporary").glob("webdnn-*/kernels.c")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(getattr(signal, name))
        sent = time.monotonic()
        _, shown = process.communicate(timeout=20)
        took = time.monotonic() - sent
    assert process.returncode == code, shown
    assert f"interrupted by {name}".encode() in shown
    assert b"Traceback" not in shown
    assert took < 5  # a second, where the machine does nothing else
    assert [file.name for file in tmp_path.iterdir()] == ["temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert str(tmp_path).encode() not in subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout


def test_b5_what_no_page_can_run_is_refused(folder, give, capsys):
    give(small_graph(2_000_000))
    assert main(QUICK) == 1
    shown = capsys.readouterr().err
    assert "GB of memory; a page may use 2.1 GB" in shown
    assert "'conv'" in shown
    assert not list(folder.iterdir())


def test_b5_what_few_pages_can_run_is_said(folder, give, capsys):
    give(small_graph(700_000))
    assert main(QUICK) == 0
    assert "many browsers, those of phones above all" in capsys.readouterr().err

"""The convert command: what it accepts, what it refuses and how, and that it leaves nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.graphs import chain, small_graph
from webdnn.backend.fallback import TARGET as FALLBACK
from webdnn.backend.target import Target
from webdnn.cli import backends
from webdnn.cli.convert_keras import main
from webdnn.graph.dim import symbol
from webdnn.graph.errors import UnsupportedError, WebDNNError
from webdnn.graph.graph import Placeholder
from webdnn.graph.ops import Pool2D

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["model.keras", "--backend", "fallback"]


def replace_target(monkeypatch, **changes) -> None:
    def load(name: str) -> Target:
        return replace(FALLBACK, name=name, **changes)

    monkeypatch.setattr("webdnn.cli.convert.load_target", load)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


def test_writes_a_descriptor_a_report_and_a_picture(folder, give, capsys):
    asked = give(small_graph())
    assert main([*QUICK, "--input_shape", "(1,8,8,3)", "--visualize_ir"]) == 0
    assert asked == [(Path("model.keras"), ["(1, 8, 8, 3)"], False)]
    assert sorted(file.name for file in folder.iterdir()) == ["output", "output.report.json", "output.svg"]
    assert set(json.loads((folder / "output/descriptor.json").read_bytes())["backends"]) == {"fallback"}
    shown = capsys.readouterr()
    assert "WebDNN.load('./output')" in shown.out
    assert "plan fallback" in shown.err
    assert "\x1b" not in shown.out + shown.err


def test_the_report_has_the_numbers(folder, give):
    give(small_graph(symbol("N"), {"N": Placeholder(2, 8)}))
    assert main(QUICK) == 0
    report = json.loads((folder / "output.report.json").read_text())
    assert report["sample"] == {"N": 2}
    assert report["macs"] == 2 * 8 * 8 * 4 * 27
    assert report["macs_expression"] == f"{8 * 8 * 4 * 27}*N"
    assert report["parameters"] == 4 * 27 + 4
    assert report["placeholders"] == {"N": "2 <= N <= 8"}
    assert report["shards"] == 1
    part = report["backends"]["fallback"]
    assert part["activation_bytes"] >= part["largest_live_bytes"] >= 4 * 2 * (8 * 8 * 4 + 4 * 4 * 4)
    assert part["steps"] == part["dispatches"] == 2


def test_quiet_prints_nothing(folder, give, capsys):
    give(small_graph())
    assert main([*QUICK, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_optimize_0_keeps_the_graph(folder, give):
    give(small_graph())
    assert main([*QUICK, "--optimize", "0"]) == 0
    assert json.loads((folder / "output.report.json").read_text())["ops"] == {
        "Conv2D": 1,
        "Elementwise": 2,
        "Pool2D": 1,
    }


def test_preprocessing_is_compiled_in(folder, give):
    give(small_graph())
    assert main([*QUICK, "--preprocess", "torch", "--optimize", "0"]) == 0
    assert json.loads((folder / "output.report.json").read_text())["ops"]["Elementwise"] == 4


def test_dump(folder, give):
    give(small_graph())
    assert main([*QUICK, "--dump", "dump"]) == 0
    assert "Conv2D" in (folder / "dump/graph.txt").read_text()
    assert (folder / "dump/fallback/plan.txt").read_text().startswith("plan for fallback")


def test_kernel_sources_are_dumped_and_printed(folder, give, capsys, monkeypatch):
    give(small_graph())
    monkeypatch.setenv("WEBDNN_DEBUG", "3")
    assert main(["model.keras", "--backend", "webassembly,webgpu,webgl", "--dump", "dump"]) == 0
    printed = capsys.readouterr().err
    sources = [
        folder / "dump/webassembly/kernels.c",
        *sorted((folder / "dump/webgpu/kernels").glob("*.wgsl")),
        *sorted((folder / "dump/webgl/kernels").glob("*.frag")),
    ]
    assert len(sources) > 2
    for source in sources:
        assert source.read_text().strip()[:200] in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: MODEL"),
        (["model.keras", "other.keras"], "one model at a time"),
        (["model.keras", "--optimise", "0"], "unknown option --optimise; did you mean --optimize?"),
        (["model.keras", "--xyz"], "--backend"),
        (["model.keras", "--back", "webgl"], "unknown option --back"),
        (["model.keras", "--optimize", "3"], "invalid choice: '3'"),
        (["model.keras", "--preprocess", "imagenet"], "'caffe'"),
        (["model.keras", "--backend", "cuda"], "there is no backend 'cuda'; choose from "),
        (["model.keras", "--backend", ""], "there is no backend ''"),
        (["model.keras", "--input_shape", "1,2"], "write it like '(1,224,224,3)'"),
        (["model.keras", "--input_shape", "(0,2)"], "size 0 is less than 1"),
    ],
)
def test_wrong_usage(folder, capsys, arguments, message):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("convert_keras: error: ")
    assert "Traceback" not in shown.err
    assert not list(folder.iterdir())


def test_webdnn_debug_must_be_a_number(folder, monkeypatch, capsys):
    monkeypatch.setenv("WEBDNN_DEBUG", "yes")
    assert main(QUICK) == 2
    assert "WEBDNN_DEBUG is 'yes'" in capsys.readouterr().err


def test_webmetal_is_an_old_name_of_webgpu(monkeypatch):
    monkeypatch.setattr(backends, "available", lambda: ["webgpu", "fallback"])
    names, notes = backends.parse_backends("fallback, WebMetal")
    assert names == ["webgpu", "fallback"]
    assert "old name of webgpu" in notes[0]


def test_missing_model(folder, capsys):
    assert main(QUICK) == 1
    assert "model.keras" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_no_model_in_the_file(folder, capsys):
    (folder / "model.keras").write_bytes(b"PK\x03\x04 nothing")
    assert main(QUICK) == 1
    shown = capsys.readouterr().err
    assert "model.keras" in shown
    assert "Traceback" not in shown


def test_a_directory_that_holds_something_else_is_kept(folder, give, capsys):
    give(small_graph())
    (folder / "output").mkdir()
    (folder / "output/thesis.txt").write_text("years of work")
    assert main(QUICK) == 1
    assert "--force" in capsys.readouterr().err
    assert files_of(folder) == {"output/thesis.txt": b"years of work"}


@pytest.mark.parametrize("out", [".", "..", "here", "/"])
def test_force_does_not_take_the_model_or_the_current_directory(folder, give, monkeypatch, capsys, out):
    give(small_graph())
    (folder / "here").mkdir()
    (folder / "here/model.keras").write_bytes(b"")
    (folder / "work").mkdir()
    monkeypatch.chdir(folder / "work")
    out = str(folder / out) if out == "here" else out
    assert main([str(folder / "here/model.keras"), "--backend", "fallback", "--out", out, "--force"]) == 1
    assert "choose another --out" in capsys.readouterr().err
    assert (folder / "here/model.keras").exists()


def test_output_below_a_file(folder, give, capsys):
    give(small_graph())
    (folder / "file").write_bytes(b"")
    assert main([*QUICK, "--out", "file/output"]) == 1
    assert "is not a directory" in capsys.readouterr().err


def test_output_without_permission_is_found_before_the_model_is_read(folder, give, monkeypatch, capsys):
    asked = give(small_graph())
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert main(QUICK) == 1
    assert "no permission" in capsys.readouterr().err
    assert asked == []


def test_dump_into_the_output_is_refused(folder, give, capsys):
    give(small_graph())
    assert main([*QUICK, "--dump", "output/dump"]) == 1
    assert "choose another --dump" in capsys.readouterr().err


@pytest.mark.parametrize("exists", [False, True])
def test_full_disk_leaves_what_was_there(folder, give, monkeypatch, capsys, exists):
    give(small_graph())
    if exists:
        assert main(QUICK) == 0
    before = files_of(folder)
    write_bytes = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name.startswith("plan."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(QUICK) == 1
    assert "cannot write output: No space left on device" in capsys.readouterr().err
    assert files_of(folder) == before


def test_an_error_in_the_middle_writes_nothing(folder, give, monkeypatch, capsys):
    give(small_graph())

    def no_compiler(plan, target, options):
        raise WebDNNError("no C compiler: install ziglang")

    replace_target(monkeypatch, finish=no_compiler)
    assert main(QUICK) == 1
    assert capsys.readouterr().err.endswith("convert_keras: error: no C compiler: install ziglang\n")
    assert not list(folder.iterdir())


def test_bugs_are_shown_with_their_traceback(folder, give, monkeypatch, capsys):
    give(small_graph())
    monkeypatch.setattr("webdnn.cli.convert.build_plan", lambda *_: 1 // 0)
    assert main(QUICK) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "bug of WebDNN" in shown


def test_debug_shows_the_traceback_of_our_errors(folder, monkeypatch, capsys):
    monkeypatch.setenv("WEBDNN_DEBUG", "1")
    assert main(QUICK) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_default_backend_that_cannot_run_the_model_is_left_out(folder, give, monkeypatch, capsys):
    give(small_graph())
    monkeypatch.setattr("webdnn.cli.convert.available", lambda: ["webgl", "fallback"])
    without = {op: lower for op, lower in FALLBACK.lowerings.items() if op is not Pool2D}
    targets = {"webgl": replace(FALLBACK, name="webgl", lowerings=without), "fallback": FALLBACK}
    monkeypatch.setattr("webdnn.cli.convert.load_target", targets.__getitem__)
    assert main(["model.keras"]) == 0
    shown = capsys.readouterr()
    assert "webgl is left out" in shown.err
    assert "Pool2D 'pool'" in shown.err
    assert "webgl is left out" in shown.out
    report = json.loads((folder / "output.report.json").read_text())
    assert list(report["backends"]) == ["fallback"]
    assert "Pool2D" in report["left_out"]["webgl"]


def test_a_backend_asked_for_by_name_must_run_the_model(folder, give, monkeypatch, capsys):
    give(small_graph())
    replace_target(monkeypatch, lowerings={})
    assert main(QUICK) == 1
    assert "fallback cannot run" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_no_backend_at_all(folder, give, monkeypatch, capsys):
    give(small_graph())
    monkeypatch.setattr("webdnn.cli.convert.available", lambda: ["fallback"])
    replace_target(monkeypatch, lowerings={})
    assert main(["model.keras"]) == 1
    assert "no backend can run this model" in capsys.readouterr().err


def test_a_backend_that_does_not_import_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(backends.BACKENDS, "fallback", "webdnn.backend.none_such")
    with pytest.raises(UnsupportedError, match="none_such"):
        backends.load_target("fallback")


@pytest.mark.usefixtures("compilers_run")
def test_conversions_in_different_folders_are_identical(tmp_path, give, monkeypatch):
    results = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        give(small_graph())
        assert main(["model.keras", "--quiet", "--visualize_ir"]) == 0
        results.append(files_of(tmp_path / name))
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_chain_of_5000_ops(folder, give):
    give(chain(5000))
    assert main([*QUICK, "--visualize_ir", "--dump", "dump"]) == 0
    report = json.loads((folder / "output.report.json").read_text())
    assert report["ops"] == {"Pool2D": 5000}
    assert report["backends"]["fallback"]["steps"] == 5000


def test_the_script_runs_in_any_folder(tmp_path):
    """The one real process: no import of the package from the current directory, exit code and stream as documented."""
    command = [sys.executable, str(ROOT / "bin/convert_keras.py"), "none.keras"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("convert_keras: error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_keras_model(tmp_path):
    """Two processes, two folders, two seeds of Python's hashes: the same bytes; and what Keras and JAX print stays out of sight."""
    import keras

    inputs = [keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")]
    joined = keras.layers.Concatenate()([keras.layers.Conv2D(4, 3, activation="relu")(x) for x in inputs])
    outputs = [keras.layers.Dense(3)(keras.layers.Flatten()(joined)), keras.layers.MaxPooling2D()(joined)]
    keras.Model(inputs, outputs, name="two").save(tmp_path / "model.keras")
    command = [sys.executable, str(ROOT / "bin/convert_keras.py"), str(tmp_path / "model.keras"), "--quiet"]
    command += ["--input_shape", "right=(N,8,8,3)", "--input_shape", "left=(N,8,8,3)"]
    results = []
    for seed in ("1", "2"):
        place = tmp_path / seed
        place.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        results.append(files_of(place))
    assert results[0] == results[1]
    assert json.loads(results[0]["output.report.json"])["inputs"] == {
        "left": "float32[N, 8, 8, 3]",
        "right": "float32[N, 8, 8, 3]",
    }


def test_the_compiler_is_missing(folder, give, monkeypatch, capsys):
    pytest.importorskip("webdnn.backend.webassembly")
    give(small_graph())
    monkeypatch.setitem(sys.modules, "ziglang", None)
    assert main(["model.keras"]) == 1
    assert "pip install ziglang" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_the_script_says_what_is_missing():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import _packages as p; "
        "p.PYTHON = p.ROOT / 'none'; p.require('numpy', 'no_such')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "bin")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Python packages are missing: no_such" in done.stderr
    assert "pip install" in done.stderr


def test_every_option_is_documented():
    from webdnn.cli.convert_keras import parser

    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    options = {option for action in parser()._actions for option in action.option_strings if option.startswith("--")}
    assert options > {"--out", "--backend"}
    assert [option for option in sorted(options) if f"`{option}" not in page] == []

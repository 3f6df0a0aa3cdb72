"""Prepares a checkout for bin/test and bin/demo: `ensure(...)` installs what is missing, then starts the calling script
again in the checkout's Python. Only the standard library is used here, and nothing is done twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
RUNTIME = ROOT / "webdnn_js"


def ensure(*, extras: Sequence[str] = (), node: bool = False, chromium: bool = False, firefox: bool = False) -> None:
    """Returns only inside the virtual environment, with everything asked for installed.

    `extras` are the optional dependencies of pyproject.toml, `node` asks for the packages of webdnn_js, `chromium` for
    a Chromium, `firefox` for a Firefox. Ends the program with a message when something cannot be installed.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - whichever python3 there is runs this file
        sys.exit(f"WebDNN needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    _ensure_python(extras)
    if node:
        ensure_node_packages(RUNTIME)
    if chromium:
        _ensure_browser("Chromium", ["chromium", "chromium-browser"], "install Chromium or Chrome")
    if firefox:
        _ensure_browser("Firefox", ["firefox-esr", "firefox"], "install Firefox")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    # Programs started by the script see this checkout, whichever one the environment was made for.
    source = str(ROOT / "src")
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *(path for path in paths if path and path != source)])
    if Path(sys.prefix).resolve() != VENV.resolve():
        _restart()
    if source not in sys.path:
        sys.path.insert(0, source)


def _restart() -> None:
    python = python_of(VENV)
    command = [str(python), *sys.argv]
    sys.stdout.flush()
    if os.name == "nt":  # exec on Windows returns to the shell at once
        sys.exit(subprocess.run(command, check=False).returncode)
    os.execv(python, command)


def _ensure_python(extras: Sequence[str]) -> None:
    # An environment that is a link is shared between checkouts: it gets the dependencies, not this package.
    shared = VENV.is_symlink()
    make_environment(VENV)
    pyproject = ROOT / "pyproject.toml"
    stamp = VENV / "webdnn-installed.txt"
    wanted = f"{digest(pyproject, ROOT / 'setup.py')} {'shared' if shared else ROOT} {' '.join(sorted(extras))}"
    if stamp.exists() and wanted in stamp.read_text().splitlines():
        return
    what = f" with {', '.join(extras)}" if extras else ""
    _say(f"installing the Python packages{what} (a few minutes the first time)")
    if shared:
        import tomllib  # new in Python 3.11, and an older one should get as far as our message

        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        packages = project["dependencies"] + [p for extra in extras for p in project["optional-dependencies"][extra]]
    else:
        packages = ["--editable", f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)]
    pip_install(VENV, *packages)
    # One line for each set of extras; all of them are void once pyproject.toml changes.
    current = wanted.split()[0]
    kept = [line for line in (stamp.read_text().splitlines() if stamp.exists() else []) if line.startswith(current)]
    stamp.write_text("\n".join([*kept, wanted]) + "\n")


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(venv: Path) -> None:
    """Makes the virtual environment `venv` if there is none."""
    if not python_of(venv).exists():
        _say(f"creating {venv.relative_to(ROOT)}")
        _run([sys.executable, "-m", "venv", *([] if _has_ensurepip() else ["--without-pip"]), str(venv.resolve())])


def pip_install(venv: Path, *packages: str) -> None:
    """`packages` are arguments of pip install."""
    python = str(python_of(venv))
    pip = [python, "-m", "pip"] if _has_pip(python) else [sys.executable, "-m", "pip", "--python", python]
    _run([*pip, "install", "--quiet", "--disable-pip-version-check", *packages])


def _has_ensurepip() -> bool:
    """Debian leaves ensurepip out unless python3-venv is installed."""
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def _has_pip(python: str) -> bool:
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0


def ensure_node_packages(folder: Path) -> None:
    """Installs what the lock file in `folder` names."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        sys.exit("Node 20.19 or newer with npm is needed: install it, then try again")
    stamp = folder / "node_modules" / ".webdnn-installed.txt"
    wanted = digest(folder / "package.json", folder / "package-lock.json")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if (folder / "node_modules").is_symlink():
        # npm ci would empty the folder behind the link, which other checkouts use, and put a folder in place of the link.
        _say(
            f"{folder.relative_to(ROOT) / 'node_modules'} is a link, so it is used as it is, though it may not be what the lock file names"
        )
        return
    _say(f"installing the Node packages of {folder.relative_to(ROOT)}")
    _run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder)
    stamp.write_text(wanted)


def _ensure_browser(name: str, programs: Sequence[str], advice: str) -> None:
    """`programs` are the names that it may have; the first is also Debian's package."""
    variable = f"WEBDNN_{name.upper()}"
    chosen = os.environ.get(variable)
    if chosen:
        if not Path(chosen).exists():
            sys.exit(f"{variable} is {chosen}, which does not exist")
        return
    if any(map(shutil.which, programs)):
        return
    package = programs[0]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit(
            f"{name} is missing. On Debian, as root: apt-get install {package}\n"
            f"Elsewhere: {advice} and set {variable} to its path"
        )
    _say(f"installing {package} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update"], env=environment)
    _run(install, env=environment)


def _run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Runs quietly; what the command printed is shown when it fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        done = subprocess.run(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            output.seek(0)
            sys.stderr.write(output.read())
            sys.exit(
                f"setup failed ({done.returncode}): {' '.join(map(str, command))}\n"
                "What it printed stands above. Installing needs a network; what is installed already is not asked for again."
            )


def digest(*files: Path) -> str:
    """Tells whether one of `files` has changed."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)

"""Plugins: Python files that add layers, ops, kernels and rules to the conversions that name them.

A plugin's file defines `register(plugin)`, which is called once for each conversion, and registers by the methods of `Plugin`. Nothing is kept
from one conversion to the next. docs/plugins.md explains plugins by an example.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import jinja2

from webdnn.backend.target import Lowering, Target, merge_tables
from webdnn.frontend.user_files import run_file
from webdnn.graph.errors import ModelError, PluginError, WebDNNError
from webdnn.graph.graph import Op
from webdnn.graph.ops import OPS
from webdnn.optimizer.rewrite import Rule

__all__ = ["Plugin", "Plugins", "loaded"]

Files: TypeAlias = "Sequence[str | os.PathLike[str]]"
REGISTER = "register"
BACKENDS = ("webgpu", "webgl", "webassembly", "fallback")
FRONTENDS = ("keras",)


@dataclass(eq=False)
class Plugin:
    """What one plugin registers for one conversion. Each method raises PluginError for what cannot be registered, or is there already."""

    file: Path
    layers: dict[str, dict[str | type, Callable[..., Any]]] = field(default_factory=dict)
    lowerings: dict[str, dict[type[Op], Lowering]] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder of the plugin's file."""
        return self.file.resolve().parent

    def layer(self, layer: type | str, lowering: Callable[..., Any], frontend: str = "keras") -> None:
        """`lowering(layer, inputs, context, …)` writes the ops of one call of a layer, and gives its result or a list of results.

        `layer` is the class, which a model's file may then name, too, or the name of a class that the model has, or `--custom_objects` defines. A
        further argument of the layer's call, such as `mask`, is a parameter of the lowering with that name.
        """
        self._check(frontend in FRONTENDS, f"there is no frontend {frontend!r}; choose from {', '.join(FRONTENDS)}")
        self._check(isinstance(layer, (type, str)), f"a layer is a class or the name of one, got {layer!r}")
        self._check_callable(lowering, f"the converter of {layer!r}")
        table = self.layers.setdefault(frontend, {})
        self._check(layer not in table, f"{_name(layer)} has a converter already")
        table[layer] = lowering

    def lowering(self, backend: str, op: type[Op], lowering: Lowering) -> None:
        """`lowering(builder, node, op)` emits the steps of one node for a backend; `op` is a class of the plugin's own."""
        self._check(backend in BACKENDS, f"there is no backend {backend!r}; choose from {', '.join(BACKENDS)}")
        self._check(isinstance(op, type) and issubclass(op, Op), f"{op!r} is no subclass of webdnn.graph.graph.Op")
        taken = {known.__name__ for known in OPS}
        self._check(op.__name__ not in taken, f"{op.__name__} is an op of WebDNN; give yours another name")
        self._check_callable(lowering, f"the lowering of {op.__name__}")
        table = self.lowerings.setdefault(backend, {})
        self._check(op not in table, f"{op.__name__} is lowered for {backend} already")
        table[op] = lowering

    def templates(self, folder: str | os.PathLike[str]) -> None:
        """Where the templates of its kernels lie: `NAME.wgsl.jinja` (webgpu), `NAME.glsl.jinja` (webgl), `NAME.c.jinja` (webassembly). They may
        include WebDNN's own. A path that is not absolute is one from the plugin's folder."""
        path = self.folder / folder
        self._check(path.is_dir(), f"the folder of templates {str(path)!r} does not exist")
        self._check(path not in self.folders, f"the folder of templates {str(path)!r} is registered already")
        self.folders.append(path)

    def rule(self, rule: Rule) -> None:
        """`rule(value, context)` gives a value that equals `value` for every input of the graph, or None. Rules of plugins are tried before
        WebDNN's own, on the graph of the model and on the bodies of its loops; with `--optimize 0` they are not."""
        self._check_callable(rule, "a rule")
        self._check(rule not in self.rules, f"the rule {getattr(rule, '__name__', rule)} is registered already")
        self.rules.append(rule)

    def _check_callable(self, function: object, what: str) -> None:
        self._check(callable(function), f"{what} is {function!r}, which is no function")

    def _check(self, is_right: bool, message: str) -> None:
        if not is_right:
            raise PluginError(message)


@dataclass(frozen=True)
class Plugins:
    """All plugins of one conversion, in the order in which they were named."""

    each: tuple[Plugin, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for plugin in self.each for rule in plugin.rules)

    def layers(self, frontend: str) -> dict[str | type, Callable[..., Any]]:
        """The converters for a frontend, by classes and names."""
        found: dict[str | type, Callable[..., Any]] = {}
        for plugin in self.each:
            for layer, lowering in plugin.layers.get(frontend, {}).items():
                if _name(layer) in map(_name, found):
                    raise PluginError(f"{_of(plugin)}: another plugin has a converter for {_name(layer)}, too")
                found[layer] = lowering
        return found

    def extended(self, target: Target) -> Target:
        """`target` with what the plugins have for it."""
        if not self.each:
            return target
        tables: list[dict[type[Op], Lowering]] = []
        for plugin in self.each:
            own = plugin.lowerings.get(target.name, {})
            for op in own:
                if op.__name__ in {other.__name__ for table in tables for other in table}:
                    raise PluginError(f"{_of(plugin)}: another plugin has an op {op.__name__}, too; rename one")
            tables.append(own)
        self._check_templates(target)
        folders = tuple(folder for plugin in self.each for folder in plugin.folders)
        return replace(target, lowerings=merge_tables(target.lowerings, *tables), templates=folders)

    def _check_templates(self, target: Target) -> None:
        """A template that has the name of another would hide it, or be hidden."""
        if target.kernels is None:
            return
        found = {file.name: "WebDNN itself" for file in target.kernels.iterdir()}
        for plugin in self.each:
            for folder in plugin.folders:
                for file in sorted(folder.glob(f"*{target.suffix}")):
                    if file.name in found:
                        raise PluginError(f"{str(file)!r}: {found[file.name]} has a template of that name; rename it")
                    found[file.name] = f"the plugin {str(plugin.file)!r}"


@contextmanager
def loaded(files: Files) -> Iterator[Plugins]:
    """The plugins in Python files, whose `register` has been called. What goes wrong in their code, then or later, becomes a PluginError that names
    file and line."""
    paths = [Path(file) for file in files]
    with _blamed(paths):
        yield Plugins(tuple(map(_load, paths)))


def _load(file: Path) -> Plugin:
    module = _module(file)
    register = getattr(module, REGISTER, None)
    if not callable(register):
        raise PluginError(f"plugin {str(file)!r} defines no function {REGISTER}(plugin); see docs/plugins.md")
    plugin = Plugin(file)
    try:
        register(plugin)
    except PluginError as error:
        raise PluginError(f"plugin {_place(error, [file]) or repr(str(file))}: {error}") from error
    return plugin


_MODULES: dict[Path, tuple[int, ModuleType]] = {}
"""The module of each file that was run, and when the file was changed. A graph that was made with a plugin's ops can so be converted later with the
same plugin, whose classes are then the same ones. What a plugin registers is not kept."""


def _module(file: Path) -> ModuleType:
    path = file.resolve()
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    known = _MODULES.get(path)
    if known is None or known[0] != changed:
        try:
            known = changed, run_file(file, "--plugin")
        except ModelError as error:
            raise PluginError(str(error)) from error
        _MODULES[path] = known
    return known[1]


@contextmanager
def _blamed(files: Sequence[Path]) -> Iterator[None]:
    """Turns what is raised by the plugins' code, and is none of our errors, into a PluginError."""
    try:
        yield
    except WebDNNError:
        raise
    except Exception as error:
        place = _place(error, files)
        if place is None:
            raise
        raise PluginError(f"plugin {place}: {type(error).__name__}: {error}") from error


def _place(error: Exception, files: Sequence[Path]) -> str | None:
    """File and line, in the folder of one of `files`, that were reached last before `error` was raised, or None."""
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        frames = [(error.filename, error.lineno)]
    else:
        frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    folders = [file.resolve().parent for file in files]
    for name, line in reversed(frames):
        if any(folder in Path(name).resolve().parents for folder in folders) and "site-packages" not in name:
            return f"{name!r}, line {line}"
    return None


def _name(layer: str | type) -> str:
    return layer if isinstance(layer, str) else layer.__name__


def _of(plugin: Plugin) -> str:
    return f"plugin {str(plugin.file)!r}"

"""Graph → Descriptor: the part of a conversion that all frontends share."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.limits import memory_notice
from webdnn.cli.backends import available, load_target
from webdnn.cli.dump import dump, sources
from webdnn.cli.progress import Progress
from webdnn.cli.report import Report, make_report
from webdnn.descriptor.schema import Plan
from webdnn.descriptor.staging import OutputError, Staging, writing
from webdnn.descriptor.writer import check_output, publish, stage
from webdnn.graph.cost import parameters
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph
from webdnn.graph.verify import verify
from webdnn.plugin import Plugins

SLOWEST = "webassembly"


@dataclass(frozen=True)
class Options:
    """What a command line asks for. `backends` None means all that exist, without those that cannot run the model."""

    out: Path
    model: Path | None = None
    backends: tuple[str, ...] | None = None
    preprocess: str = "none"
    optimize: int = 1
    exact: bool = False
    toolchain: str = "zig"
    visualize: bool = False
    force: bool = False
    dump: Path | None = None
    debug: int = 0
    plugins: Plugins = field(default_factory=Plugins)


def convert(load: Callable[[], Graph], options: Options, progress: Progress) -> Report:
    """Runs the whole conversion; `load` gives the frontend's graph. Nothing is written unless everything succeeded."""
    check_place(options)
    graph = load()
    verify(graph)
    source_parameters = parameters(graph)
    if options.debug >= 2:
        progress.console.print(str(graph), markup=False)
    graph = _prepare(graph, options, progress)
    weights = WeightTable.of(graph)
    plans, left_out = build_plans(graph, weights, options, progress)
    if options.debug >= 3:
        for plan in plans.values():
            progress.console.print("\n".join(sources(plan)), markup=False)
    if options.dump:
        with progress.stage(f"dump to {options.dump}"), writing(options.dump):
            dump(options.dump, graph, plans)
    with progress.stage(f"write {options.out}"), Staging(options.out) as staging:
        files = stage(staging, graph, plans, weights.arrays)
        report = make_report(graph, plans, files, source_parameters=source_parameters, left_out=left_out)
        staging.write_beside(report_path(options.out), report.to_json())
        if options.visualize:
            from webdnn.cli.picture import draw

            staging.write_beside(picture_path(options.out), draw(graph))
        for path in publish(staging):
            progress.warn(f"{path} belongs to the Descriptor that was there before, and cannot be deleted")
    return report


def report_path(out: Path) -> Path:
    """Where the report of a conversion to `out` goes: beside it, for a Descriptor holds only what a page needs."""
    return out.with_name(out.name + ".report.json")


def picture_path(out: Path) -> Path:
    """Where the picture of a conversion to `out` goes."""
    return out.with_name(out.name + ".svg")


def check_place(options: Options) -> None:
    """Raises OutputError when the output certainly cannot be written: better now than after a minute's work."""
    out = options.out
    if not out.name:
        raise OutputError(f"{out} has no name of its own; choose another --out, such as ./output")
    check_output(out, force=options.force)
    # Among the user's own files, those of a Descriptor would be hard to tell apart.
    kept = [Path.cwd(), *_home(), *([options.model] if options.model else [])]
    if any(out.resolve() in (path.resolve(), *path.resolve().parents) for path in kept):
        raise OutputError(f"{out} holds the model, the current directory or your home; choose another --out")
    if options.dump and out.resolve() in (options.dump.resolve(), *options.dump.resolve().parents):
        raise OutputError(
            f"--dump {options.dump} lies in {out}, which holds the Descriptor only; choose another --dump"
        )
    beside = [report_path(out), *([picture_path(out)] if options.visualize else [])]
    for path in beside:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a directory; move it, or choose another --out")
    if options.dump and options.dump.exists() and not options.dump.is_dir():
        raise OutputError(f"--dump {options.dump} is not a directory; choose another --dump")
    parent = out.resolve().parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"cannot write {out}: {parent} is not a directory; choose another --out")
    for folder in dict.fromkeys(
        [parent, *([out] if out.exists() else []), *(path.parent for path in beside if path.parent.exists())]
    ):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write {out}: no permission to write in {folder}; choose another --out")


def _home() -> list[Path]:
    """The user's home, which a container's user may not have."""
    try:
        return [Path.home()]
    except RuntimeError:
        return []


def _prepare(graph: Graph, options: Options, progress: Progress) -> Graph:
    """Preprocessing, then the optimizer; imported here, so that a faulty one does not stop `--help`."""
    if options.preprocess != "none":
        from webdnn.frontend.preprocess import apply_preprocess

        graph = apply_preprocess(graph, options.preprocess)
        verify(graph)
    if options.optimize:
        from webdnn.optimizer.passes import optimize

        with progress.stage("optimize"):
            graph = optimize(graph, level=options.optimize, further=options.plugins.rules)
            verify(graph)
    return graph


def build_plans(
    graph: Graph, weights: WeightTable, options: Options, progress: Progress
) -> tuple[dict[str, Plan], dict[str, str]]:
    """A plan for each backend, and why those of the default list that cannot run the model are left out.

    A backend that the user named is never left out: its UnsupportedError is raised.
    """
    names = options.backends or tuple(available())
    plans: dict[str, Plan] = {}
    left_out: dict[str, str] = {}

    def build(name: str) -> Plan:
        chosen = {"exact": options.exact, "toolchain": options.toolchain}
        return build_plan(graph, options.plugins.extended(load_target(name)), weights, chosen)

    with ThreadPoolExecutor(1) as pool:
        # webassembly mostly waits for its compiler; the others are built meanwhile.
        compiled = pool.submit(build, SLOWEST) if SLOWEST in names and len(names) > 1 else None
        others = [name for name in names if name != SLOWEST]
        for name in [*others, SLOWEST] if SLOWEST in names else others:
            try:
                with progress.stage(f"plan {name}"):
                    plans[name] = compiled.result() if compiled and name == SLOWEST else build(name)
            except UnsupportedError as error:
                if options.backends:
                    raise
                left_out[name] = str(error)
                progress.warn(f"{name} is left out of the Descriptor, so pages cannot use it: {error}")
    for name, plan in plans.items():
        for notice in filter(None, (plan.notice, memory_notice(plan, load_target(name), graph))):
            progress.warn(f"{name}: {notice}")
    if not plans:
        raise UnsupportedError("no backend can run this model:\n" + "\n".join(left_out.values()))
    return {name: plans[name] for name in names if name in plans}, left_out

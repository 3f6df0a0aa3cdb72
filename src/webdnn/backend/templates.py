"""Where templates of kernels are looked for: in a target's own folder, then in those of plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from webdnn.graph.errors import PluginError

OWN = "kernels"
"""The folder with the templates, beside a target's modules."""


def loader(kernels: Path, folders: Sequence[Path] = ()) -> jinja2.BaseLoader:
    """Reads templates of `kernels`, and of `folders`, in which no template has the name of another."""
    return jinja2.FileSystemLoader([kernels, *folders])


def template_of(environment: jinja2.Environment, name: str, folders: Sequence[Path]) -> jinja2.Template:
    """A template by its name. Raises PluginError where neither WebDNN nor a plugin has it."""
    try:
        return environment.get_template(name)
    except jinja2.TemplateNotFound as error:
        places = ", ".join(repr(str(folder)) for folder in folders) or "no plugin has a folder of templates"
        raise PluginError(f"there is no template {error.name!r}; looked for among WebDNN's and in {places}") from error

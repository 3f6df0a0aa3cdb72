"""The errors of the compiler. Each says what, where, got, want, and what to do next."""

from __future__ import annotations


class WebDNNError(Exception):
    """Base of every error that is the user's to read; command lines print it without a traceback."""


class GraphError(WebDNNError):
    """A graph that is not well formed: wrong rank, wrong shape, unknown attribute value."""


class ModelError(WebDNNError):
    """A model that cannot be read, or that contradicts what was asked of it: a damaged file, an input shape that does not fit."""


class UnsupportedError(WebDNNError):
    """Something asked for is not supported (yet): a layer, an op on a backend, an option."""


class MissingPackageError(WebDNNError):
    """A package that an installation may lack, and that is needed for what was asked."""


class PluginError(WebDNNError):
    """A plugin that cannot be run, or that registers what is there already."""


class ModelWarning(UserWarning):
    """Something about a model that its user should know though it is converted; command lines print it."""
